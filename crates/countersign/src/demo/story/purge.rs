//! A timer that purges old rows, through the same gate as everybody.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use countersign_client::view::{Query, Request, SettingsFiles};

use super::tale::{Tale, times};

const EACH_NIGHT: &str = "cron = \"0 3 * * *\"";
const EACH_MINUTE: &str = "cron = \"* * * * *\"";
const OLDER_THAN: &str = "-90 days";
/// A minute, and what a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(80);

/// How the log stood when the timer was set.
pub(super) struct Log {
    lines: Vec<(i64, String)>,
}

/// Sets the timer to each minute, as an administrator would.
pub(super) async fn set(tale: &mut Tale) -> anyhow::Result<Log> {
    tale.narrator.scene("A timer is set: each minute, lines of app_log that are older than 90 days");
    let admin = tale.client("ada-admin")?;
    let standing = admin.settings().await?;
    let version = standing["version"].as_u64().context("settings have no version")?;
    let mut files: SettingsFiles = serde_json::from_value(standing)?;
    let text = files.files.get_mut("settings.toml").context("settings have no settings.toml")?;
    anyhow::ensure!(text.contains(EACH_NIGHT), "the settings have no timer `{EACH_NIGHT}`");
    *text = text.replace(EACH_NIGHT, EACH_MINUTE);
    let files = SettingsFiles { files: files.files, expected_version: Some(version), dry_run: false };
    tale.narrator.asks("POST /v1/settings: the schedule purge_app_log, now each minute");
    let applied = admin.apply(&files).await?;
    for change in &applied.changes {
        tale.narrator.says(&format!("changed: {change}"));
    }
    tale.narrator.equal("the next version is active", applied.version, version + 1);
    Ok(Log { lines: lines(tale)? })
}

/// Looks what became of it.
pub(super) async fn look(tale: &mut Tale, log: &Log) -> anyhow::Result<()> {
    tale.narrator.scene("The timer has ticked");
    let first = first(tale).await?;
    let done = tale.wait_for_end(&first.id).await?;
    let asked_by = format!(
        "{} {}",
        done.requester["kind"].as_str().unwrap_or("?"),
        done.requester["name"].as_str().unwrap_or("?")
    );
    tale.narrator.says(&format!("{asked_by}, by the channel {}: {}", done.channel, done.status));
    tale.narrator.equal(
        "it asked as anybody asks",
        (asked_by.as_str(), done.channel.as_str()),
        ("schedule purge_app_log", "schedule"),
    );
    tale.narrator.equal("the request completed", done.status.as_str(), "completed");
    let evidence = tale.client("aude-auditor")?.evidence(&done.id).await?;
    let entries = evidence["entries"].as_array().cloned().unwrap_or_default();
    let of =
        |word: &str| entries.iter().filter_map(|it| it["entry"].as_str()).any(|entry| entry.contains(word));
    tale.narrator.equal("each of its events is in the ledger", entries.len(), done.events.len());
    tale.narrator.check(
        "released by a policy, which the ledger names",
        of("purge.small") && times(&done, "released") == 1,
    );

    let cutoff: String = tale.shop.look()?.query_row(
        "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?, ?)",
        [&done.submitted_at, OLDER_THAN],
        |row| row.get(0),
    )?;
    let (old, young): (Vec<_>, Vec<_>) = log.lines.iter().cloned().partition(|(_, at)| *at < cutoff);
    let left = lines(tale)?;
    tale.narrator.says(&format!("{} lines were older than {cutoff}, {} were not", old.len(), young.len()));
    let gone = old.iter().all(|line| !left.contains(line));
    tale.narrator.check("every older line is gone", gone && !old.is_empty());
    // A later tick may have taken lines that came of age meanwhile; within minutes that is one or two of thousands.
    let stayed = young.iter().filter(|line| left.contains(line)).count();
    tale.narrator.check("every younger one is there", young.len() - stayed <= 2);
    let touched: u64 = done.result.iter().flat_map(|result| &result.touched).map(|rows| rows.rows).sum();
    tale.narrator.equal("and the request says how many it took", touched, old.len() as u64);

    let all = purges(tale).await?;
    let minutes: BTreeSet<&str> = all.iter().filter_map(|purge| purge.submitted_at.get(..16)).collect();
    tale.narrator.equal("each tick asked once", all.len(), minutes.len());
    Ok(())
}

async fn first(tale: &Tale) -> anyhow::Result<Request> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(oldest) = purges(tale).await?.pop() {
            return Ok(oldest);
        }
        if Instant::now() > deadline {
            bail!("the timer did not tick within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Newest first.
async fn purges(tale: &Tale) -> anyhow::Result<Vec<Request>> {
    let query = Query { action: Some("purge".to_owned()), limit: Some(100), ..Query::default() };
    Ok(tale.client("aude-auditor")?.requests(&query).await?.items)
}

fn lines(tale: &Tale) -> anyhow::Result<Vec<(i64, String)>> {
    let connection = tale.shop.look()?;
    let mut statement = connection.prepare("SELECT id, at FROM app_log ORDER BY id")?;
    let lines =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    Ok(lines)
}
