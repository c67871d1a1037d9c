//! `/v1/feed`: ledger entries as they come, by server-sent events. A cursor is an index in the ledger.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use countersign_service::Refusal;
use futures::stream;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Lasting;
use crate::extract::Asked;
use crate::problem::Problem;
use crate::serve::Closing;

/// How many entries are read at once.
const BATCH: u32 = 256;
/// How long to wait for the checkpoint over what was committed.
const CATCH_UP: Duration = Duration::from_millis(100);

/// From where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedParams {
    /// The index of the first entry to send. Not said: whatever comes from now on. A `Last-Event-ID` header goes first.
    cursor: Option<u64>,
}

/// Listens to the ledger
///
/// Each event's id is the entry's index, its name `entry`, its data the entry as JSON. A comment every few seconds
/// says that the line stands. `Last-Event-ID` takes up after the entry that came last.
#[utoipa::path(
    get, path = "/v1/feed", tag = "ledger", operation_id = "listen",
    params(FeedParams, ("last-event-id" = Option<u64>, Header, description = "The entry that came last.")),
    responses((status = 200, description = "Entries as they come.", content_type = "text/event-stream", body = String))
)]
pub(super) async fn feed(
    Lasting { caller, token }: Lasting,
    State(app): State<App>,
    closing: Option<Extension<Closing>>,
    headers: HeaderMap,
    Asked(params): Asked<FeedParams>,
) -> Result<Response, Problem> {
    app.service.feed_allowed(&caller)?;
    let room = Arc::clone(&app.feeds).try_acquire_owned().map_err(|_| Problem::no_room())?;
    // Before the first look, so that nothing falls between it and the first wait.
    let changes = app.service.store().changes();
    let next = match last_event(&headers)?.map(|last| last.saturating_add(1)).or(params.cursor) {
        Some(next) => next,
        None => app.service.store().head().await.map_err(Refusal::from)?.0,
    };
    let closing = closing.map(|Extension(Closing(closing))| closing);
    let now = Instant::now();
    let queue = VecDeque::new();
    let listener =
        Listener { app, token, next, changes, closing, checked: now, spoke: now, queue, _room: room };
    Ok(Sse::new(stream::unfold(listener, Listener::tell)).into_response())
}

/// Somebody who listens.
struct Listener {
    app: App,
    /// To look again whether they still may.
    token: String,
    /// The index of the entry that comes next.
    next: u64,
    changes: watch::Receiver<u64>,
    closing: Option<watch::Receiver<bool>>,
    /// When the token was looked at last.
    checked: Instant,
    /// When something was sent last.
    spoke: Instant,
    queue: VecDeque<Event>,
    _room: OwnedSemaphorePermit,
}

impl Listener {
    /// The next event; `None` ends the stream, and the listener comes again if they like.
    async fn tell(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some((Ok(event), self));
            }
            let heartbeat = self.app.options.heartbeat;
            if self.checked.elapsed() >= heartbeat {
                self.look_again().await.ok()?;
            }
            // Read before the entries: what is committed in between wakes the wait.
            let size = *self.changes.borrow_and_update();
            let entries = self.app.service.feed(self.next, BATCH).await.ok()?;
            if entries.is_empty() {
                // Committed and not yet under a checkpoint: that one is due any moment, and wakes nobody.
                let patience = if size > self.next { CATCH_UP } else { heartbeat };
                match self.wait(patience).await {
                    Woken::Changed => {}
                    Woken::Closing => return None,
                    Woken::Silence if self.spoke.elapsed() < heartbeat => {}
                    Woken::Silence => self.say(Event::default().comment("")),
                }
            }
            for (index, entry) in entries {
                self.say(event(index, &entry));
                self.next = index.saturating_add(1);
            }
        }
    }

    fn say(&mut self, event: Event) {
        self.queue.push_back(event);
        self.spoke = Instant::now();
    }

    /// Whether the token still opens this: it may have been taken back while its holder listened.
    async fn look_again(&mut self) -> Result<(), Refusal> {
        let caller = self.app.service.caller(&self.token).await?;
        self.app.service.feed_allowed(&caller)?;
        self.checked = Instant::now();
        Ok(())
    }

    async fn wait(&mut self, patience: Duration) -> Woken {
        let closing = async {
            match &mut self.closing {
                // The server is gone when its side is.
                Some(closing) => drop(closing.wait_for(|closing| *closing).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.changes.changed() => if changed.is_ok() { Woken::Changed } else { Woken::Closing },
            () = closing => Woken::Closing,
            () = tokio::time::sleep(patience) => Woken::Silence,
        }
    }
}

/// What ended a wait.
enum Woken {
    Changed,
    Silence,
    Closing,
}

fn event(index: u64, entry: &[u8]) -> Event {
    // A line break between the members of a JSON text means what a space means; within strings none stands bare.
    let text = String::from_utf8_lossy(entry).replace(['\r', '\n'], " ");
    Event::default().id(index.to_string()).event("entry").data(text)
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(sent) = headers.get("last-event-id") else { return Ok(None) };
    let index = sent.to_str().ok().and_then(|text| text.parse().ok());
    index.map(Some).ok_or_else(|| {
        let detail = "`Last-Event-ID` is the index of an entry, which this feed gave as the event's id";
        Problem::new(StatusCode::BAD_REQUEST, "bad_header", detail).at("Last-Event-ID")
    })
}

impl Problem {
    fn no_room() -> Self {
        let detail = "as many listen to the feed as this node has room for";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_room", detail)
    }
}
