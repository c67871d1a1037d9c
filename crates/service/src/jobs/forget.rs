//! Destroying our own copies about a subject once a request is over for `own_data_after`: its key, its sealed fields,
//! its package, the answers that were remembered about it. What is found by blind index stays, and so does every proof.

use std::time::{Duration, SystemTime};

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::app::Service;
use crate::jobs::{JobError, Worked, unpack, wish};
use crate::ports::store::{Change, Find, Needs, Query, RecordChange, RequestRecord, SealedChange, Status};
use crate::record;
use crate::refusal::Refusal;

/// The kind of job about one request.
const JOB: &str = "forget";
/// The kind of job that looks at every request that is over, after the term became shorter.
const SWEEP: &str = "forget_all";
/// The record that says by which term jobs were set.
const TERM: (&str, &str) = ("own_data", "term");
const PAGE: u32 = 200;
const OVER: [Status; 5] =
    [Status::Completed, Status::Denied, Status::Withdrawn, Status::Expired, Status::Abandoned];
/// A working file that nobody wrote to for so long belongs to a process that died.
const LEFT_BEHIND: Duration = Duration::from_secs(15 * 60);

#[derive(Serialize, Deserialize)]
struct Term {
    after_ms: i64,
}

#[derive(Serialize)]
struct Entry {
    v: u8,
    at: Timestamp,
    request: RequestId,
    copies: &'static str,
}

/// Whatever ends a request wishes, in the same commit, that our copies about it go.
// INVARIANT 11: asked of every change in one place, so that no way to an end can forget it.
pub(crate) fn wish_at_the_end(change: &mut Change, now: Timestamp, after_ms: i64) {
    if let Some(request) = &change.request
        && !request.row.status.is_open()
    {
        change.jobs.push(wish(JOB, request.row.id.to_string(), now.plus_ms(after_ms)));
    }
}

impl Service {
    pub(crate) async fn forget(&self, id: RequestId) -> Result<Worked, JobError> {
        let after_ms = self.settings().await?.own_data_after_ms;
        if !self.time_is_sound().await? {
            return Ok(Worked::Later(60_000));
        }
        let loaded =
            self.store.load(Needs { request: Some(id), ..Needs::default() }).await.map_err(Refusal::from)?;
        let Some(record) = loaded.request.filter(|record| !record.row.status.is_open()) else {
            return Ok(Worked::Done);
        };
        let wait = ended_at(&record).plus_ms(after_ms).since_ms(loaded.now);
        if wait > 0 {
            return Ok(Worked::Later(wait));
        }
        if self.store.key(id).await.map_err(Refusal::from)?.is_none() {
            return Ok(Worked::Done);
        }
        let answers = (answer::KIND.to_owned(), Find::Term(answer::term(id)));
        self.act(Needs { records: vec![answers], ..Needs::default() }, move |loaded| {
            let mut records: Vec<RecordChange> = loaded
                .of_kind(answer::KIND)
                .map(|answer| RecordChange::Delete { kind: answer::KIND.to_owned(), id: answer.id.clone() })
                .collect();
            records.push(RecordChange::Delete { kind: unpack::KIND.to_owned(), id: id.to_string() });
            let entry = Entry { v: 1, at: loaded.now, request: id, copies: "destroyed" };
            let change = Change {
                sealed: vec![SealedChange::Destroy { request: id }],
                entries: vec![record::bytes(&entry)?],
                records,
                ..Change::default()
            };
            Ok((change, ()))
        })
        .await?;
        Ok(Worked::Done)
    }

    /// Sets the jobs of what is over anew when the term became shorter, and of what ended under a version that had none.
    pub(crate) async fn keep_to_the_term(&self) -> Result<(), Refusal> {
        let settings = match self.settings().await {
            Err(Refusal::NoSettings) => return Ok(()),
            settings => settings?,
        };
        let after_ms = settings.own_data_after_ms;
        let (kind, id) = TERM;
        let records = vec![(kind.to_owned(), Find::Id(id.to_owned()))];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let standing = loaded.of_kind(kind).next();
        let before = standing.map(record::read::<Term>).transpose()?;
        if before.as_ref().is_some_and(|term| term.after_ms == after_ms) {
            return Ok(());
        }
        let sooner = before.is_none_or(|term| after_ms < term.after_ms);
        let version = standing.map_or(0, |record| record.version);
        self.act(Needs::default(), move |loaded| {
            let records = vec![record::put(kind, id, &Term { after_ms }, Vec::new(), Some(version))?];
            let jobs = sooner.then(|| wish(SWEEP, "all".to_owned(), loaded.now)).into_iter().collect();
            Ok((Change { records, jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn forget_all(&self) -> Result<Worked, JobError> {
        let after_ms = self.settings().await?.own_data_after_ms;
        let mut after = None;
        loop {
            let query =
                Query { statuses: OVER.to_vec(), oldest_first: true, after, limit: PAGE, ..Query::default() };
            let rows = self.store.list(query).await.map_err(Refusal::from)?;
            let Some(last) = rows.last() else { return Ok(Worked::Done) };
            after = Some((last.submitted_at, last.id));
            let mut jobs = Vec::new();
            for row in &rows {
                if self.store.key(row.id).await.map_err(Refusal::from)?.is_some() {
                    jobs.push(wish(JOB, row.id.to_string(), row.changed_at.plus_ms(after_ms)));
                }
            }
            self.act(Needs::default(), move |_| Ok((Change { jobs: jobs.clone(), ..Change::default() }, ())))
                .await?;
        }
    }

    /// Removes working files of packages that a process which died left in the scratch folder: of 0.1, which gave them
    /// names.
    pub(crate) async fn clear_scratch(&self) -> std::io::Result<()> {
        let mut files = tokio::fs::read_dir(&self.scratch).await?;
        while let Some(file) = files.next_entry().await? {
            let ours = file.path().extension().is_some_and(|extension| extension == "zip");
            let written = file.metadata().await.and_then(|meta| meta.modified());
            let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
            if ours && age.is_some_and(|age| age > LEFT_BEHIND) {
                tokio::fs::remove_file(file.path()).await?;
            }
        }
        Ok(())
    }
}

/// When it ended. Remarks and a review may follow an end; they do not put it off.
fn ended_at(record: &RequestRecord) -> Timestamp {
    let follows = |kind: &str| matches!(kind, "commented" | "glass_reviewed");
    let end = record.events.iter().rev().find(|event| !follows(&event.kind));
    end.map_or(record.row.changed_at, |event| event.at)
}
