//! What the store says: whether the ledger's tiles give its head and the newest checkpoint is of it, whether the clock is
//! believed, what is stuck, overdue or late.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use countersign_core::time::Timestamp;
use countersign_ledger::{Checkpoint, Edge, consistency, consistency_tiles, edge_of};
use countersign_service::ports::store::{Needs, Query, Retrying, Status, Store};
use countersign_service::{clock_of, glass_of, paused_of, retrying_of};

use super::{Found, Look, told};
use crate::config::Config;
use crate::installation::keys;

/// A wish that is due for longer is late, in milliseconds.
const LATE_MS: i64 = 60_000;
/// What failed more often wants attention.
const TRIES: u32 = 5;
/// An entry that no checkpoint covers for longer wants attention, in milliseconds.
const SIGNED_WITHIN_MS: i64 = 10_000;
/// Requests that are read to count those that are overdue.
const PAGES: u32 = 20;
const PAGE: u32 = 500;

/// Looks at everything.
pub(super) async fn looks(store: &dyn Store, config: &Config) -> Vec<Look> {
    vec![
        ("ledger".to_owned(), told(ledger(store, config).await)),
        ("clock".to_owned(), told(clock(store).await)),
        ("paused".to_owned(), told(paused(store).await)),
        ("broken glass".to_owned(), told(glass(store).await)),
        ("stuck".to_owned(), told(stuck(store).await)),
        ("overdue".to_owned(), told(overdue(store).await)),
        ("work".to_owned(), told(work(store).await)),
    ]
}

async fn ledger(store: &dyn Store, config: &Config) -> anyhow::Result<Found> {
    const AGAIN: &str = "stop the server, and put a copy back with `countersign restore`";
    let keys = keys::verifiers(&config.keys.directory)?;
    let (size, root) = store.head().await?;
    let mut tiles: BTreeMap<(u8, u64), Vec<u8>> = BTreeMap::new();
    for tile in edge_of(size) {
        if let Some(row) = store.tile(tile.level(), tile.n(), u32::from(tile.width())).await? {
            tiles.insert((tile.level(), tile.n()), row);
        }
    }
    Edge::restore(size, &root, &tiles).with_context(|| format!("the tiles do not give the head: {AGAIN}"))?;
    let Some((_, note)) = store.checkpoint(None).await? else {
        return Ok(Found::Attend("no checkpoint was signed yet: start the server once".to_owned()));
    };
    let signed = Checkpoint::open(&note, &keys).context("the newest checkpoint")?;
    ensure!(signed.size <= size, "the newest checkpoint was signed over entries that are not there: {AGAIN}");
    if signed.size > 0 {
        tiles.clear();
        for tile in consistency_tiles(signed.size, size) {
            if let Some(row) = store.tile(tile.level(), tile.n(), u32::from(tile.width())).await? {
                tiles.insert((tile.level(), tile.n()), row);
            }
        }
        consistency(&tiles, (signed.size, &signed.root), (size, &root))
            .with_context(|| format!("the newest checkpoint is not of this ledger: {AGAIN}"))?;
    }
    let unsigned = size - signed.size;
    if unsigned > 0 {
        // A server that runs signs a moment after the commit.
        let now = store.load(Needs::default()).await?.now;
        let entry = store.entries(signed.size, 1).await?.pop();
        let dated = entry.and_then(|entry| serde_json::from_slice::<serde_json::Value>(&entry).ok());
        let at = dated.and_then(|entry| entry.get("at")?.as_i64()).map(Timestamp::from_millis);
        if at.is_none_or(|at| now.since_ms(at) > SIGNED_WITHIN_MS) {
            return Ok(Found::Attend(format!(
                "{unsigned} of {size} entries are under no checkpoint, and nothing is released before: start a server; if \
                 one runs, see in its log why it does not sign"
            )));
        }
    }
    Ok(Found::Fine(format!(
        "{size} entries, under checkpoints; `countersign ledger verify` recomputes them all"
    )))
}

async fn clock(store: &dyn Store) -> anyhow::Result<Found> {
    let view = clock_of(store).await?;
    Ok(match view.doubt {
        Some(_) => Found::Attend(
            "the clock jumped, or nobody looked at it for long: nothing that waits for time is released. Set it right, or \
             say that it is right: `countersign clock confirm`"
                .to_owned(),
        ),
        None if view.mark.is_none() => Found::Fine("nobody has watched it yet".to_owned()),
        None => Found::Fine("is believed".to_owned()),
    })
}

