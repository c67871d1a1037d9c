//! Where a request's time goes, as a collector of traces sees it: one trace from the submission to the end, which the
//! callers' own traces are linked with; and a node whose collector is away works as if there were none.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use countersign_shop::cast::account_of;
use serde_json::{Value, json};

use crate::asked::People;
use crate::collector::{Collector, Span};
use crate::node::Node;

/// A caller's own trace.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn with_traces(section: &str) -> Node {
    Node::prepare(60, |node| {
        let config = node.folder().join("countersign.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(config, format!("{text}{section}")).unwrap();
    })
}

/// The desk's erasure of a customer, within a trace of the desk's own.
fn erase_within(node: &Node, customer: i64, traceparent: &str) -> String {
    let secret = std::fs::read_to_string(node.folder().join("tokens/desk")).unwrap();
    // A client of TLS wants to know by which; this one speaks none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let call = async {
        let asked = json!({"action": "erase", "subject": {"account": account_of(customer)}});
        let sent = reqwest::Client::new()
            .post(format!("{}/v1/requests?marked=query", node.url()))
            .bearer_auth(secret.trim())
            .header("traceparent", traceparent)
            .header("content-type", "application/json")
            .body(asked.to_string());
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let seen: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        seen["id"].as_str().unwrap().to_owned()
    };
    tokio::runtime::Runtime::new().unwrap().block_on(call)
}

/// What hangs under a span, at any depth.
fn below<'a>(spans: &'a [Span], top: &Span) -> Vec<&'a Span> {
    let mut found: Vec<&Span> = Vec::new();
    let mut ids = BTreeSet::from([top.id.clone()]);
    loop {
        let more: Vec<&Span> =
            spans.iter().filter(|it| ids.contains(&it.parent) && !ids.contains(&it.id)).collect();
        if more.is_empty() {
            return found;
        }
        ids.extend(more.iter().map(|it| it.id.clone()));
        found.extend(more);
    }
}

#[test]
fn a_requests_whole_life_is_one_trace_and_its_callers_traces_are_linked_with_it() {
    let collector = Collector::begin();
    let mut node = with_traces(&collector.section());
    node.start();
    let id = erase_within(&node, 20, &format!("00-{TRACE}-{CALLER}-01"));
    let unsampled = erase_within(&node, 21, &format!("00-{}-{CALLER}-00", TRACE.replace('0', "1")));
    let people = People::at(&node);
    people.approve(&id);
    people.until(&id, "it is carried out", |seen| seen.status == "completed");
    node.stop();

    // The last of them were sent when the node stopped.
    let spans = collector.spans();
    let life = id.replace('-', "");
    let one = |name: &str, trace: &str| -> &Span {
        let mut found = spans.iter().filter(|span| span.name == name && span.trace == trace);
        let first = found.next().unwrap_or_else(|| panic!("no `{name}` in {trace}: {spans:#?}"));
        assert!(found.next().is_none(), "`{name}` twice in {trace}");
        first
    };
    // The call stays in the trace of its caller, and is linked with the life that it began.
    let call = one("POST /v1/requests", TRACE);
    assert_eq!((&*call.parent, &*call.attributes["http.response.status_code"]), (CALLER, "201"));
    assert_eq!(call.links, std::slice::from_ref(&life));
    assert!(below(&spans, call).iter().any(|span| span.name == "transaction"));
    let begun = one("request erase", &life);
    assert_eq!((&*begun.parent, &begun.links), ("", &vec![TRACE.to_owned()]));

    // Everything else of it hangs under its beginning: looking, voting, judging, running.
    let whole: Vec<&Span> = spans.iter().filter(|span| span.trace == life && span.id != begun.id).collect();
    let hanging = below(&spans, begun);
    assert_eq!(whole.len(), hanging.len(), "{whole:#?}");
    let vote = one("POST /v1/requests/{id}/votes", &life);
    assert_eq!(vote.attributes["countersign.request"], id);
    let step = one("erase shop", &life);
    assert_eq!(step.attributes["countersign.source"], "shop");
    let run = hanging.iter().find(|span| span.id == step.parent).unwrap();
    assert_eq!((&*run.name, &*run.attributes["countersign.job.outcome"]), ("job run", "done"));
    assert!(below(&spans, run).iter().any(|span| span.name == "transaction"));
    for name in ["job advance", "resolve shop", "survey shop"] {
        assert!(hanging.iter().any(|span| span.name == name), "{name}: {hanging:#?}");
    }
    let judged: Vec<&str> = hanging
        .iter()
        .filter(|span| span.name == "judgement")
        .filter_map(|span| span.attributes.get("countersign.status").map(String::as_str))
        .collect();
    assert!(judged.contains(&"waiting") && judged.contains(&"released"), "{judged:?}");
    assert!(spans.iter().all(|span| !span.failed), "{spans:#?}");

    // Whoever calls without being traced is not; the life of what they asked for is this node's to trace.
    assert!(!spans.iter().any(|span| span.trace == TRACE.replace('0', "1")));
    assert!(spans.iter().any(|span| span.trace == unsampled.replace('-', "")));
    // Routes rather than paths, and no query.
    let said = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(!said.contains(&format!("/v1/requests/{id}")) && !said.contains("marked"));
    assert!(!node.log().contains("countersign_span"), "spans are no lines: {}", node.log());
}

/// A number of `/metrics`.
fn metric(people: &People<'_>, name: &str) -> u64 {
    let page = people.page("/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name}: {page}")).trim().parse().unwrap()
}

#[test]
fn a_collector_that_is_away_or_never_answers_costs_spans_and_nothing_else() {
    // One that takes a call and says nothing; and, once it is dropped, one that is not there.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut node =
        with_traces(&format!("[traces]\nendpoint = \"http://{}\"\n", silent.local_addr().unwrap()));
    node.start();
    let people = People::at(&node);
    let began = Instant::now();
    let erased = |customer: i64| {
        let id = people.ask("erase", customer);
        people.approve(&id);
        people.until(&id, "it is carried out", |seen| seen.status == "completed");
    };
    erased(20);
    drop(silent);
    erased(21);
    let deadline = began + Duration::from_secs(60);
    while metric(&people, "countersign_spans_dropped_total") == 0 {
        assert!(Instant::now() < deadline, "nothing is counted: {}", node.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(metric(&people, "countersign_spans_sent_total"), 0);
    assert!(people.page("/readyz").starts_with("HTTP/1.1 200"));
    let said = node.log();
    assert_eq!(said.matches("takes no spans").count(), 1, "{said}");
    node.stop();
}

#[test]
fn without_a_collector_nothing_is_counted() {
    let mut node = Node::begin(60);
    node.start();
    assert!(!People::at(&node).page("/metrics").contains("countersign_spans"));
    node.stop();
}
