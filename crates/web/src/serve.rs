//! Connections: how many, how long their heads may take, and how they end when the server stops.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::util::MapRequest;

use crate::app::WebOptions;
use crate::portal::Peer;

/// The longest head of a call, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// The most headers of a call.
const HEADERS_MAX: usize = 64;
/// How long to wait after the machine refused a connection: out of file descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Tells a call that lasts that the server is about to stop.
#[derive(Clone)]
pub(crate) struct Closing(pub(crate) watch::Receiver<bool>);

/// Serves until `shutdown` is ready; then takes no more connections, ends feeds, and waits for open calls as long as
/// `options.drain`.
///
/// # Errors
/// None of a single connection; these end alone.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: WebOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let (close, closing) = watch::channel(false);
    let router = router.layer(Extension(Closing(closing.clone())));
    let room = Arc::new(Semaphore::new(options.connections));
    let mut open = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accept = async {
            // The semaphore is never closed.
            let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, from)| (stream, from, place))
        };
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = open.join_next() => {}
            accepted = accept => match accepted {
                Ok((stream, from, place)) => {
                    let peer = Peer(from.ip());
                    let call = connection(stream, peer, router.clone(), options.head_timeout, closing.clone());
                    open.spawn(async move { call.await; drop(place) });
                }
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // Receivers are gone only when no connection is left to be told.
    let _ = close.send(true);
    let drained = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, drained).await.is_err() {
        tracing::warn!(connections = open.len(), "calls were still open and were broken off");
        open.shutdown().await;
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    head_timeout: Duration,
    mut closing: watch::Receiver<bool>,
) {
    // Answers are short: waiting to fill a packet only makes them late. Without it they are late, not wrong.
    let _ = stream.set_nodelay(true);
    let calls = MapRequest::new(router, move |mut call: Request<Incoming>| {
        call.extensions_mut().insert(peer);
        call
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(calls));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = closing.wait_for(|closing| *closing) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
