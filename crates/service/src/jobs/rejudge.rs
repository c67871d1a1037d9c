//! Judging again whatever is open, after a change of policy or a lifted hold: in slices, the oldest first, giving way to
//! whoever writes meanwhile. Nothing is released by old criteria until then: whoever starts a run judges once more.

use std::time::Duration;

use countersign_core::id::{PersonId, RequestId};
use countersign_core::time::Timestamp;
use tokio::time::Instant;

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::store::{Change, Needs, Query, Row, Status};
use crate::record;
use crate::refusal::Refusal;

/// What a job is about that begins with the oldest.
pub(crate) const ALL: &str = "all";
const PAGE: u32 = 50;
/// A slice lasts so long and a page more; the next is a job of its own, so that a node that stops waits for no more than one, and one
/// that died began no earlier.
const SLICE: Duration = Duration::from_millis(250);
/// While others write, it rests so many times as long as it judged.
const REST: u32 = 4;
/// Others write when they came to more than one transaction for so many of its own.
const ALONE: u64 = 8;

/// Where a slice begins: after the request of that time and id.
type After = Option<(Timestamp, RequestId)>;

impl Service {
    /// One slice of everything that is open. `key` says where it begins.
    pub(crate) async fn rejudge_all(&self, key: &str) -> Result<Worked, JobError> {
        let mut after = begin(key).ok_or_else(|| Refusal::Damaged("a job begins nowhere".to_owned()))?;
        let began = Instant::now();
        while began.elapsed() < SLICE {
            let query = Query {
                statuses: vec![Status::Waiting, Status::Released],
                oldest_first: true,
                after,
                limit: PAGE,
                ..Query::default()
            };
            let rows = self.store.list(query).await.map_err(Refusal::from)?;
            let Some(last) = rows.last() else { return Ok(Worked::Done) };
            after = Some((last.submitted_at, last.id));
            let (page, before) = (Instant::now(), self.acts());
            self.judge_each(&rows).await?;
            let others = (self.acts() - before).saturating_sub(rows.len() as u64);
            if others > rows.len() as u64 / ALONE {
                tokio::time::sleep(page.elapsed() * REST).await;
            }
        }
        let Some((at, id)) = after else { return Ok(Worked::Done) };
        self.act(Needs::default(), move |loaded| {
            let next = wish("rejudge", format!("{}/{id}", at.as_millis()), loaded.now);
            Ok((Change { jobs: vec![next], ..Change::default() }, ()))
        })
        .await?;
        Ok(Worked::Done)
    }

    /// After a person's seats changed: everything open that they voted on.
    pub(crate) async fn rejudge_voted(&self, key: &str) -> Result<Worked, JobError> {
        let voter: PersonId = key.parse().map_err(|_| Refusal::Damaged("a job names nobody".to_owned()))?;
        let rows = self.open_under(vec![record::term("voter", voter.as_bytes())]).await?;
        self.wish_advance(rows.into_iter().map(|row| row.id).collect()).await?;
        Ok(Worked::Done)
    }

    async fn judge_each(&self, rows: &[Row]) -> Result<(), Refusal> {
        for row in rows {
            // One that cannot be judged must not keep the others from it.
            if let Err(refusal) = self.advance(row.id).await {
                tracing::warn!(request = %row.id, %refusal, "not judged; it is tried again by itself");
                self.wish_advance(vec![row.id]).await?;
            }
        }
        Ok(())
    }
}

fn begin(key: &str) -> Option<After> {
    if key == ALL {
        return Some(None);
    }
    let (at, id) = key.split_once('/')?;
    Some(Some((Timestamp::from_millis(at.parse().ok()?), id.parse().ok()?)))
}
