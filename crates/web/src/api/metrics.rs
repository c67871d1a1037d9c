//! `/metrics`: numbers for Prometheus. Counts only; the sole names in it are of actions.

use std::fmt::Write;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_service::Refusal;
use countersign_service::ports::store::Status;
use http::header::CONTENT_TYPE;

use crate::app::App;
use crate::problem::Problem;

/// Reads this node's numbers
#[utoipa::path(
    get, path = "/metrics", tag = "node", operation_id = "metrics",
    responses((status = 200, description = "In the text format of Prometheus.", content_type = "text/plain", body = String))
)]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let store = app.service.store();
    let tally = store.tally().await.map_err(Refusal::from)?;
    let (size, _) = store.head().await.map_err(Refusal::from)?;
    let checkpoint = store.checkpoint(None).await.map_err(Refusal::from)?.map_or(0, |(size, _)| size);
    let text = written(&tally, size, checkpoint);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn written(tally: &[(String, Status, u64)], ledger: u64, checkpoint: u64) -> String {
    let mut text = String::new();
    head(&mut text, "countersign_requests", "Requests by action and status.");
    for (action, status, count) in tally {
        let (action, status) = (escaped(action), status.name());
        // Writing into a String does not fail.
        let _ = writeln!(text, "countersign_requests{{action=\"{action}\",status=\"{status}\"}} {count}");
    }
    for (name, help, value) in [
        ("countersign_ledger_entries", "Entries in the ledger.", ledger),
        ("countersign_checkpoint_entries", "Entries under the newest checkpoint.", checkpoint),
    ] {
        head(&mut text, name, help);
        let _ = writeln!(text, "{name} {value}");
    }
    text
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        let tally = [("era\"se".to_owned(), Status::Waiting, 3)];
        let text = written(&tally, 7, 5);
        assert!(text.contains("countersign_requests{action=\"era\\\"se\",status=\"waiting\"} 3\n"), "{text}");
        assert!(
            text.ends_with("# TYPE countersign_checkpoint_entries gauge\ncountersign_checkpoint_entries 5\n")
        );
    }
}
