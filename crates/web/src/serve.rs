//! Connections: how many, how long their heads may take, and how they end when the server stops.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Extension, Router};
use http::HeaderValue;
use http::header::CONNECTION;
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

/// How long a connection may still send a call that was on its way when the door closed.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Tells a call that lasts that the server is about to stop.
#[derive(Clone)]
pub(crate) struct Closing(pub(crate) watch::Receiver<bool>);

/// Serves until `shutdown` is ready. Then `/readyz` says so and feeds end, while all is answered for as long as
/// `options.pause`; then no more connections are taken, and open calls are waited for as long as `options.drain`.
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
    let (shut, shutting) = watch::channel(false);
    let leaving = Closing(closing);
    let router = router.layer(from_fn_with_state(leaving.clone(), hang_up)).layer(Extension(leaving));
    let room = Arc::new(Semaphore::new(options.connections));
    let mut open = JoinSet::new();
    let stopped = async {
        shutdown.await;
        // Receivers are in the router, which stands until the end.
        let _ = close.send(true);
        tokio::time::sleep(options.pause).await;
    };
    tokio::pin!(stopped);
    loop {
        let accept = async {
            // The semaphore is never closed.
            let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, from)| (stream, from, place))
        };
        tokio::select! {
            () = &mut stopped => break,
            Some(_) = open.join_next() => {}
            accepted = accept => match accepted {
                Ok((stream, from, place)) => {
                    let peer = Peer(from.ip());
                    let call = connection(stream, peer, router.clone(), options.head_timeout, shutting.clone());
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
    // Whoever was let in by the machine already is answered; who comes after finds the door closed, and nothing done.
    let listener = listener.into_std()?;
    while let Ok((stream, from)) = listener.accept() {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            let peer = Peer(from.ip());
            open.spawn(connection(stream, peer, router.clone(), options.head_timeout, shutting.clone()));
        }
    }
    drop(listener);
    // Receivers are gone only when no connection is left to be told.
    let _ = shut.send(true);
    let drained = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, drained).await.is_err() {
        tracing::warn!(connections = open.len(), "calls were still open and were broken off");
        open.shutdown().await;
    }
    Ok(())
}

/// Ends the connection with this answer once the server is about to stop.
async fn hang_up(State(Closing(closing)): State<Closing>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if *closing.borrow() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    head_timeout: Duration,
    mut shutting: watch::Receiver<bool>,
) {
    // Answers are short: waiting to fill a packet only makes them late. Without it they are late, not wrong.
    let _ = stream.set_nodelay(true);
    let calls = MapRequest::new(router, move |mut call: http::Request<Incoming>| {
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
        // A call that is on its way is let in; its answer is the last of this connection.
        () = async {
            let _ = shutting.wait_for(|shut| *shut).await;
            tokio::time::sleep(LAST_WORDS).await;
        } => None,
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
