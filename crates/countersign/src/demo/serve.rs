//! Serves a demo, and says what to do with it.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use serde_json::json;
use tokio::net::TcpListener;

use super::folder::{LISTEN, Made, Shape, make};
use crate::command::serve::{log, runtime, until_stopped};
use crate::config::Config;
use crate::output::{Output, print_line};
use crate::wiring;

/// Makes the demo in `dir`, or carries on with it, and serves it until it is stopped.
///
/// # Errors
/// When a part of it cannot be made, opened or served.
pub(crate) fn run(dir: &Path, output: Output) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let fresh = !dir.exists();
        let made = make(dir, &Shape::default()).await?;
        let config = Config::load(&made.config)?;
        let traces = log(&config)?;
        let (listener, moved) = listen(config.server.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let service = wiring::begun(&config).await?;
        until_stopped(service, listener, &config, traces, || {
            if output.json {
                let portal = format!("{url}/privacy");
                let said =
                    json!({ "listening": url, "portal": portal, "directory": dir, "tokens": made.tokens });
                return print_line(&said.to_string());
            }
            if moved {
                print_line(&format!("{LISTEN} is taken, so a free port is used instead.\n"))?;
            }
            print_line(&welcome(dir, &url, &made, fresh))
        })
        .await?;
        print_line("Stopped. Started again, it carries on where it was.")
    })
}

/// The configured address, or a free port beside it when somebody else is there.
async fn listen(wanted: SocketAddr) -> anyhow::Result<(TcpListener, bool)> {
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok((listener, false)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let free = SocketAddr::new(wanted.ip(), 0);
            let listener =
                TcpListener::bind(free).await.with_context(|| format!("cannot listen on {}", wanted.ip()))?;
            Ok((listener, true))
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {wanted}")),
    }
}

fn welcome(dir: &Path, url: &str, made: &Made, fresh: bool) -> String {
    let program = std::env::current_exe().map_or_else(|_| "countersign".to_owned(), |path| near(&path));
    let dir = dir.display();
    let state = if fresh { "is made" } else { "carries on" };
    let mut lines = vec![
        format!("Countersign {} — the demo in {dir}/ {state}.", env!("CARGO_PKG_VERSION")),
        String::new(),
        format!("  portal   {url}/privacy     for customers: dan.004@example.test, eva.005@example.test, …"),
        format!(
            "  console  {url}/console     for people who work here; a way in for Olga: {program} invite \"Olga Officer\" --server {url} --token-file {dir}/tokens/ada-admin"
        ),
        format!("  API      {url}/v1/requests"),
        format!("  OpenAPI  {url}/openapi.json"),
        format!("  ledger   {url}/ledger/checkpoint"),
        format!("  health   {url}/readyz"),
        format!(
            "  mail     {dir}/inbox/*.eml     what the portal mails; the newest: ls -t {dir}/inbox | head -n 1"
        ),
        format!("  shop     {dir}/shop.sqlite"),
        String::new(),
        "Tokens:".to_owned(),
    ];
    let roles = [
        ("portal", "carries in what customers ask"),
        ("desk", "support; attests whom it speaks for"),
        ("cli", "submits from a command line"),
        ("sam-staff", "submitter, and an officer"),
        ("olga-officer", "reviewer for privacy"),
        ("otto-officer", "reviewer for privacy"),
        ("dora-dataowner", "reviewer for data_owner"),
        ("opal-operator", "operator"),
        ("aude-auditor", "auditor"),
        ("ada-admin", "administrator"),
    ];
    for (name, role) in roles {
        if let Some(token) = made.tokens.get(name) {
            lines.push(format!("  {name:<15} {role:<36} {token}"));
        }
    }
    lines.extend([
        String::new(),
        "In a browser: open the portal as Dan, press the link in his mail, and see what his device shows now by".to_owned(),
        format!("  {program} demo --dir {dir} --totp dan"),
        "In another terminal, from this folder:".to_owned(),
        format!("  export COUNTERSIGN_URL={url}"),
        format!("  alias cs={program}"),
        "  # Dan asks for his data, and proves by the code in his mail that he is Dan:".to_owned(),
        format!(
            "  cs request submit export --requester subject -s email=dan.004@example.test --token-file {dir}/tokens/portal | tee /tmp/dan"
        ),
        "  export COUNTERSIGN_TOKEN=$(sed -n 's/^token  *//p' /tmp/dan) ID=$(sed -n 's/^request  *//p' /tmp/dan)".to_owned(),
        "  cs request verify $ID email".to_owned(),
        format!("  grep -hoE '[0-9]{{8}}' $(ls -t {dir}/inbox/*.eml | head -n 1) | head -n 1     # the code"),
        "  cs request verify $ID email --code CODE".to_owned(),
        "  cs request package $ID -o dan.zip".to_owned(),
        "  unset COUNTERSIGN_TOKEN".to_owned(),
        "  # The support desk asks to erase Eva; an officer looks at what would be done, and signs:".to_owned(),
        format!("  cs request submit erase -s account=C-000005 --token-file {dir}/tokens/desk"),
        format!("  cs inbox --token-file {dir}/tokens/olga-officer"),
        format!("  cs vote ID approve --seat privacy --token-file {dir}/tokens/olga-officer"),
        "  # Anybody can check who let it:".to_owned(),
        format!("  cs --config {dir}/countersign.toml ledger export ledger-export && cs ledger verify ledger-export"),
        String::new(),
        format!("Keys and tokens lie in {dir}/ beside the data, and nobody watches the clock: for trying only."),
        "Ctrl-C stops it.".to_owned(),
    ]);
    lines.join("\n")
}

/// A path as it is written from this folder, where that is shorter.
fn near(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let within = path.strip_prefix(&here).map(|within| format!("./{}", within.display()));
    within.unwrap_or_else(|_| path.display().to_string())
}
