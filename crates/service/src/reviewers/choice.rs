//! At once or once a day: what each reviewer chose for themselves, and what counts for whoever chose nothing.

use std::collections::BTreeMap;

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::jobs::wish;
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::{self, Pace, Settings};

/// The kind of record.
const KIND: &str = "reviewer_mail";

/// When a reviewer gets mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// At once, or gathered.
    pub pace: Pace,
    /// The hour at which what was gathered is sent, from 0 to 23.
    pub hour: u8,
    /// Where that clock hangs, such as `Europe/Berlin`.
    pub zone: String,
    /// In which language, if not in that of everybody.
    #[serde(default)]
    pub language: Option<String>,
}

/// What counts for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// When they get mail.
    pub choice: Choice,
    /// Whether they chose it themselves.
    pub own: bool,
}

impl Choice {
    fn usual(settings: &Settings) -> Self {
        Self {
            pace: settings.reviewers.pace,
            hour: settings.reviewers.hour,
            zone: settings.time_zone_name.clone(),
            language: None,
        }
    }

    /// In which language they read.
    pub(crate) fn reads(&self, settings: &Settings) -> String {
        self.language.as_ref().unwrap_or(&settings.language).clone()
    }

    /// When something that happens at `now` is said.
    pub(crate) fn next_at(&self, now: Timestamp) -> Timestamp {
        if self.pace == Pace::AtOnce {
            return now;
        }
        // A zone that is known no more, after an update, must not keep anybody from hearing.
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let next = || {
            let here = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?.to_zoned(zone.clone());
            let mut day = here.date();
            loop {
                let hour = i8::try_from(self.hour).ok()?;
                let at = day.at(hour, 0, 0, 0).to_zoned(zone.clone()).ok()?;
                let at = Timestamp::from_millis(at.timestamp().as_millisecond());
                if at > now {
                    return Some(at);
                }
                day = day.tomorrow().ok()?;
            }
        };
        next().unwrap_or(now)
    }
}

/// What to load for what a person chose.
pub(crate) fn need(person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(person.to_string()))
}

/// What counts for each of these, as far as it was loaded.
pub(crate) fn choices(settings: &Settings, loaded: &Loaded) -> Result<impl Fn(PersonId) -> Choice, Refusal> {
    let mut own = BTreeMap::new();
    for found in loaded.of_kind(KIND) {
        own.insert(found.id.clone(), record::read::<Choice>(found)?);
    }
    let usual = Choice::usual(settings);
    Ok(move |person: PersonId| own.get(&person.to_string()).unwrap_or(&usual).clone())
}

/// In which language a person reads, as far as what they chose was loaded.
pub(crate) fn reads(settings: &Settings, loaded: &Loaded, person: PersonId) -> Result<String, Refusal> {
    Ok(choices(settings, loaded)?(person).reads(settings))
}

impl Service {
    /// When this reviewer gets mail.
    ///
    /// # Errors
    /// For whoever votes on nothing.
    pub async fn mail_choice(&self, caller: &Caller) -> Result<Chosen, Refusal> {
        let holder = reviewer(caller)?;
        let loaded =
            self.store.load(Needs { records: vec![need(holder.person)], ..Needs::default() }).await?;
        let settings = self.settings().await?;
        let own = loaded.of_kind(KIND).next().is_some();
        Ok(Chosen { choice: choices(&settings, &loaded)?(holder.person), own })
    }

