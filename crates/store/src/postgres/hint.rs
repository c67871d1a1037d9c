//! Hints between nodes: `LISTEN` and `NOTIFY` on a connection of their own, which may be switched off. Nothing rests on
//! a hint: whoever misses one finds out a moment later by looking. No commit of ours holds a `NOTIFY`, since those stand
//! in one line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::connect::{Connector, For};
use super::sequencer::Sequencer;
use super::session::{OnHint, Session};

const LISTEN: &str = "listen countersign";
const TELL: &str = "select pg_notify('countersign', $1)";
/// What is to be told within this is told once.
const GATHER: Duration = Duration::from_millis(5);
/// After a connection was lost.
const PAUSE: Duration = Duration::from_millis(500);

/// What this node wants to tell, and whether it hears the others.
#[derive(Default)]
pub(super) struct Hints {
    tell: Notify,
    hears: AtomicBool,
}

impl Hints {
    /// Tells the others to look, soon.
    pub(super) fn tell(&self) {
        self.tell.notify_one();
    }

    /// Whether hints arrive, so that there is less need to look.
    pub(super) fn hears(&self) -> bool {
        self.hears.load(Ordering::Relaxed)
    }
}

/// Listens and tells until `stop`. `name` is how this one knows its own hints.
pub(super) async fn exchange(
    connector: Arc<Connector>,
    sequencer: Weak<Sequencer>,
    hints: Arc<Hints>,
    name: String,
    mut stop: watch::Receiver<bool>,
) {
    let own = name.clone();
    let on_hint: OnHint = Arc::new(move |from: &str| {
        if from != own
            && let Some(sequencer) = sequencer.upgrade()
        {
            sequencer.heard();
        }
    });
    let what = For::Hints(on_hint.clone());
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => break,
            outcome = one_connection(&connector, &what, &hints, &name, &on_hint) => {
                hints.hears.store(false, Ordering::Relaxed);
                if let Err(why) = outcome {
                    tracing::debug!("no hints for a moment: {why}");
                }
            }
        }
        tokio::select! {
            _ = stop.changed() => break,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn one_connection(
    connector: &Connector,
    what: &For,
    hints: &Hints,
    name: &str,
    on_hint: &OnHint,
) -> Result<(), super::connect::NoConnection> {
    let session: Session = connector.connect(what).await?;
    session.batch_execute(LISTEN).await?;
    hints.hears.store(true, Ordering::Relaxed);
    // Something may have been told before.
    on_hint("");
    loop {
        tokio::select! {
            () = hints.tell.notified() => {
                session.execute(TELL, &[&name]).await?;
                tokio::time::sleep(GATHER).await;
            }
            // A connection that nobody talks on says nothing when it is lost.
            () = tokio::time::sleep(PAUSE) => {
                if session.is_closed() {
                    return Ok(());
                }
            }
        }
    }
}
