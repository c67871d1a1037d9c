//! Traces: spans of this node, sent to a collector of OpenTelemetry where `[traces]` names one. What a span may carry is a
//! list in `layer.rs`; how they hang together is said in `docs/decisions/027-a-request-is-a-trace.md`.

mod layer;
mod parent;
mod send;

use std::sync::Arc;

use countersign_web::Traced;
use tokio::sync::mpsc;

pub(crate) use self::layer::Spans;
pub(crate) use self::send::Sending;
use self::send::{Item, exporter};
use crate::config;

/// Spans that wait to be sent, at most; what comes beyond is dropped and counted.
const ROOM: usize = 8_192;

/// Spans are made from now on, and wait to be sent.
pub(crate) struct Traces {
    queue: mpsc::Sender<Item>,
    waiting: mpsc::Receiver<Item>,
    exporter: opentelemetry_otlp::SpanExporter,
    traced: Arc<Traced>,
}

impl Traces {
    /// What makes the spans, and what sends them.
    ///
    /// # Errors
    /// When there cannot be a client for that address.
    pub(crate) fn new(wanted: &config::Traces, node: Option<&str>) -> anyhow::Result<(Spans, Self)> {
        let (queue, waiting) = mpsc::channel(ROOM);
        let traced = Arc::new(Traced::default());
        let spans = Spans::new(queue.clone(), Arc::clone(&traced), wanted.one_in);
        let exporter = exporter(&wanted.endpoint, node)?;
        Ok((spans, Self { queue, waiting, exporter, traced }))
    }

    /// How many were sent, and dropped.
    pub(crate) fn counts(&self) -> Arc<Traced> {
        Arc::clone(&self.traced)
    }

    /// Sends them from now on.
    pub(crate) fn begin(self) -> Sending {
        tokio::spawn(send::send(self.waiting, self.exporter, self.traced));
        Sending::over(self.queue)
    }
}
