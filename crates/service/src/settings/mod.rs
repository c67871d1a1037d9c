//! The versioned set of everything that decides: policies, groups, actions, data maps, deadlines, schedules, rules
//! of conflict, environment and time zone. Files in, one checked value out; it must not know who applied them.

mod action;
mod bundle;
mod compile;
pub mod datamap;
mod difference;
pub mod duration;
mod floods;
mod glass;
mod language;
mod mistake;
mod oidc;
mod regime;
mod reviewers;
mod schedule;
mod section;
mod sessions;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::conflict::Rule;
use countersign_core::deadline::{Calendar, NoDeadline};
use countersign_core::request::Dossier;
use countersign_core::time::Timestamp;
use countersign_policy::{PolicySet, Vocabulary};
use jiff::tz::TimeZone;

pub use action::{Action, Effect};
pub use bundle::{Bundle, MOST_BYTES, MOST_FILES, NoBundle, SETTINGS_FILE};
pub use datamap::DataMap;
pub use difference::difference;
pub use floods::Floods;
pub use glass::BreakGlass;
pub use language::{LANGUAGES, is_spoken};
pub use mistake::{Mistake, did_you_mean, report};
pub use oidc::{Given, Oidc};
pub use reviewers::{Pace, Reviewers};
pub use schedule::{NoCron, Schedule, parse_cron};
pub use sessions::Sessions;
pub use statements::{Application, KeysAt};

/// One version of the settings, checked and ready to judge by. Only [`Settings::compile`] makes it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From 1, as the store counts.
    pub version: u64,
    /// SHA-256 of the files, in lower-case hex.
    pub hash: String,
    /// The fact `context.environment`.
    pub environment: String,
    /// Where days begin and end.
    pub time_zone: TimeZone,
    /// Its name, such as `Europe/Berlin`.
    pub time_zone_name: String,
    /// Groups whose members vote.
    pub groups: BTreeSet<String>,
    /// What may be asked for, by name: the four standard actions always, and those that the file declares.
    pub actions: BTreeMap<String, Action>,
    /// What happens to the later of two requests on one subject.
    pub conflicts: Vec<Rule>,
    /// A survey older than this releases nothing.
    pub survey_max_age_ms: i64,
    /// Our own copies about a subject are destroyed this long after their request ended.
    pub own_data_after_ms: i64,
    /// For how many days an export can be fetched.
    pub package_days: i64,
    /// How long somebody stays signed in.
    pub sessions: Sessions,
    /// How much strangers may ask for in an hour.
    pub floods: Floods,
    /// Customers' own applications that state who is signed in there.
    pub statements: Vec<Application>,
    /// In which language mail is written to whom nothing else is known of.
    pub language: String,
    /// When reviewers get mail.
    pub reviewers: Reviewers,
    /// The identity provider by which people of ours sign in, if there is one.
    pub oidc: Option<Oidc>,
    /// How often.
    pub package_fetches: u32,
    /// Whoever fetches it proved themselves not longer ago than this.
    pub package_proof_max_age_ms: i64,
    /// Holidays, for deadlines.
    pub calendar: Calendar,
    /// Data maps by the name of their source.
    pub maps: BTreeMap<String, DataMap>,
    /// The same for subjects whose erasure is so many milliseconds ago that rows need not stay any longer.
    pub maps_after: BTreeMap<i64, BTreeMap<String, DataMap>>,
    /// Timers, by name.
    pub schedules: Vec<Schedule>,
    /// The names that policies may use.
    pub vocabulary: Vocabulary,
    /// The policies.
    pub policies: PolicySet,
    /// What counts instead for a request whose glass was broken; `None`: nobody may break it.
    pub break_glass: Option<BreakGlass>,
    /// What works and should be known, such as conditions that are enforced and cannot be explained.
    pub warnings: Vec<String>,
    /// The files that all this was made of.
    pub bundle: Bundle,
}

impl Settings {
    /// Midnight, or where there is none the first moment, of the day that `now` lies in.
    pub fn day_start(&self, now: Timestamp) -> Timestamp {
        let start = zoned(now, &self.time_zone).and_then(|it| it.start_of_day().ok());
        // Only at the ends of time is there no such day; then nothing started on it before `now`.
        start.map_or(now, |it| Timestamp::from_millis(it.timestamp().as_millisecond()))
    }

    /// The last millisecond in which an answer to a request for `action`, received at `received`, is in time by
    /// law; `None` where no law sets a date, or there is no such action.
    ///
    /// # Errors
    /// A year that the calendar does not know, where that matters.
    pub fn due_at(&self, action: &str, received: Timestamp) -> Result<Option<Timestamp>, NoDeadline> {
        let Some(clock) = self.actions.get(action).and_then(|it| it.deadline) else { return Ok(None) };
        let receipt = zoned(received, &self.time_zone).ok_or(NoDeadline::OutOfRange)?.date();
        let after = clock.due(receipt, &self.calendar)?.tomorrow().map_err(|_| NoDeadline::OutOfRange)?;
        let end = after.to_zoned(self.time_zone.clone()).map_err(|_| NoDeadline::OutOfRange)?;
        Ok(Some(Timestamp::from_millis(end.timestamp().as_millisecond()).plus_ms(-1)))
    }

    /// The policies by which a request is judged.
    pub fn policies_of(&self, dossier: &Dossier) -> &PolicySet {
        let broken = self.break_glass.as_ref().filter(|_| dossier.glass().is_some());
        broken.map_or(&self.policies, |glass| &glass.policies)
    }

    /// Verification methods that the policies of `action` name.
    pub fn methods(&self, action: &str) -> BTreeSet<String> {
        self.policies.methods_named(action)
    }

    /// The data maps by which something is done: those for a subject whose rows have stayed for so long, or those of
    /// everybody. `None` where no map has that term any more.
    pub fn maps_for(&self, term_ms: Option<i64>) -> Option<&BTreeMap<String, DataMap>> {
        match term_ms {
            None => Some(&self.maps),
            Some(term) => self.maps_after.get(&term),
        }
    }

    /// The timer called `name`.
    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|it| it.name == name)
    }
}

fn zoned(at: Timestamp, time_zone: &TimeZone) -> Option<jiff::Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(time_zone.clone()))
}
