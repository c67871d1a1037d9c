//! Sends spans, in batches, over HTTP. A collector that is slow or away costs spans, which are counted, and nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use countersign_web::Traced;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::{mpsc, oneshot};

/// The most spans of one call.
const BATCH: usize = 512;
/// How long a span waits for others.
const GATHER: Duration = Duration::from_millis(500);
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the last spans are waited for when a node stops.
const LAST: Duration = Duration::from_secs(2);

/// What waits in the queue.
pub(super) enum Item {
    Span(Box<SpanData>),
    /// Tell when everything before was sent or dropped.
    Through(oneshot::Sender<()>),
}

/// Spans are being sent.
pub(crate) struct Sending(mpsc::Sender<Item>);

impl Sending {
    pub(super) fn over(queue: mpsc::Sender<Item>) -> Self {
        Self(queue)
    }

    /// Waits for what is on its way, for a moment.
    pub(crate) async fn end(self) {
        let (tell, told) = oneshot::channel();
        let through = async {
            if self.0.send(Item::Through(tell)).await.is_ok() {
                // Nobody tells when the sender is gone; then there is nothing to wait for.
                let _ = told.await;
            }
        };
        if tokio::time::timeout(LAST, through).await.is_err() {
            tracing::warn!("the last spans were not waited for");
        }
    }
}

/// Speaks OTLP over HTTP with the collector at that address. Headers come from `OTEL_EXPORTER_OTLP_HEADERS`, as everywhere.
pub(super) fn exporter(endpoint: &str, node: Option<&str>) -> anyhow::Result<SpanExporter> {
    // A collector that leads elsewhere would be handed what was meant for it alone.
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("the client of [traces]")?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .with_timeout(PATIENCE)
        .build()
        .context("the exporter of [traces]")?;
    let mut about = vec![
        KeyValue::new("service.name", "countersign"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    about.extend(node.map(|name| KeyValue::new("service.instance.id", name.to_owned())));
    exporter.set_resource(&Resource::builder_empty().with_attributes(about).build());
    Ok(exporter)
}

/// Sends until nobody is left who puts anything into the queue.
pub(super) async fn send(mut queue: mpsc::Receiver<Item>, exporter: SpanExporter, traced: Arc<Traced>) {
    let mut well = true;
    while let Some(first) = queue.recv().await {
        let (spans, through) = gathered(first, &mut queue).await;
        let count = spans.len() as u64;
        if count > 0 {
            let sent = exporter.export(spans).await.is_ok();
            let counter = if sent { &traced.sent } else { &traced.dropped };
            counter.fetch_add(count, Ordering::Relaxed);
            // Once, not for each batch; and not what the other end said, which may be anything.
            if well && !sent {
                tracing::warn!("the collector of [traces] takes no spans: they are dropped and counted");
            } else if sent && !well {
                tracing::info!("the collector of [traces] takes spans again");
            }
            well = sent;
        }
        if let Some(tell) = through {
            // Whoever asked may be gone.
            let _ = tell.send(());
        }
    }
}

/// What comes within a moment, up to a batch or to somebody who waits.
async fn gathered(
    first: Item,
    queue: &mut mpsc::Receiver<Item>,
) -> (Vec<SpanData>, Option<oneshot::Sender<()>>) {
    let until = tokio::time::Instant::now() + GATHER;
    let (mut spans, mut next) = (Vec::new(), Some(first));
    while let Some(item) = next {
        match item {
            Item::Span(span) => spans.push(*span),
            Item::Through(tell) => return (spans, Some(tell)),
        }
        if spans.len() == BATCH {
            break;
        }
        next = tokio::time::timeout_at(until, queue.recv()).await.unwrap_or(None);
    }
    (spans, None)
}
