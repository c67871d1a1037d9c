//! Free places: the oldest that fit get them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::jobs::wake::PAGE;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::store::{Change, Needs, Query, Status};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::judge::Judged;

/// The actions for whose places this node looks at this moment.
#[derive(Default)]
pub(crate) struct Rooms(Mutex<BTreeSet<String>>);

/// Looks for one action until it is dropped.
struct Looking<'a> {
    rooms: &'a Rooms,
    action: &'a str,
}

impl Rooms {
    /// `None`: somebody looks already.
    fn look<'a>(&'a self, action: &'a str) -> Option<Looking<'a>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(action.to_owned()).then(|| Looking { rooms: self, action })
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.rooms.0.lock().unwrap_or_else(PoisonError::into_inner).remove(self.action);
    }
}

impl Service {
    /// After a place became free. At once, not by a wish, for the place stands empty meanwhile; by a wish where somebody
    /// looks already and may have gone past: many who judge the same few would only be in each other's way, and of one
    /// wish there is one.
    pub(crate) async fn give_place(&self, action: &str) -> Result<Worked, JobError> {
        if let Some(_looking) = self.rooms.look(action) {
            return self.wake_for_room(action).await;
        }
        let key = action.to_owned();
        self.act(Needs::default(), move |loaded| {
            let jobs = vec![wish("capacity", key.clone(), loaded.now)];
            Ok((Change { jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(Worked::Done)
    }

    /// The oldest that fit, not all: stops at the first that still finds no room.
    pub(crate) async fn wake_for_room(&self, action: &str) -> Result<Worked, JobError> {
        let mut after: Option<(Timestamp, RequestId)> = None;
        loop {
            let query = Query {
                statuses: vec![Status::Waiting],
                terms: vec![record::term("waiting", format!("capacity:{action}"))],
                oldest_first: true,
                after,
                limit: PAGE,
                ..Query::default()
            };
            let rows = self.store.list(query).await.map_err(Refusal::from)?;
            let Some(last) = rows.last() else { return Ok(Worked::Done) };
            after = Some((last.submitted_at, last.id));
            for row in &rows {
                match self.advance(row.id).await {
                    Ok(Judged::Full) => return Ok(Worked::Done),
                    Ok(Judged::Held | Judged::Past | Judged::Unseen) => {}
                    // One that cannot be judged must not keep the place from the others.
                    Err(refusal) => {
                        tracing::warn!(request = %row.id, %refusal, "not judged; it is tried again by itself");
                        self.wish_advance(vec![row.id]).await?;
                    }
                }
            }
        }
    }
}