async fn paused(store: &dyn Store) -> anyhow::Result<Found> {
    let paused = paused_of(store).await?;
    let names: Vec<&str> = paused.iter().map(|(action, _)| action.as_str()).collect();
    Ok(if names.is_empty() {
        Found::Fine("nothing".to_owned())
    } else {
        Found::Attend(format!(
            "{}: failed again and again, so nothing of it starts. See in the log why, mend it, and let it go on with \
             `countersign limit resume`",
            names.join(", ")
        ))
    })
}

async fn glass(store: &dyn Store) -> anyhow::Result<Found> {
    let counted: BTreeMap<String, u64> = glass_of(store).await?.into_iter().collect();
    let of = |word: &str| counted.get(word).copied().unwrap_or(0);
    Ok(match (of("overdue"), of("due")) {
        (0, 0) => Found::Fine("nothing waits for a review".to_owned()),
        (0, due) => Found::Fine(format!("{due} requests wait for a review that is not due yet")),
        (overdue, _) => Found::Attend(format!(
            "{overdue} requests were let past the usual policies, and nobody reviewed that in time: see `countersign glass \
             list --review overdue`"
        )),
    })
}

async fn stuck(store: &dyn Store) -> anyhow::Result<Found> {
    let tally = store.tally().await?;
    let stuck: u64 =
        tally.iter().filter(|(_, status, _)| *status == Status::Stuck).map(|(_, _, count)| count).sum();
    Ok(if stuck == 0 {
        Found::Fine("nothing".to_owned())
    } else {
        Found::Attend(format!(
            "{stuck} requests: an outcome is unknown, or a part is done; see `countersign request list --status stuck`, then \
             retry, accept or abandon each"
        ))
    })
}

async fn overdue(store: &dyn Store) -> anyhow::Result<Found> {
    let now = store.load(Needs::default()).await?.now;
    let (mut count, mut after, mut whole) = (0, None, false);
    let mut first: Option<(Timestamp, String)> = None;
    for _ in 0..PAGES {
        let statuses = Status::ALL.into_iter().filter(|status| status.is_open()).collect();
        let query = Query { statuses, oldest_first: true, after, limit: PAGE, ..Query::default() };
        let rows = store.list(query).await?;
        let Some(last) = rows.last() else {
            whole = true;
            break;
        };
        after = Some((last.submitted_at, last.id));
        for row in &rows {
            let Some(due) = row.due_at.filter(|due| *due < now) else { continue };
            count += 1;
            if first.as_ref().is_none_or(|(at, _)| due < *at) {
                first = Some((due, row.id.to_string()));
            }
        }
    }
    let Some((_, id)) = first else { return Ok(Found::Fine("nothing".to_owned())) };
    let more = if whole { "" } else { " or more" };
    Ok(Found::Attend(format!(
        "{count}{more} requests are past the law's date, request {id} the longest: see what they wait for, or move the date \
         with `countersign request extend`"
    )))
}

async fn work(store: &dyn Store) -> anyhow::Result<Found> {
    let now = store.load(Needs::default()).await?.now;
    let late = store.next_job_at().await?.map_or(0, |at| now.since_ms(at));
    if late >= LATE_MS {
        return Ok(Found::Attend(format!(
            "something has been due for {} minutes: start a server; if one runs, see in its log what does not answer",
            late / 60_000
        )));
    }
    // What fails is due again only after its pause, so it is never late.
    let mut failing = retrying_of(store, now).await?;
    failing.retain(|kind| kind.most > TRIES);
    if failing.is_empty() {
        return Ok(Found::Fine("nothing is late, and nothing fails again and again".to_owned()));
    }
    let said = |it: &Retrying| format!("{} of kind {}, {} times", it.count, it.kind, it.most);
    Ok(Found::Attend(format!(
        "jobs failed again and again: {}. See in the server's log why: mostly a mail server (mail_…) or a source (run, \
         advance) that does not answer; they go on by themselves once it does",
        failing.iter().map(said).collect::<Vec<_>>().join("; ")
    )))
}
