//! What may be asked for, and how long a request for it may take. It must not know policies.

use countersign_core::deadline::Clock;
use serde::{Deserialize, Serialize};

use super::duration::{DAY_MS, LONGEST_MS};
use super::regime::Regimes;
use super::section::{Placed, Section};

/// The actions that every installation has.
pub(super) const STANDARD: [(&str, Effect); 4] = [
    ("access", Effect::Access),
    ("export", Effect::Export),
    ("erase", Effect::Erase),
    ("purge", Effect::Purge),
];

const EXPIRES_AFTER_MS: i64 = 30 * DAY_MS;
const EXPIRES_UNPROVEN_AFTER_MS: i64 = DAY_MS;
/// A proof of intent counts for so long, unless the settings say otherwise.
const VERIFICATION_MAX_AGE_MS: i64 = 30 * DAY_MS;
/// Failures within [`PAUSE_WINDOW_MS`] that pause an action, unless the settings say otherwise.
const PAUSE_AFTER: u32 = 5;
const PAUSE_WINDOW_MS: i64 = 3_600_000;
/// The most failures that can be asked for: their times are kept in one record.
const PAUSE_AFTER_MOST: i64 = 1_000;
/// Below this a person could not answer at all.
const LEAST_MS: i64 = 100;

/// Below half a minute nobody finds the button; what was proved yesterday proves nobody's presence.
const STEP_UP_MS: std::ops::RangeInclusive<i64> = 30_000..=DAY_MS;

/// What carrying out an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A readable page with a subject's rows.
    Access,
    /// That, and JSON and CSV of the rows.
    Export,
    /// A subject's rows are deleted, cleared or detached, as the data maps say.
    Erase,
    /// Old rows of a dataset are deleted.
    Purge,
    /// Nothing by us: the application or gateway that asked acts itself, under a permit.
    Declared,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name in policies and requests.
    pub name: String,
    /// What carrying it out does.
    pub effect: Effect,
    /// A request that was proved ends this long after submission.
    pub expires_after_ms: i64,
    /// A request without any proof ends this long after submission.
    pub expires_unproven_after_ms: i64,
    /// When the law wants an answer; `None` where it sets no date.
    pub deadline: Option<Clock>,
    /// Whether reviewers get mail when their vote is missing.
    pub call_to_vote: bool,
    /// A verification older than this no longer counts; `None`: it always does, as the settings say by `never`.
    pub verification_max_age_ms: Option<i64>,
    /// After so many runs that got stuck the action pauses; 0: never.
    pub pause_after: u32,
    /// Failures that lie further back than this are forgotten.
    pub pause_window_ms: i64,
    /// How fresh the proof must be that a voter is there, by passkey or one-time password; `None` where a session or token
    /// is enough.
    pub step_up_ms: Option<i64>,
}

impl Action {
    /// With nothing configured.
    pub(super) fn plain(name: &str, effect: Effect) -> Self {
        Self {
            name: name.to_owned(),
            effect,
            expires_after_ms: EXPIRES_AFTER_MS,
            expires_unproven_after_ms: EXPIRES_UNPROVEN_AFTER_MS,
            deadline: None,
            call_to_vote: true,
            // Who asks about a dataset proves nothing.
            verification_max_age_ms: (effect != Effect::Purge).then_some(VERIFICATION_MAX_AGE_MS),
            pause_after: PAUSE_AFTER,
            pause_window_ms: PAUSE_WINDOW_MS,
            step_up_ms: None,
        }
    }

    /// Whether it concerns a dataset rather than a person. A declared one may concern either.
    pub const fn takes_dataset(&self) -> bool {
        matches!(self.effect, Effect::Purge | Effect::Declared)
    }

    /// Reads `[actions.<name>]`.
    pub(super) fn read(name: &Placed<&str>, section: Section<'_>, regimes: &Regimes) -> Self {
        let standard = STANDARD.iter().find(|(it, _)| *it == name.value).map(|(_, effect)| *effect);
        let mut action = Self::plain(name.value, standard.unwrap_or(Effect::Declared));
        let words = [
            ("access", Effect::Access),
            ("export", Effect::Export),
            ("erase", Effect::Erase),
            ("purge", Effect::Purge),
            ("declared", Effect::Declared),
        ];
        if let Some(effect) = section.choice("effect", &words) {
            if standard.is_some_and(|it| it != effect) {
                let message = format!("`{}` is built in, and its effect is its name", name.value);
                section.page().wrong(name.span.clone(), message, "give an action of your own another name");
            }
            action.effect = effect;
        }
        if let Some(span_ms) = section.duration("expires_after", LEAST_MS..=LONGEST_MS) {
            action.expires_after_ms = span_ms;
        }
        if let Some(span_ms) = section.duration("expires_unproven_after", LEAST_MS..=LONGEST_MS) {
            action.expires_unproven_after_ms = span_ms;
        }
        // Shorter before proof, always: proof must never shorten the time that is left.
        action.expires_unproven_after_ms = action.expires_unproven_after_ms.min(action.expires_after_ms);
        if let Some(call) = section.flag("call_to_vote") {
            action.call_to_vote = call;
        }
        if let Some(age_ms) = section.duration_or_never("verification_max_age", LEAST_MS..=LONGEST_MS) {
            action.verification_max_age_ms = age_ms;
        }
        if let Some(count) = section.number("pause_after", 0..=PAUSE_AFTER_MOST) {
            action.pause_after = u32::try_from(count).unwrap_or(PAUSE_AFTER);
        }
        if let Some(span_ms) = section.duration("pause_window", LEAST_MS..=LONGEST_MS) {
            action.pause_window_ms = span_ms;
        }
        action.step_up_ms = section.duration("step_up", STEP_UP_MS);
        action.deadline = section.text("deadline").and_then(|it| regimes.find(section.page(), &it));
        section.finish();
        action
    }
}
