//! What a new version of the settings would change, in words, for whoever is about to apply it. It must not know
//! what a change means for the requests that wait.

mod policy_text;
mod policy_words;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::conflict::Resolution;
use countersign_core::deadline::{Clock, FirstDay, Rolls, Unit};
use countersign_policy::AttributeType;

use super::Settings;
use super::action::{Action, Effect};
use super::duration;
use super::schedule::Schedule;

/// What stands under one name of the settings.
#[derive(PartialEq)]
enum Stands {
    /// Short enough to be shown before and after.
    Shown(String),
    /// Compared, and not shown.
    Long(String),
    /// A policy: what its change means is said.
    Policy(String),
    /// There or not.
    There,
}

/// Everything that can differ, the weightiest first.
type Inventory = BTreeMap<(u8, String), Stands>;

/// One line a change; empty where nothing changes.
pub fn difference(old: &Settings, new: &Settings) -> Vec<String> {
    let (before, after) = (inventory(old), inventory(new));
    let mut all: Vec<&(u8, String)> = before.keys().chain(after.keys()).collect();
    all.sort();
    all.dedup();
    all.into_iter().filter_map(|key| sentence(&key.1, before.get(key), after.get(key))).collect()
}

fn sentence(name: &str, before: Option<&Stands>, after: Option<&Stands>) -> Option<String> {
    match (before, after) {
        (Some(before), Some(after)) if before == after => None,
        (Some(Stands::Policy(before)), Some(Stands::Policy(after))) => {
            Some(format!("{name} {}", policy_words::words(Some(before), Some(after))))
        }
        (None, Some(Stands::Policy(after))) => {
            Some(format!("{name} {}", policy_words::words(None, Some(after))))
        }
        (Some(Stands::Policy(before)), None) => {
            Some(format!("{name} {}", policy_words::words(Some(before), None)))
        }
        (Some(Stands::Shown(before)), Some(Stands::Shown(after))) => {
            Some(format!("{name}: {before} → {after}"))
        }
        (Some(_), Some(_)) => Some(format!("{name} is changed")),
        (None, Some(Stands::Shown(after))) => Some(format!("{name} is added: {after}")),
        (None, Some(_)) => Some(format!("{name} is added")),
        (Some(_), None) => Some(format!("{name} is removed")),
        (None, None) => None,
    }
}

fn inventory(settings: &Settings) -> Inventory {
    let mut all = Inventory::new();
    let mut put = |rank: u8, name: String, it: Stands| {
        all.insert((rank, name), it);
    };
    for (id, text) in policy_text::by_id(settings.bundle.policies().map(|(_, text)| text)) {
        put(0, format!("policy `{id}`"), Stands::Policy(text));
    }
    for group in &settings.groups {
        put(1, format!("group `{group}`"), Stands::There);
    }
    for (name, action) in &settings.actions {
        put(2, format!("action `{name}`"), Stands::Shown(action_in_words(action)));
    }
    for rule in &settings.conflicts {
        let resolution = match rule.resolution {
            Resolution::Wait => "waits",
            Resolution::Deny => "is denied",
            Resolution::Duplicate => "is a duplicate",
        };
        put(3, format!("`{}` after `{}`", rule.then, rule.first), Stands::Shown(resolution.to_owned()));
    }
    for (source, map) in &settings.maps {
        put(4, format!("data map of `{source}`"), Stands::Long(map.version().to_owned()));
    }
    for it in &settings.schedules {
        put(5, format!("schedule `{}`", it.name), Stands::Shown(schedule_in_words(it)));
    }
    for it in &settings.statements {
        put(1, format!("statements of `{}`", it.issuer), Stands::Shown(it.in_words()));
    }
    put(6, "`reviewers`".to_owned(), Stands::Shown(settings.reviewers.in_words()));
    if let Some(it) = &settings.oidc {
        put(1, "signing in by a provider".to_owned(), Stands::Shown(it.in_words()));
    }
    if let Some(it) = &settings.break_glass {
        let names = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(", ");
        let within = duration::show(it.review_within_ms);
        let said = format!(
            "by {} under {}, told to {}, reviewed within {within}",
            names(&it.who),
            it.file,
            names(&it.seats)
        );
        put(2, "breaking the glass".to_owned(), Stands::Shown(said));
    }
    let values = [
        ("environment", settings.environment.clone()),
        ("time_zone", settings.time_zone_name.clone()),
        ("language", settings.language.clone()),
        ("survey_max_age", duration::show(settings.survey_max_age_ms)),
        ("own_data_after", duration::show(settings.own_data_after_ms)),
        ("package_days", settings.package_days.to_string()),
        ("package_fetches", settings.package_fetches.to_string()),
        ("package_proof_max_age", duration::show(settings.package_proof_max_age_ms)),
    ];
    for (name, value) in values {
        put(6, format!("`{name}`"), Stands::Shown(value));
    }
    for name in &settings.vocabulary.attestations {
        put(7, format!("attestation `{name}`"), Stands::There);
    }
    for name in &settings.vocabulary.environments {
        put(7, format!("known environment `{name}`"), Stands::There);
    }
    for (name, kind) in &settings.vocabulary.requester_attributes {
        let kind = match kind {
            AttributeType::Bool => "bool",
            AttributeType::Long => "long",
            AttributeType::String => "string",
        };
        put(7, format!("attribute `{name}` of requesters"), Stands::Shown(kind.to_owned()));
    }
    for (year, days) in &settings.calendar.holidays {
        put(8, format!("calendar of {year}"), Stands::Long(format!("{days:?}")));
    }
    all
}

fn action_in_words(action: &Action) -> String {
    let effect = match action.effect {
        Effect::Access => "access",
        Effect::Export => "export",
        Effect::Erase => "erase",
        Effect::Purge => "purge",
        Effect::Declared => "declared",
    };
    let mut words = vec![
        effect.to_owned(),
        format!("expires after {}", duration::show(action.expires_after_ms)),
        format!("unproven after {}", duration::show(action.expires_unproven_after_ms)),
    ];
    words.push(action.deadline.as_ref().map_or("no deadline".to_owned(), clock_in_words));
    words.push(if action.call_to_vote { "calls to vote" } else { "calls nobody" }.to_owned());
    words.extend(
        action.verification_max_age_ms.map(|age| format!("verifications count for {}", duration::show(age))),
    );
    words.push(match action.pause_after {
        0 => "never pauses".to_owned(),
        after => format!("pauses after {after} failures in {}", duration::show(action.pause_window_ms)),
    });
    words.join(", ")
}

fn clock_in_words(clock: &Clock) -> String {
    let unit = match clock.unit {
        Unit::CalendarMonth => "calendar months",
        Unit::CalendarDay => "calendar days",
        Unit::BusinessDay => "business days",
    };
    let first = match clock.first_day {
        FirstDay::DayOf => "the day of receipt",
        FirstDay::DayAfter => "the day after receipt",
    };
    let rolls = match clock.rolls {
        Rolls::None => "",
        Rolls::NextWorkingDay => " to a working day",
    };
    format!("{} {unit} from {first}{rolls}", clock.count)
}

fn schedule_in_words(it: &Schedule) -> String {
    let zone = it.time_zone.iana_name().unwrap_or("UTC");
    let age = duration::show(it.older_than_ms);
    let author = it.author.as_deref().map(|it| format!(", by {it}")).unwrap_or_default();
    format!("{} of {}/{} beyond {age} at {} {zone}{author}", it.action, it.source, it.dataset, it.pattern)
}
