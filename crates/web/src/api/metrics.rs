//! `/metrics`: numbers for Prometheus. Counts and seconds only; the sole names in it are of actions, groups and kinds of
//! waiting. What each means, and when to be woken by it, stands in `docs/howto/watch-a-node.md`.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_service::ports::store::Retrying;
use countersign_service::{BUCKETS_MS, Measures, Spread};
use http::header::CONTENT_TYPE;

use crate::app::{App, Traced};
use crate::problem::Problem;

/// Reads this node's numbers
#[utoipa::path(
    get, path = "/metrics", tag = "node", operation_id = "metrics",
    responses((status = 200, description = "In the text format of Prometheus.", content_type = "text/plain", body = String))
)]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let mut text = written(&app.service.measures().await?);
    if let Some(traced) = &app.options.traced {
        spans(&mut text, traced);
    }
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

// Writing into a String does not fail.
fn written(measures: &Measures) -> String {
    let mut text = String::new();
    head(&mut text, "countersign_build_info", "The version that runs.");
    let _ = writeln!(text, "countersign_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    head(&mut text, "countersign_requests", "Requests by action and status.");
    for (action, status, count) in &measures.tally {
        let (action, status) = (escaped(action), status.name());
        let _ = writeln!(text, "countersign_requests{{action=\"{action}\",status=\"{status}\"}} {count}");
    }
    head(&mut text, "countersign_waiting_requests", "Requests by what they wait for.");
    for waiting in &measures.waiting {
        let what = escaped(&waiting.what);
        let _ = writeln!(text, "countersign_waiting_requests{{for=\"{what}\"}} {}", waiting.count);
    }
    head(&mut text, "countersign_waiting_oldest_seconds", "Age of the oldest request that waits for this.");
    for waiting in &measures.waiting {
        let (what, age) = (escaped(&waiting.what), seconds(waiting.oldest_ms));
        let _ = writeln!(text, "countersign_waiting_oldest_seconds{{for=\"{what}\"}} {age}");
    }
    head(&mut text, "countersign_paused", "1 for each action that is paused after repeated failures.");
    for action in &measures.paused {
        let _ = writeln!(text, "countersign_paused{{action=\"{}\"}} 1", escaped(action));
    }
    head(&mut text, "countersign_glass", "Requests whose glass was broken, by where their review is.");
    for (word, count) in &measures.glass {
        let _ = writeln!(text, "countersign_glass{{review=\"{}\"}} {count}", escaped(word));
    }
    for (name, help, value) in [
        (
            "countersign_oldest_open_seconds",
            "Age of the oldest request that is not over.",
            seconds(measures.oldest_open_ms),
        ),
        (
            "countersign_job_lag_seconds",
            "How long the next wish has been due: mail, runs, judgements.",
            seconds(measures.job_lag_ms),
        ),
        ("countersign_ledger_entries", "Entries in the ledger.", measures.ledger_size.to_string()),
        (
            "countersign_checkpoint_entries",
            "Entries under the newest checkpoint.",
            measures.checkpoint_size.to_string(),
        ),
        (
            "countersign_unsigned_seconds",
            "Age of the oldest entry that no checkpoint covers.",
            seconds(measures.unsigned_ms),
        ),
        (
            "countersign_clock_in_doubt",
            "1 while the clock is in doubt and waits do not end.",
            u8::from(measures.clock_in_doubt).to_string(),
        ),
        ("countersign_settings_version", "The active settings.", measures.settings_version.to_string()),
    ] {
        head(&mut text, name, help);
        let _ = writeln!(text, "{name} {value}");
    }
    head(&mut text, "countersign_retrying_jobs", "Jobs that failed and are tried again, by kind.");
    for Retrying { kind, count, most: _ } in &measures.retrying {
        let _ = writeln!(text, "countersign_retrying_jobs{{kind=\"{}\"}} {count}", escaped(kind));
    }
    head(&mut text, "countersign_job_attempts_most", "How often the one failed that failed most, by kind.");
    for Retrying { kind, count: _, most } in &measures.retrying {
        let _ = writeln!(text, "countersign_job_attempts_most{{kind=\"{}\"}} {most}", escaped(kind));
    }
    counter(&mut text, "countersign_jobs_given_up_total", "Jobs that this node gave up, by kind.");
    for (kind, count) in &measures.given_up {
        let _ = writeln!(text, "countersign_jobs_given_up_total{{kind=\"{}\"}} {count}", escaped(kind));
    }
    spread(
        &mut text,
        "countersign_verdict_seconds",
        "Time from what was loaded to the commit of what policy said.",
        &measures.verdicts,
    );
    text
}

fn spans(text: &mut String, traced: &Traced) {
    for (name, help, count) in [
        ("countersign_spans_sent_total", "Spans that the collector took.", &traced.sent),
        (
            "countersign_spans_dropped_total",
            "Spans dropped: the collector was away or too slow.",
            &traced.dropped,
        ),
    ] {
        let count = count.load(Ordering::Relaxed);
        counter(text, name, help);
        let _ = writeln!(text, "{name} {count}");
    }
}

fn spread(text: &mut String, name: &str, help: &str, spread: &Spread) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
    let mut below = 0;
    for (end, count) in BUCKETS_MS.iter().zip(&spread.counts) {
        below += count;
        let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {below}", *end as f64 / 1000.0);
    }
    let all: u64 = spread.counts.iter().sum();
    let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}");
    let _ = writeln!(text, "{name}_sum {}\n{name}_count {all}", spread.sum.as_secs_f64());
}

