//! Free places: the oldest that fit get them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::app::Service;
use crate::jobs::wake::PAGE;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::store::{Change, Needs, Query, Status};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::judge::Judged;
use crate::requests::waiting::{self, Full};

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

    /// The oldest that fit. Where one finds no room, whoever waits under the same limit is passed over: each limit costs a
    /// judgement, however many wait.
    pub(crate) async fn wake_for_room(&self, action: &str) -> Result<Worked, JobError> {
        let under = |full: Full| record::term(waiting::ROOM, full.word(action));
        let mut query = Query {
            statuses: vec![Status::Waiting],
            terms: vec![record::term("waiting", format!("capacity:{action}"))],
            without: vec![under(Full::Today)],
            oldest_first: true,
            limit: PAGE,
            ..Query::default()
        };
        loop {
            let rows = self.store.list(query.clone()).await.map_err(Refusal::from)?;
            if rows.is_empty() {
                return Ok(Worked::Done);
            }
            for row in rows {
                query.after = Some((row.submitted_at, row.id));
                match self.advance(row.id).await {
                    Ok(Judged::Full(Full::Paused)) => return Ok(Worked::Done),
                    Ok(Judged::Full(full @ Full::Below(_))) => {
                        let limit = under(full);
                        // It was not found under its limit, nor may those behind it be: they are not all judged for that.
                        if query.without.contains(&limit) {
                            return Ok(Worked::Done);
                        }
                        query.without.push(limit);
                        break;
                    }
                    Ok(Judged::Full(Full::Today) | Judged::Held | Judged::Past | Judged::Unseen) => {}
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
