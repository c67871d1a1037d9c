//! Timers: each tick is one request, submitted under a key of its own, so that no tick runs twice on any node.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::PersonId;
use countersign_core::subject::{Asking, Requester};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::ports::store::{Change, Find, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::ask::Ask;
use crate::requests::submit::Origin;
use crate::settings::{Schedule, duration};

/// The kind of record that says up to when a schedule was looked at.
pub(crate) const KIND: &str = "schedule";

/// A schedule's memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ticked {
    /// Ticks up to here are past.
    pub(crate) until: Timestamp,
    /// Who wrote the schedule.
    pub(crate) author: PersonId,
}

impl Service {
    pub(crate) async fn tick_schedules(&self) -> Result<(), Refusal> {
        let settings = match self.settings().await {
            Err(Refusal::NoSettings) => return Ok(()),
            settings => settings?,
        };
        for schedule in &settings.schedules {
            if let Err(refusal) = self.tick(schedule).await {
                tracing::warn!(schedule = schedule.name, %refusal, "a tick was not submitted; it is tried again");
            }
        }
        Ok(())
    }

    async fn tick(&self, schedule: &Schedule) -> Result<(), Refusal> {
        let records = vec![(KIND.to_owned(), Find::Id(schedule.name.clone()))];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        // Written when the schedule was applied, with its author; without it nobody answers for the tick.
        let Some(record) = loaded.of_kind(KIND).next() else { return Ok(()) };
        let ticked: Ticked = record::read(record)?;
        // After a long sleep there is one request for all ticks that were missed, not one for each.
        let Some(tick) = schedule.latest_tick_at_or_before(loaded.now, ticked.until) else { return Ok(()) };
        let author = match &schedule.author {
            Some(author) => author.parse().map_err(|_| Refusal::Damaged("a schedule's author".to_owned()))?,
            None => ticked.author,
        };
        let origin = Origin {
            asking: Asking {
                requester: Requester::Schedule { name: schedule.name.clone() },
                persons: BTreeSet::from([author]),
            },
            channel: "schedule".to_owned(),
            attested: BTreeSet::new(),
        };
        let ask = Ask {
            action: schedule.action.clone(),
            dataset: Some(format!("{}/{}", schedule.source, schedule.dataset)),
            parameters: BTreeMap::from([("older_than".to_owned(), duration::show(schedule.older_than_ms))]),
            idempotency_key: Some(format!("schedule/{}/{}", schedule.name, tick.as_millis())),
            ..Ask::default()
        };
        self.take_in(None, origin, ask).await?;
        let (name, version) = (schedule.name.clone(), record.version);
        let next = Ticked { until: tick, ..ticked };
        self.act(Needs::default(), move |_| {
            let records = vec![record::put(KIND, name.clone(), &next, Vec::new(), Some(version))?];
            Ok((Change { records, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }
}