fn seconds(ms: i64) -> String {
    (ms as f64 / 1000.0).to_string()
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn counter(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_service::Waiting;
    use countersign_service::ports::store::Status;

    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        let mut counts = [0; BUCKETS_MS.len() + 1];
        (counts[0], counts[3], counts[10]) = (2, 1, 1);
        let text = written(&Measures {
            tally: vec![("era\"se".to_owned(), Status::Waiting, 3)],
            waiting: vec![Waiting { what: "vote:privacy".to_owned(), count: 2, oldest_ms: 1_500 }],
            oldest_open_ms: 90_000,
            job_lag_ms: 0,
            retrying: vec![Retrying { kind: "mail_code".to_owned(), count: 3, most: 9 }],
            given_up: vec![("mail_vote".to_owned(), 2)],
            ledger_size: 7,
            checkpoint_size: 5,
            unsigned_ms: 250,
            verdicts: Spread { counts, sum: Duration::from_millis(6_100) },
            glass: vec![("overdue".to_owned(), 1)],
            paused: vec!["erase".to_owned()],
            clock_in_doubt: true,
            settings_version: 4,
        });
        for line in [
            "countersign_requests{action=\"era\\\"se\",status=\"waiting\"} 3",
            "countersign_waiting_requests{for=\"vote:privacy\"} 2",
            "countersign_waiting_oldest_seconds{for=\"vote:privacy\"} 1.5",
            "countersign_oldest_open_seconds 90",
            "countersign_job_lag_seconds 0",
            "countersign_retrying_jobs{kind=\"mail_code\"} 3",
            "countersign_job_attempts_most{kind=\"mail_code\"} 9",
            "countersign_jobs_given_up_total{kind=\"mail_vote\"} 2",
            "countersign_checkpoint_entries 5",
            "countersign_unsigned_seconds 0.25",
            "countersign_paused{action=\"erase\"} 1",
            "countersign_glass{review=\"overdue\"} 1",
            "countersign_clock_in_doubt 1",
            "countersign_verdict_seconds_bucket{le=\"0.001\"} 2",
            "countersign_verdict_seconds_bucket{le=\"0.01\"} 3",
            "countersign_verdict_seconds_bucket{le=\"5\"} 3",
            "countersign_verdict_seconds_bucket{le=\"+Inf\"} 4",
            "countersign_verdict_seconds_count 4",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
    }

    /// What is documented is what is there.
    #[test]
    fn every_name_stands_in_the_howto() {
        let howto = include_str!("../../../../docs/howto/watch-a-node.md");
        let mut text = written(&Measures {
            tally: Vec::new(),
            waiting: Vec::new(),
            oldest_open_ms: 0,
            job_lag_ms: 0,
            retrying: Vec::new(),
            given_up: Vec::new(),
            ledger_size: 0,
            checkpoint_size: 0,
            unsigned_ms: 0,
            verdicts: Spread { counts: [0; BUCKETS_MS.len() + 1], sum: Duration::ZERO },
            glass: Vec::new(),
            paused: Vec::new(),
            clock_in_doubt: false,
            settings_version: 0,
        });
        spans(&mut text, &Traced::default());
        for name in text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()) {
            let told = [format!("`{name}`"), format!("`{name}{{")].iter().any(|it| howto.contains(it));
            assert!(told, "{name} is not documented");
        }
    }
}
