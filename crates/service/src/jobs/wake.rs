//! Waking what waits: who shares a subject with something that ended, and whoever fits into its place.

use countersign_core::id::RequestId;

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::store::{Change, IndexTerm, Needs, Query, Row, Status};
use crate::refusal::Refusal;

pub(super) const PAGE: u32 = 200;
const OPEN: [Status; 2] = [Status::Waiting, Status::Released];

impl Service {
    /// After a request gave its place back: whoever shares its subject, and whoever waits for room.
    pub(crate) async fn wake_beside(&self, id: RequestId) -> Result<Worked, JobError> {
        let needs = Needs { request: Some(id), ..Needs::default() };
        let loaded = self.store.load(needs).await.map_err(Refusal::from)?;
        let Some(record) = loaded.request else { return Ok(Worked::Done) };
        let mut beside = Vec::new();
        for root in record.terms.iter().filter(|term| term.name == "root") {
            let rows = self.open_under(vec![root.clone()]).await?;
            beside.extend(rows.into_iter().map(|row| row.id).filter(|other| *other != id));
        }
        self.wish_advance(beside).await?;
        self.give_place(&record.row.action).await
    }

    /// Wishes that each of these is judged soon.
    pub(crate) async fn wish_advance(&self, ids: Vec<RequestId>) -> Result<(), Refusal> {
        if ids.is_empty() {
            return Ok(());
        }
        self.act(Needs::default(), move |loaded| {
            let jobs = ids.iter().map(|id| wish("advance", id.to_string(), loaded.now)).collect();
            Ok((Change { jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }

    /// Judges at once, as far as that goes in two seconds; the job that was wished does the rest.
    pub(crate) async fn advance_now(&self, id: RequestId) {
        let judged = tokio::time::timeout(std::time::Duration::from_secs(2), self.advance(id)).await;
        if let Ok(Err(refusal)) = judged {
            tracing::debug!(%refusal, "not judged at once");
        }
    }

    pub(crate) async fn open_under(&self, terms: Vec<IndexTerm>) -> Result<Vec<Row>, Refusal> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let query = Query {
                statuses: OPEN.to_vec(),
                terms: terms.clone(),
                oldest_first: true,
                after,
                limit: PAGE,
                ..Query::default()
            };
            let rows = self.store.list(query).await?;
            let Some(last) = rows.last() else { return Ok(all) };
            after = Some((last.submitted_at, last.id));
            all.extend(rows);
        }
    }
}
