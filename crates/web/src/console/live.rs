//! `/console/feed`: which requests something happened to, as it happens, by server-sent events. An event's id is the index
//! in the ledger up to which it tells; a browser that comes back names the last, and hears of everything since.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use countersign_service::caller::Caller;
use countersign_service::refusal::Refusal;
use futures::stream;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::desk::Desk;
use crate::app::App;
use crate::serve::Closing;

/// How many entries are told of at once; whoever is further behind looks at everything again anyway.
const BATCH: u32 = 512;

/// Tells what happens.
pub(super) async fn listen(
    desk: Desk,
    State(app): State<App>,
    headers: HeaderMap,
    closing: Option<Extension<Closing>>,
) -> Response {
    if app.service.feed_allowed(&desk.caller).is_err() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(room) = Arc::clone(&app.feeds).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // Before the first look, so that nothing falls between it and the first wait.
    let changes = app.service.store().changes();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let next = match last {
        Some(last) => last.saturating_add(1),
        None => match app.service.store().head().await {
            Ok((size, _)) => size,
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    };
    let closing = closing.map(|Extension(Closing(closing))| closing);
    let now = Instant::now();
    let listener = Listener {
        app,
        caller: desk.caller,
        next,
        changes,
        closing,
        checked: now,
        begun: false,
        _room: room,
    };
    Sse::new(stream::unfold(listener, Listener::tell)).into_response()
}

struct Listener {
    app: App,
    caller: Caller,
    /// The index of the entry that comes next.
    next: u64,
    changes: watch::Receiver<u64>,
    closing: Option<watch::Receiver<bool>>,
    /// When the caller was looked at last.
    checked: Instant,
    /// Whether anything was sent.
    begun: bool,
    _room: OwnedSemaphorePermit,
}

/// What of an entry is looked at.
#[derive(Deserialize)]
struct About {
    request: Option<String>,
}

impl Listener {
    /// The next event; `None` ends the stream, and the browser comes again.
    async fn tell(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if !self.begun {
            // The browser's line stands only once something came.
            self.begun = true;
            return Some((Ok(Event::default().event("ready").data("ready")), self));
        }
        let heartbeat = self.app.options.heartbeat;
        let spoke = Instant::now();
        loop {
            if self.checked.elapsed() >= heartbeat {
                self.look_again().await.ok()?;
            }
            let _ = *self.changes.borrow_and_update();
            let entries = self.committed().await?;
            if !entries.is_empty() {
                self.next = self.next.saturating_add(entries.len() as u64);
                let last = self.next.saturating_sub(1);
                let about: BTreeSet<String> = entries
                    .iter()
                    .filter_map(|entry| serde_json::from_slice::<About>(entry).ok()?.request)
                    .collect();
                let data = serde_json::to_string(&about).unwrap_or_default();
                return Some((Ok(Event::default().id(last.to_string()).event("changed").data(data)), self));
            }
            if spoke.elapsed() >= heartbeat {
                return Some((Ok(Event::default().comment("")), self));
            }
            if !self.wait(heartbeat).await {
                return None;
            }
        }
    }

    /// What was committed since, whether or not a checkpoint stands over it by now: the pages show it already, and nothing
    /// of an entry is told but which request it is about.
    async fn committed(&self) -> Option<Vec<Vec<u8>>> {
        let store = self.app.service.store();
        let (size, _) = store.head().await.ok()?;
        let room = size.saturating_sub(self.next).min(u64::from(BATCH)) as u32;
        if room == 0 {
            return Some(Vec::new());
        }
        store.entries(self.next, room).await.ok()
    }

    /// Whether they still may: their session may have been ended while they listened.
    async fn look_again(&mut self) -> Result<(), Refusal> {
        self.app.service.still_follows(&self.caller).await?;
        self.checked = Instant::now();
        Ok(())
    }

    /// Waits for a change, or a while; `false` when the server is about to stop.
    async fn wait(&mut self, patience: Duration) -> bool {
        let closing = async {
            match &mut self.closing {
                // The server is gone when its side is.
                Some(closing) => drop(closing.wait_for(|closing| *closing).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.changes.changed() => changed.is_ok(),
            () = closing => false,
            () = tokio::time::sleep(patience) => true,
        }
    }
}
