//! A collector of traces as others run it: takes OTLP over HTTP and keeps what came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A collector, as long as it is held.
pub(crate) struct Collector {
    came: Arc<Mutex<Vec<Bytes>>>,
    url: String,
    _runtime: Runtime,
}

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where there is none.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// As text.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The traces that it is linked with.
    pub(crate) links: Vec<String>,
    pub(crate) failed: bool,
}

impl Collector {
    pub(crate) fn begin() -> Self {
        let runtime = Runtime::new().unwrap();
        let came = Arc::new(Mutex::new(Vec::new()));
        let keep = async |State(came): State<Arc<Mutex<Vec<Bytes>>>>, body: Bytes| {
            came.lock().unwrap().push(body);
        };
        let router = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&came));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { came, url, _runtime: runtime }
    }

    /// What a node's configuration says of it.
    pub(crate) fn section(&self) -> String {
        format!("[traces]\nendpoint = \"{}\"\n", self.url)
    }

    /// Everything that came, as it came.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.came.lock().unwrap().concat()
    }

    /// Every span that came.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let came = self.came.lock().unwrap().clone();
        let calls = came.into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let scopes = calls.flat_map(|call| call.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).map(read).collect()
    }
}

fn read(span: opentelemetry_proto::tonic::trace::v1::Span) -> Span {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let attributes = span.attributes.into_iter();
    Span {
        trace: hex::encode(span.trace_id),
        id: hex::encode(span.span_id),
        parent: hex::encode(span.parent_span_id),
        name: span.name,
        attributes: attributes.map(|it| (it.key, text(it.value.and_then(|value| value.value)))).collect(),
        links: span.links.into_iter().map(|link| hex::encode(link.trace_id)).collect(),
        failed: span.status.is_some_and(|status| status.code == 2),
    }
}
