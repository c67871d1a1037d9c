//! A request in words, for a terminal.

use std::time::Duration;

use countersign_client::view::{LastTime, Outcome, Plan, Request, Verdict};
use indicatif::DecimalBytes;

use crate::output::columns;

/// All that is known of a request.
pub(crate) fn whole(request: &Request) -> String {
    let mut lines = vec![format!("request    {}", request.id)];
    let mut say = |name: &str, text: &str| lines.push(format!("{name:<10} {text}"));
    say("action", &request.action);
    say("status", &request.status);
    say("channel", &request.channel);
    say("submitted", &request.submitted_at);
    if let Some(due) = &request.due_at {
        say("due", due);
    }
    if let Some(digest) = &request.digest {
        say("digest", digest);
    }
    for proof in &request.verifications {
        say("proved", &proof.method);
    }
    for vote in &request.votes {
        say(
            "vote",
            &format!("{} for {}{}", vote.vote, vote.seat, if vote.counts { "" } else { " (counts no more)" }),
        );
    }
    // Of what is done as a whole the result speaks.
    if request.result.is_none() {
        for step in &request.steps {
            let parts = if step.parts > 0 { format!(", {} parts", step.parts) } else { String::new() };
            say("step", &format!("{} {}{parts}, {} rows", step.source, step.state, step.rows));
        }
    }
    if let Some(result) = &request.result {
        say("result", &outcome(result));
    }
    if let Some(verdict) = &request.verdict {
        lines.push(self::verdict(verdict));
    }
    if let Some(plan) = &request.plan {
        lines.push(self::plan(plan, !matches!(request.action.as_str(), "access" | "export")));
        for recipient in &request.tells {
            lines.push(format!("  tells {}, which holds {}", recipient.name, recipient.holds));
        }
    }
    if let Some(token) = &request.request_token {
        lines.push(format!("token      {}", token.show()));
        lines.push("The token is the only key to this request, and is shown this once.".to_owned());
    }
    lines.join("\n")
}

/// What would be done, table by table in the order of the steps. What the data map would do with a row matters only
/// where something is done with it.
fn plan(plan: &Plan, changes: bool) -> String {
    let bytes = plan.bytes();
    let weight = if bytes > 0 { format!(", {}", DecimalBytes(bytes)) } else { String::new() };
    let mut lines =
        vec![format!("plan: {} rows{weight}{}", plan.rows(), if changes { "" } else { " to hand over" })];
    let mut rows = Vec::new();
    for source in &plan.sources {
        for table in source.tables.iter().filter(|table| table.rows > 0) {
            let basis = table.legal_basis.as_deref().filter(|_| changes).unwrap_or_default();
            let until = table.until.as_ref().filter(|_| changes);
            let until = until.map_or_else(String::new, |it| format!(", until {it}"));
            let treatment = if changes { table.treatment.as_str() } else { "" };
            rows.push(vec![
                format!("  {}.{}", source.name, table.table),
                treatment.to_owned(),
                table.rows.to_string(),
                table.bytes.map_or_else(String::new, |it| DecimalBytes(it).to_string()),
                format!("{basis}{until}"),
            ]);
        }
    }
    lines.push(columns(&rows));
    let took = |of: &str, last: &LastTime| {
        let took = Duration::from_millis(last.took_ms);
        format!("  the last time {of}took {took:.1?} for {} rows", last.rows)
    };
    let each =
        plan.sources.iter().filter_map(|it| Some(took(&format!("{} ", it.name), it.last_time.as_ref()?)));
    lines.extend(each);
    lines.extend(plan.last_time.as_ref().map(|it| took("", it)));
    lines.join("\n")
}

/// What came of it, with what was kept and why.
fn outcome(result: &Outcome) -> String {
    let mut said = result.outcome.clone();
    if let Some(code) = &result.code {
        said.push_str(&format!(": {code}"));
    }
    let touched: u64 = result.touched.iter().map(|rows| rows.rows).sum();
    if touched > 0 {
        said.push_str(&format!("; {touched} rows"));
    }
    for kept in &result.kept {
        let code = kept.code.as_deref().unwrap_or("kept");
        said.push_str(&format!("; {} of {} kept: {code}", kept.rows, kept.table));
        if let Some(until) = &kept.until {
            said.push_str(&format!(", until {until}"));
        }
    }
    if result.package {
        said.push_str("; a package waits to be fetched");
    }
    said
}

/// What policy says, with every way on.
pub(crate) fn verdict(verdict: &Verdict) -> String {
    match verdict.decision.as_str() {
        "release" => format!("verdict    release by {}", verdict.policies.join(", ")),
        "deny" => format!("verdict    never: {}", verdict.code.as_deref().unwrap_or("denied")),
        _ if verdict.paths.is_empty() => {
            "verdict    not yet, and nothing that anybody could do is known".to_owned()
        }
        _ => {
            let mut lines = vec!["verdict    not yet; missing is".to_owned()];
            for path in &verdict.paths {
                let missing: Vec<String> = path.missing.iter().map(ToString::to_string).collect();
                lines.push(format!("  for {}: {}", path.policy, missing.join(" and ")));
            }
            lines.join("\n")
        }
    }
}

/// Requests as rows.
pub(crate) fn rows(requests: &[Request]) -> String {
    if requests.is_empty() {
        return "none".to_owned();
    }
    let mut table = vec![["ID", "ACTION", "STATUS", "SUBMITTED", "DUE"].map(str::to_owned).to_vec()];
    for request in requests {
        let due = request.due_at.as_deref().unwrap_or_default();
        table.push(
            [&request.id, &request.action, &request.status, &request.submitted_at, due]
                .map(ToString::to_string)
                .to_vec(),
        );
    }
    columns(&table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn example() -> Plan {
        serde_json::from_value(serde_json::json!({ "sources": [{
            "source": "shop",
            "tables": [
                { "table": "orders", "treatment": "delete", "rows": 12, "bytes": 3_400 },
                { "table": "invoice", "treatment": "clear", "rows": 2, "bytes": 90, "legal_basis": "tax", "until": "2036" },
                { "table": "address", "treatment": "detach", "rows": 1 },
                { "table": "visit", "treatment": "delete", "rows": 0, "bytes": 0 },
            ],
            "last_time": { "request": "r", "took_ms": 2_300, "rows": 40 },
        }]}))
        .unwrap()
    }

    #[test]
    fn a_plan_says_rows_bytes_and_what_it_took_the_last_time() {
        insta::assert_snapshot!(plan(&example(), true), @r"
        plan: 15 rows, 3.49 kB
          shop.orders   delete  12  3.40 kB
          shop.invoice  clear   2   90 B     tax, until 2036
          shop.address  detach  1
          the last time shop took 2.3s for 40 rows
        ");
    }

    #[test]
    fn what_is_handed_over_is_not_treated() {
        insta::assert_snapshot!(plan(&example(), false), @r"
        plan: 15 rows, 3.49 kB to hand over
          shop.orders     12  3.40 kB
          shop.invoice    2   90 B
          shop.address    1
          the last time shop took 2.3s for 40 rows
        ");
    }
}
