//! A few threads, each with a read-only connection of its own. A read begins after it was asked for, so it sees
//! every commit that was answered before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use countersign_service::ports::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::fault::Fault;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Asks the reader threads; dropping it ends them.
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts one thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel::<Read>();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::with_capacity(connections.len());
        for db in connections {
            let waiting = Arc::clone(&waiting);
            threads.push(std::thread::Builder::new().name("store-reader".to_owned()).spawn(move || {
                loop {
                    // The lock is held while waiting and given up with the read in hand.
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(read) = next else { return };
                    if catch_unwind(AssertUnwindSafe(|| read(&db))).is_err() {
                        tracing::error!("a read panicked");
                    }
                }
            })?);
        }
        Ok(Self { queue: Some(queue), threads })
    }

    /// Answers one question, all of it from one moment.
    pub(super) async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let gone = || StoreError::Unavailable("the store is closed".to_owned());
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |db| {
            let _ = reply.send(within_snapshot(db, question).map_err(StoreError::from));
        });
        self.queue.as_ref().ok_or_else(gone)?.send(read).map_err(|_| gone())?;
        answer.await.map_err(|_| StoreError::Unavailable("a read panicked".to_owned()))?
    }
}

fn within_snapshot<T>(
    db: &Connection,
    question: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let snapshot = db.unchecked_transaction()?;
    let answer = question(&snapshot)?;
    snapshot.finish()?;
    Ok(answer)
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
