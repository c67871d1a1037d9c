//! Letting requests run out, a page at a time.

use countersign_core::request::{Command, Refusal as Rule};

use crate::app::Service;
use crate::ports::store::{Needs, Query, Status};
use crate::refusal::Refusal;
use crate::requests::judge;

impl Service {
    pub(crate) async fn expire_due(&self) -> Result<(), Refusal> {
        let now = self.store.load(Needs::default()).await?.now;
        let query = Query {
            statuses: vec![Status::Waiting, Status::Released],
            expires_by: Some(now),
            oldest_first: true,
            limit: 200,
            ..Query::default()
        };
        for row in self.store.list(query).await? {
            let ended = self
                .change(row.id, None, |history, loaded| {
                    history.decide(Command::Expire, loaded.now)?;
                    Ok(judge::ended(history, loaded.now))
                })
                .await;
            match ended {
                // Somebody proved, released or ended it at the same moment.
                Ok(())
                | Err(Refusal::Rule(Rule::NotExpired | Rule::Closed | Rule::TooLate) | Refusal::Stale) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }
}
