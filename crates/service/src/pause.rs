//! An action that fails again and again pauses by itself: its limit drops to zero until a person says that it may go on.
//! A failure is a run that got stuck. It knows no policy; whoever judges asks it.

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::govern::GaugeView;
use crate::jobs::wish;
use crate::ports::store::{Change, Find, Gauge, Loaded, Needs, Record, Store};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::Action;

/// The kind of record; its id is the action.
const KIND: &str = "pause";
/// Actions that are read to tell which pause: as many as a bundle could declare.
const ACTIONS: u32 = 1_000;

/// What is known of an action's failures.
#[derive(Default, Serialize, Deserialize)]
struct Standing {
    /// The latest failures, oldest first; never more than pause the action.
    failed_at: Vec<Timestamp>,
    paused: Option<Pause>,
}

/// An action that is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// After so many failures.
    pub failures: u32,
}

#[derive(Serialize)]
struct Entry<'a> {
    v: u8,
    at: Timestamp,
    limit: &'a str,
    did: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<PersonId>,
}

/// What to load, beside the gauge of the action, to know whether it is paused.
pub(crate) fn need(action: &str) -> (String, Find) {
    (KIND.to_owned(), Find::Id(action.to_owned()))
}

/// What to load to know it of every action.
pub(crate) fn need_all() -> (String, Find) {
    (KIND.to_owned(), Find::All)
}

fn of<'a>(loaded: &'a Loaded, action: &str) -> Option<&'a Record> {
    loaded.of_kind(KIND).find(|record| record.id == action)
}

/// Whether the action is paused.
// INVARIANT 5: read under the lock of the action's gauge, as it is written, so that no run starts after the pause.
pub(crate) fn paused(loaded: &Loaded, action: &str) -> Result<Option<Pause>, Refusal> {
    let Some(record) = of(loaded, action) else { return Ok(None) };
    Ok(record::read::<Standing>(record)?.paused)
}

/// Adds to `change` that a run of the action failed, and that the action pauses if that was once too often.
pub(crate) fn failed(loaded: &Loaded, action: &Action, change: &mut Change) -> Result<(), Refusal> {
    let most = action.pause_after as usize;
    if most == 0 {
        return Ok(());
    }
    let record = of(loaded, &action.name);
    let mut standing: Standing = record.map(record::read).transpose()?.unwrap_or_default();
    standing.failed_at.retain(|at| loaded.now.since_ms(*at) <= action.pause_window_ms);
    standing.failed_at.push(loaded.now);
    let over = standing.failed_at.len().saturating_sub(most);
    standing.failed_at.drain(..over);
    if standing.paused.is_none() && standing.failed_at.len() >= most {
        let failures = action.pause_after;
        standing.paused = Some(Pause { since: loaded.now, failures });
        let (limit, did) = (&*action.name, "paused");
        let entry = Entry { v: 1, at: loaded.now, limit, did, failures: Some(failures), by: None };
        change.entries.push(record::bytes(&entry)?);
        tracing::error!(
            action = limit,
            failures,
            "the action is paused after repeated failures: nothing of it starts until an administrator resumes it"
        );
    }
    let expect = record.map_or(0, |record| record.version);
    change.records.push(record::put(KIND, action.name.clone(), &standing, Vec::new(), Some(expect))?);
    Ok(())
}

/// Which actions are paused, for whoever only looks at the store.
///
/// # Errors
/// When the store does not answer, or a record is not readable.
pub async fn paused_of(store: &dyn Store) -> Result<Vec<(String, Pause)>, Refusal> {
    let mut paused = Vec::new();
    for record in store.page(KIND, None, ACTIONS).await? {
        let standing: Standing = record::read(&record)?;
        paused.extend(standing.paused.map(|pause| (record.id.clone(), pause)));
    }
    Ok(paused)
}

impl Service {
    /// An administrator says that an action may go on. What waited for that is judged again.
    ///
    /// # Errors
    /// When the caller may not or is a program, there is no such action, or it is not paused.
    pub async fn resume(&self, caller: &Caller, action: &str) -> Result<GaugeView, Refusal> {
        let holder = caller.may(Act::Resume)?.clone();
        // A program does not know whether what failed is mended.
        if holder.service.is_some() {
            return Err(Refusal::NotAllowed(Act::Resume.words()));
        }
        let settings = self.settings().await?;
        if !settings.actions.contains_key(action) {
            return Err(Refusal::NotFound("action"));
        }
        let gauge = Gauge { actions: [action.to_owned()].into(), day_start: None };
        let needs =
            Needs { gauge: Some(gauge), records: vec![holder.need(), need(action)], ..Needs::default() };
        let name = action.to_owned();
        self.act(needs, move |loaded| {
            holder.recheck(loaded)?;
            if paused(loaded, &name)?.is_none() {
                return Err(Refusal::Standing("the action is not paused".to_owned()));
            }
            let by = Some(holder.person);
            let entry = Entry { v: 1, at: loaded.now, limit: &name, did: "resumed", failures: None, by };
            let expect = of(loaded, &name).map(|record| record.version);
            let standing = Standing::default();
            let change = Change {
                records: vec![record::put(KIND, name.clone(), &standing, Vec::new(), expect)?],
                entries: vec![record::bytes(&entry)?],
                jobs: vec![wish("capacity", name.clone(), loaded.now)],
                ..Change::default()
            };
            Ok((change, ()))
        })
        .await?;
        let gauges = self.limits(caller).await?;
        gauges.into_iter().find(|gauge| gauge.action == action).ok_or(Refusal::NotFound("action"))
    }
}