    /// A reviewer chooses for themselves; with `None` what the settings say counts again. What is gathered for them already
    /// comes by the new choice.
    ///
    /// # Errors
    /// For whoever votes on nothing, an hour or a time zone that there is not.
    pub async fn choose_mail(&self, caller: &Caller, choice: Option<Choice>) -> Result<(), Refusal> {
        let holder = reviewer(caller)?.clone();
        let choice = choice.map(checked).transpose()?;
        let settings = self.settings().await?;
        let person = holder.person;
        self.act(Needs { records: vec![holder.need()], ..Needs::default() }, move |loaded| {
            holder.recheck(loaded)?;
            let change = match &choice {
                Some(choice) => record::put(KIND, person.to_string(), choice, Vec::new(), None)?,
                None => RecordChange::Delete { kind: KIND.to_owned(), id: person.to_string() },
            };
            let counts = choice.clone().unwrap_or_else(|| Choice::usual(&settings));
            let jobs = vec![wish("digest", person.to_string(), counts.next_at(loaded.now))];
            Ok((Change { records: vec![change], jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }
}

fn reviewer(caller: &Caller) -> Result<&Holder, Refusal> {
    let holder = caller.may(Act::Vote)?;
    // A program has no seat.
    if holder.service.is_some() { Err(Refusal::NotAllowed(Act::Vote.words())) } else { Ok(holder) }
}

fn checked(choice: Choice) -> Result<Choice, Refusal> {
    if choice.hour > 23 {
        return Err(Refusal::invalid("hour", "is from 0 to 23"));
    }
    if choice.language.as_deref().is_some_and(|language| !settings::is_spoken(language)) {
        return Err(Refusal::invalid("language", "is none that mail is written in"));
    }
    let no_zone = || Refusal::invalid("zone", "is a name such as `Europe/Berlin` or `UTC`");
    let zone = TimeZone::get(choice.zone.trim()).map_err(|_| no_zone())?;
    let zone = zone.iana_name().ok_or_else(no_zone)?.to_owned();
    Ok(Choice { zone, ..choice })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().map_or(0, |at| at.as_millisecond()))
    }

    fn daily(hour: u8, zone: &str) -> Choice {
        Choice { pace: Pace::Digest, hour, zone: zone.to_owned(), language: None }
    }

    #[test]
    fn digest_comes_at_its_hour_where_its_reader_is_also_when_clocks_are_put_on_or_back() {
        for (now, hour, zone, then) in [
            ("2026-11-23T06:59:59Z", 8, "Europe/Berlin", "2026-11-23T07:00:00Z"),
            ("2026-11-23T07:00:00Z", 8, "Europe/Berlin", "2026-11-24T07:00:00Z"),
            ("2026-11-23T07:00:00Z", 8, "America/New_York", "2026-11-23T13:00:00Z"),
            // There is no half past two on this day, nor two o'clock.
            ("2026-03-29T00:00:00Z", 2, "Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("2026-03-28T12:00:00Z", 8, "Europe/Berlin", "2026-03-29T06:00:00Z"),
            // There are two of these: the first.
            ("2026-10-24T12:00:00Z", 2, "Europe/Berlin", "2026-10-25T00:00:00Z"),
            ("2026-10-25T00:00:00Z", 2, "Europe/Berlin", "2026-10-26T01:00:00Z"),
            ("2026-11-23T07:00:00Z", 8, "No/Where", "2026-11-23T08:00:00Z"),
        ] {
            assert_eq!(daily(hour, zone).next_at(at(now)), at(then), "{now} {zone}");
        }
    }

    #[test]
    fn whoever_wants_it_at_once_waits_for_no_hour() {
        let now = at("2026-11-23T06:59:59Z");
        assert_eq!(Choice { pace: Pace::AtOnce, ..daily(8, "UTC") }.next_at(now), now);
    }

    #[test]
    fn hours_zones_and_languages_that_there_are_not_are_refused() {
        assert!(checked(daily(24, "UTC")).is_err());
        assert!(checked(daily(8, "Nowhere")).is_err());
        assert!(checked(daily(8, "")).is_err());
        let reads =
            |language: &str| checked(Choice { language: Some(language.to_owned()), ..daily(8, "UTC") });
        assert!(reads("de").is_ok() && reads("tlh").is_err() && reads("").is_err());
        assert_eq!(checked(daily(23, " Europe/Berlin ")).map(|it| it.zone), Ok("Europe/Berlin".to_owned()));
    }
}
