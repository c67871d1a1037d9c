//! How long the same took the last time: the same action in the same source, out of the histories of requests that are over.
//! Nothing is kept for it.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::RequestId;
use countersign_core::receipt::Outcome;
use countersign_core::request::Event;
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::ports::store::{Needs, Query, RequestRecord, Status};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::Effect;

/// How many requests back it is looked for.
const LOOK_BACK: u32 = 5;

/// How long something took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastTime {
    /// In which request.
    pub request: RequestId,
    /// In which source. `None`: in all of them, where what they hold is handed over as one package and has one time.
    pub source: Option<String>,
    /// When it was done.
    pub at: Timestamp,
    /// From the start of the run, or the end of the step before, until the source's word was written down.
    pub took_ms: i64,
    /// Rows that were touched or handed over.
    pub rows: u64,
}

/// What a history tells.
type Of = fn(RequestId, &[(Timestamp, Event)]) -> Vec<LastTime>;

impl Service {
    /// What the newest requests of an action that are completed tell of these sources.
    pub(super) async fn last_times(
        &self,
        action: &str,
        effect: Effect,
        sources: &[&str],
    ) -> Result<Vec<LastTime>, Refusal> {
        let of: Of = match effect {
            Effect::Erase | Effect::Purge => steps,
            Effect::Access | Effect::Export => whole,
            // Carried out by whoever asked.
            Effect::Declared => return Ok(Vec::new()),
        };
        let mut found: Vec<LastTime> = Vec::new();
        let query = Query {
            statuses: vec![Status::Completed],
            action: Some(action.to_owned()),
            limit: LOOK_BACK,
            ..Query::default()
        };
        for row in self.store.list(query).await? {
            let known: BTreeSet<Option<&str>> = found.iter().map(|it| it.source.as_deref()).collect();
            if known.contains(&None) || sources.iter().all(|it| known.contains(&Some(*it))) {
                break;
            }
            let wanted = |it: &LastTime| {
                let source = it.source.as_deref();
                !known.contains(&source) && source.is_none_or(|it| sources.contains(&it))
            };
            let loaded = self.store.load(Needs { request: Some(row.id), ..Needs::default() }).await?;
            // Of another request: what is wrong with that one is not told here.
            let Some(events) = loaded.request.as_ref().and_then(events) else { continue };
            let new: Vec<LastTime> = of(row.id, &events).into_iter().filter(wanted).collect();
            found.extend(new);
        }
        Ok(found)
    }
}

fn events(record: &RequestRecord) -> Option<Vec<(Timestamp, Event)>> {
    record.events.iter().map(|stored| Some((stored.at, record::event(stored).ok()?))).collect()
}

/// How long each step took that was done in one run.
fn steps(request: RequestId, events: &[(Timestamp, Event)]) -> Vec<LastTime> {
    let (mut took, mut began) = (Vec::new(), None);
    let mut parts: BTreeMap<&str, u64> = BTreeMap::new();
    // Some of them was done in an earlier run: what is left says nothing of the whole.
    let mut torn: BTreeSet<&str> = BTreeSet::new();
    for (at, event) in events {
        if let Event::RunStarted { .. } = event {
            began = Some(*at);
            torn.extend(std::mem::take(&mut parts).into_keys());
        }
        let Event::Stepped { receipt } = event else { continue };
        let Outcome::Done { touched } = &receipt.outcome else { continue };
        let step = &*receipt.key.step;
        let rows = parts.entry(step).or_default();
        *rows = rows.saturating_add(touched.rows());
        if receipt.key.chunk > 0 {
            continue;
        }
        let rows = parts.remove(step).unwrap_or_default();
        if let Some(began) = began.replace(*at).filter(|_| !torn.contains(step)) {
            let (source, took_ms) = (Some(step.to_owned()), at.since_ms(began).max(0));
            took.push(LastTime { request, source, at: *at, took_ms, rows });
        }
    }
    took
}

/// How long the run took that completed it.
fn whole(request: RequestId, events: &[(Timestamp, Event)]) -> Vec<LastTime> {
    let mut began = None;
    let mut took = Vec::new();
    for (at, event) in events {
        match event {
            Event::RunStarted { .. } => began = Some(*at),
            Event::Completed { outcome, .. } => {
                let rows = outcome.touched.rows();
                took.extend(began.map(|began| LastTime {
                    request,
                    source: None,
                    at: *at,
                    took_ms: at.since_ms(began).max(0),
                    rows,
                }));
            }
            _ => {}
        }
    }
    took
}

#[cfg(test)]
mod tests {
    use countersign_core::plan::Counts;
    use countersign_core::receipt::{Receipt, ReceiptKey};
    use countersign_core::request::Outcome as End;
    use countersign_core::verdict::Criteria;

    use super::*;

    const ID: RequestId = RequestId::from_bytes([1; 16]);

    fn started(run: u32) -> Event {
        let criteria = Criteria {
            policy_set: String::new(),
            policies: vec![],
            errors: vec![],
            facts: BTreeMap::new(),
            at: Timestamp::from_millis(0),
        };
        Event::RunStarted { run, criteria, steps: vec![], by: None, ceiling: None }
    }

    fn stepped(run: u32, step: &str, chunk: u32, rows: u64) -> Event {
        let mut touched = Counts::default();
        touched.add(step, "orders", rows);
        let key = ReceiptKey { request: ID, run, step: step.to_owned(), chunk };
        Event::Stepped { receipt: Receipt { key, outcome: Outcome::Done { touched } } }
    }

    fn told(events: Vec<(i64, Event)>, of: Of) -> Vec<String> {
        let events: Vec<_> = events.into_iter().map(|(at, it)| (Timestamp::from_millis(at), it)).collect();
        let say = |it: LastTime| {
            format!("{} {} ms {} rows", it.source.as_deref().unwrap_or("all"), it.took_ms, it.rows)
        };
        of(ID, &events).into_iter().map(say).collect()
    }

    #[test]
    fn a_step_takes_from_the_end_of_the_one_before_with_all_its_parts() {
        let events = vec![
            (1_000, started(1)),
            (1_500, stepped(1, "crm", 0, 3)),
            (1_700, stepped(1, "shop", 1, 50)),
            (1_900, stepped(1, "shop", 2, 50)),
            (2_500, stepped(1, "shop", 0, 7)),
        ];
        assert_eq!(told(events, steps), ["crm 500 ms 3 rows", "shop 1000 ms 107 rows"]);
    }

    #[test]
    fn what_was_begun_in_an_earlier_run_has_no_time() {
        let events = vec![
            (1_000, started(1)),
            (1_500, stepped(1, "crm", 0, 3)),
            (1_700, stepped(1, "shop", 1, 50)),
            (9_000, started(2)),
            (9_100, stepped(2, "shop", 0, 7)),
        ];
        assert_eq!(told(events, steps), ["crm 500 ms 3 rows"]);
    }

    #[test]
    fn a_package_has_the_time_of_its_run() {
        let mut touched = Counts::default();
        touched.add("shop", "orders", 9);
        let outcome = End { touched, package: true, ..End::default() };
        let events = vec![
            (1_000, started(1)),
            (5_000, started(2)),
            (5_250, stepped(2, "shop", 0, 9)),
            (5_250, Event::Completed { run: 2, outcome }),
        ];
        assert_eq!(told(events, whole), ["all 250 ms 9 rows"]);
    }
}
