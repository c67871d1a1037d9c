//! Makes spans for a collector of the spans of the program. What leaves is what stands in this file: names that are listed
//! here, with values that are numbers, words of ours, names from the settings or ids of requests. Lines of the log never do.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use countersign_core::id::RequestId;
use countersign_web::Traced;
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::parent;
use super::send::Item;

/// The longest text in a span.
const TEXT_MAX: usize = 128;

/// Makes spans and puts them into the queue; never waits.
pub(crate) struct Spans {
    queue: mpsc::Sender<Item>,
    traced: Arc<Traced>,
    one_in: u64,
}

/// A span that has not ended.
struct Open {
    context: SpanContext,
    parent: Option<SpanContext>,
    links: Vec<SpanContext>,
    began: SystemTime,
    told: Told,
}

/// What a span of the program says of itself.
#[derive(Default)]
struct Told {
    attributes: Vec<KeyValue>,
    request: Option<RequestId>,
    called: Option<SpanContext>,
    /// The parts of its name.
    words: Vec<String>,
    failed: bool,
}

impl Told {
    fn tell(&mut self, field: &Field, value: Value) {
        let text = || value.as_str().into_owned();
        let key = match field.name() {
            "traceparent" => {
                self.called = parent::called(&text());
                return;
            }
            "failed" => {
                self.failed |= value == Value::Bool(true);
                return;
            }
            "request" => {
                self.request = text().parse().ok();
                // An id and nothing else.
                if self.request.is_none() {
                    return;
                }
                "countersign.request"
            }
            "method" => "http.request.method",
            "route" => "http.route",
            "code" => {
                self.failed |= matches!(value, Value::I64(code) if code >= 500);
                "http.response.status_code"
            }
            "kind" => "countersign.job.kind",
            "attempts" => "countersign.job.attempts",
            "outcome" => {
                self.failed |= matches!(&*text(), "retry" | "given_up");
                "countersign.job.outcome"
            }
            "status" => "countersign.status",
            "action" => "countersign.action",
            "source" => "countersign.source",
            "operation" => "countersign.source.operation",
            _ => return,
        };
        if matches!(field.name(), "method" | "route" | "kind" | "operation" | "source" | "action") {
            self.words.push(text());
        }
        self.attributes.push(KeyValue::new(key, value));
    }
}

impl Visit for Told {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.tell(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.tell(field, Value::I64(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.tell(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let end = (0..=TEXT_MAX).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
        self.tell(field, Value::String(value[..end].to_owned().into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl Spans {
    pub(super) fn new(queue: mpsc::Sender<Item>, traced: Arc<Traced>, one_in: u64) -> Self {
        Self { queue, traced, one_in: one_in.max(1) }
    }

    /// Where a span that has none above it in this program belongs: its own context, whom it hangs under, and what it is
    /// linked with. Whether it is sent is the caller's word, or the same for all of a trace.
    fn root(&self, told: &Told) -> (SpanContext, Option<SpanContext>, Vec<SpanContext>) {
        let life = told.request.map(|id| self.life(id));
        match (&told.called, life) {
            (Some(called), life) => (below(called), Some(called.clone()), life.into_iter().collect()),
            (None, Some(life)) => (below(&life), Some(life), Vec::new()),
            (None, None) => {
                let trace = TraceId::from_bytes(random());
                let context = SpanContext::new(
                    trace,
                    SpanId::from_bytes(random()),
                    self.sampled(trace),
                    false,
                    TraceState::default(),
                );
                (context, None, Vec::new())
            }
        }
    }

    fn life(&self, id: RequestId) -> SpanContext {
        let trace = TraceId::from_bytes(*id.as_bytes());
        parent::of_request(id, self.sampled(trace))
    }

    fn sampled(&self, trace: TraceId) -> TraceFlags {
        let bytes = trace.to_bytes();
        let mut half = [0; 8];
        half.copy_from_slice(&bytes[8..]);
        let kept = u64::from_be_bytes(half).is_multiple_of(self.one_in);
        if kept { TraceFlags::SAMPLED } else { TraceFlags::default() }
    }

    fn put(&self, span: SpanData) {
        if self.queue.try_send(Item::Span(Box::new(span))).is_err() {
            self.traced.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S> Layer<S> for Spans
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut told = Told::default();
        attributes.record(&mut told);
        let name = attributes.metadata().name();
        let above = span.parent();
        let open = match (name, told.request) {
            // The beginning of a life: a trace of its own, linked with the call that it came by.
            ("request", Some(id)) => {
                let life = self.life(id);
                let mut links = Vec::new();
                if let Some(above) = above
                    && let Some(call) = above.extensions_mut().get_mut::<Open>()
                {
                    links.push(call.context.clone());
                    call.links.push(life.clone());
                }
                Open { context: life, parent: None, links, began: SystemTime::now(), told }
            }
            _ => {
                let inside = above.and_then(|above| {
                    let extensions = above.extensions();
                    extensions.get::<Open>().map(|open| open.context.clone())
                });
                let (context, parent, links) = match inside {
                    Some(parent) => (below(&parent), Some(parent), Vec::new()),
                    // What a node does for itself all the time is no trace.
                    None if matches!(name, "transaction" | "source") => return,
                    None => self.root(&told),
                };
                Open { context, parent, links, began: SystemTime::now(), told }
            }
        };
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.told);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        if open.context.is_sampled() {
            self.put(ended(open, span.metadata().name()));
        }
    }
}

/// A span under that one.
fn below(above: &SpanContext) -> SpanContext {
    let id = SpanId::from_bytes(random());
    SpanContext::new(above.trace_id(), id, above.trace_flags(), false, TraceState::default())
}

/// An id that nobody has. Without randomness it is the invalid one, which collectors pass over.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        return [0; N];
    }
    bytes
}

fn ended(open: Open, name: &'static str) -> SpanData {
    let Open { context, parent, links: linked, began, told } = open;
    let (span_kind, name) = match name {
        // By what is called, as is usual; the others by what they are.
        "call" => (SpanKind::Server, told.words.join(" ")),
        "source" => (SpanKind::Client, told.words.join(" ")),
        "job" | "request" => (SpanKind::Internal, [&[name.to_owned()], &*told.words].concat().join(" ")),
        _ => (SpanKind::Internal, name.to_owned()),
    };
    let mut links = SpanLinks::default();
    links.links.extend(linked.into_iter().map(Link::with_context));
    SpanData {
        span_context: context,
        parent_span_id: parent.as_ref().map_or(SpanId::INVALID, SpanContext::span_id),
        parent_span_is_remote: parent.is_some_and(|parent| parent.is_remote()),
        span_kind,
        name: name.into(),
        start_time: began,
        end_time: SystemTime::now(),
        attributes: told.attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status: if told.failed { Status::error("") } else { Status::Unset },
        instrumentation_scope: InstrumentationScope::builder("countersign").build(),
    }
}
