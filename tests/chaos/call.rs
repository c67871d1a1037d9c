//! One call that does not give up lightly: on any node, again and again under the same key, until somebody says yes or
//! no. Only a yes counts as acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_client::{Body, Error, Method, Problem};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::directory::Directory;

/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(40);

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Said<T> {
    /// Acknowledged.
    Yes(T),
    /// Refused, with a reason of its own.
    No(Box<Problem>),
    /// Nobody said either; it may have happened.
    Nothing,
}

impl<T> Said<T> {
    /// What was acknowledged.
    pub(crate) fn yes(self) -> Option<T> {
        match self {
            Self::Yes(it) => Some(it),
            Self::No(_) | Self::Nothing => None,
        }
    }

    /// The reason of a refusal, and nothing else.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::No(problem) => problem.reason(),
            Self::Yes(_) => "yes",
            Self::Nothing => "nothing",
        }
    }
}

/// What is called.
#[derive(Clone)]
pub(crate) struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Call {
    /// A reading call.
    pub(crate) fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None }
    }

    /// A call that changes something, done once by its key.
    pub(crate) fn post(path: String, body: Value) -> Self {
        Self { method: Method::POST, path, body: Some(body) }
    }

    /// A call that takes something away.
    pub(crate) fn delete(path: String) -> Self {
        Self { method: Method::DELETE, path, body: None }
    }

    /// A call that may be repeated.
    pub(crate) fn put(path: String, body: Value) -> Self {
        Self { method: Method::PUT, path, body: Some(body) }
    }
}

static KEYS: AtomicU64 = AtomicU64::new(0);

/// Calls in the name of `who`, at the node `first`, then at the next ones in turn.
pub(crate) async fn persist<T: DeserializeOwned>(
    directory: &Arc<Directory>,
    first: usize,
    who: &str,
    call: Call,
) -> Said<T> {
    let key = format!("chaos-{}-{}", std::process::id(), KEYS.fetch_add(1, Ordering::Relaxed));
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(50);
    for turn in 0.. {
        let node = (first + turn) % directory.len();
        if let Some(client) = directory.client(node, who) {
            match client.call(call.method.clone(), &call.path, body(&call), Some(&key)).await {
                Ok(answer) => {
                    // Under whatever that node shows now, what it acknowledged stands or will.
                    if call.method != Method::GET {
                        directory.look_at_checkpoint(node).await;
                    }
                    return Said::Yes(answer);
                }
                Err(Error::Refused(problem)) if !passes(&problem) => return Said::No(problem),
                Err(_) => {}
            }
        }
        if Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(800));
    }
    Said::Nothing
}

fn body(call: &Call) -> Body<'_, Value> {
    call.body.as_ref().map_or(Body::Empty, Body::Json)
}

/// Whether the same call may be answered otherwise in a moment.
fn passes(problem: &Problem) -> bool {
    problem.status >= 500 || problem.status == 429 || problem.reason() == "in_progress"
}
