//! `countersign serve`: this node at work, until it is told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use countersign_service::{SPANS, Service};
use countersign_web::{SignIn, WebOptions};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::backup::since::Since;
use crate::cli::Context;
use crate::config::{self, Config, LogForm};
use crate::installation::keys;
use crate::output::print_line;
use crate::traces::Traces;
use crate::wiring;

/// How long a node waits for the store to take a checkpoint when it starts and when it stops.
const LAST_CHECKPOINT: Duration = Duration::from_secs(10);
/// How long one of several nodes goes on answering after it was told to stop, so that whoever balances them notices.
const SHARED_STOP_PAUSE_MS: u64 = 3_000;

/// Serve the API, and carry out what is released.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Listen here instead; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    since: Since,
}

impl Serve {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let traces = log(&config)?;
        let listen = self.listen.unwrap_or(config.server.listen);
        runtime()?.block_on(async {
            let listener =
                TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
            let address = listener.local_addr()?;
            keys::lie_apart(&config.keys.directory, config.store.data())?;
            let service = wiring::begun(&config).await?;
            self.since.hold_against(&service).await?;
            tokio::spawn(super::keys::destroy_when_due(Arc::clone(&service), config.keys.directory.clone()));
            let begun = Instant::now();
            service.watch_clock(Arc::new(move || begun.elapsed()), config.work.clock_back_ms);
            let json = context.output.json;
            until_stopped(service, listener, &config, traces, || {
                let url = format!("http://{address}");
                print_line(&if json {
                    json!({ "listening": url }).to_string()
                } else {
                    format!("listening on {url}")
                })
            })
            .await
        })
    }
}

/// How the doors of this node are, which listens at `address`.
///
/// # Errors
/// When a file of the portal cannot be read.
fn web_options(config: &Config, address: SocketAddr) -> anyhow::Result<WebOptions> {
    let url = config.server.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let proxies = config.proxies();
    let portal = config.portal.as_ref().map(|portal| portal.open(&url, proxies)).transpose()?;
    // Browsers bind passkeys to a name: on one machine that is this one.
    let named = match &config.server.public_url {
        None if address.ip().is_loopback() => format!("http://localhost:{}", address.port()),
        _ => url,
    };
    let sign_in = SignIn { url: named, proxies };
    let usual = if config.store.is_shared() { SHARED_STOP_PAUSE_MS } else { 0 };
    let pause = Duration::from_millis(config.server.stop_pause_ms.unwrap_or(usual));
    Ok(WebOptions { portal, pause, sign_in, ..WebOptions::default() })
}

/// The threads that everything of a node runs on.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Serves and works until the process is asked to stop; then says so on `/readyz` for a while, takes no more
/// calls, and ends open ones and running jobs. `ready` is called once calls are answered.
pub(crate) async fn until_stopped(
    service: Arc<Service>,
    listener: TcpListener,
    config: &Config,
    traces: Option<Traces>,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // What a process that died has committed and not signed is not left waiting for the next change.
    if let Err(error) = last_checkpoint(&service).await {
        tracing::warn!("{error:#}");
    }
    let (stop, stopped) = watch::channel(false);
    let traced = traces.as_ref().map(Traces::counts);
    let options = WebOptions { traced, ..web_options(config, listener.local_addr()?)? };
    service.reached_at(&options.sign_in.url);
    if let Some(portal) = &options.portal {
        service.portal_at(&portal.url);
    }
    let working = tokio::spawn(Arc::clone(&service).work(stopped.clone()));
    let sending = traces.map(Traces::begin);
    let router = countersign_web::router(Arc::clone(&service), options.clone());
    let mut closing = stopped;
    let serving = tokio::spawn(countersign_web::serve(listener, router, options, async move {
        // An error means that the sender is gone: then it is time to stop too.
        let _ = closing.wait_for(|stop| *stop).await;
    }));
    ready()?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: open calls and running jobs come to an end");
    let _ = stop.send(true);
    tokio::select! {
        ended = async { (serving.await, working.await) } => {
            ended.0??;
            ended.1?;
            // Only now does nothing of this node commit any more.
            match last_checkpoint(&service).await {
                // Another node signs it.
                Err(error) if config.store.is_shared() => tracing::warn!("{error:#}"),
                signed => signed?,
            }
            service.store().close().await;
        }
        // Asked twice: what is left undone is found again at the next start.
        _ = interrupt.recv() => tracing::warn!("stopped at once"),
    }
    if let Some(sending) = sending {
        sending.end().await;
    }
    Ok(())
}

/// Leaves no entry without a checkpoint over it.
///
/// # Errors
/// When the store does not take it now: the entries stand, and a node that serves will sign them.
pub(crate) async fn last_checkpoint(service: &Service) -> anyhow::Result<()> {
    const WHY: &str = "the newest entries have no checkpoint yet; a node that serves will sign them";
    match tokio::time::timeout(LAST_CHECKPOINT, service.sign_all()).await {
        Ok(signed) => signed.context(WHY),
        Err(_) => Err(anyhow::anyhow!("the store does not answer")).context(WHY),
    }
}

/// Log lines go to standard error; spans to a collector, if the configuration names one.
pub(crate) fn log(config: &Config) -> anyhow::Result<Option<Traces>> {
    use tracing_subscriber::filter::filter_fn;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    use tracing_subscriber::{EnvFilter, Layer, fmt, registry};
    let log = &config.log;
    let filter = EnvFilter::try_new(&log.filter).with_context(|| format!("[log] filter `{}`", log.filter))?;
    // Spans are for collectors alone; what they say, lines say for themselves.
    let filter = filter.add_directive(format!("{SPANS}=off").parse()?);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match log.form {
        LogForm::Text => lines.boxed(),
        LogForm::Json => lines.json().boxed(),
    };
    let traces = config.traces.as_ref();
    let traces = traces.map(|traces| Traces::new(traces, config.server.name.as_deref())).transpose()?;
    let (spans, traces) = traces.unzip();
    let ours = filter_fn(|metadata| metadata.is_span() && metadata.target() == SPANS);
    let set = registry().with(lines.with_filter(filter)).with(spans.map(|spans| spans.with_filter(ours)));
    set.try_init().map_err(|error| anyhow::anyhow!("the log cannot be set up: {error}"))?;
    Ok(traces)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_door_counts_clients_behind_the_same_proxies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(config::FILE);
        let mail = "[mail]\nkind = \"inbox\"\ndirectory = \"inbox\"\nfrom = \"a@example.test\"\n";
        let address = SocketAddr::from(([127, 0, 0, 1], 7300));
        for (server, portal, doors) in [
            ("[server]\nproxies = 1\n", "", (1, None)),
            ("[server]\nproxies = 2\n", "[portal]\nname = \"Shop\"\n", (2, Some(2))),
            ("", "[portal]\nname = \"Shop\"\nproxies = 1\n", (1, Some(1))),
            ("", "[portal]\nname = \"Shop\"\n", (0, Some(0))),
        ] {
            std::fs::write(&path, [server, portal, mail].concat()).unwrap();
            let options = web_options(&Config::load(&path).unwrap(), address).unwrap();
            let counted = (options.sign_in.proxies, options.portal.map(|portal| portal.proxies));
            assert_eq!(counted, doors, "{server}{portal}");
        }
    }
}
