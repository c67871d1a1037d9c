//! Reads `[schedules.<name>]` and checks that what a schedule names is there.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::maps::Maps;
use super::names;
use crate::settings::action::Action;
use crate::settings::duration::LONGEST_MS;
use crate::settings::schedule::{Schedule, parse_cron};
use crate::settings::section::{Page, Placed, Section, brief};

/// All schedules that could be read, by name.
pub(super) fn read(
    top: &Section<'_>,
    actions: &BTreeMap<String, Action>,
    maps: &Maps,
    time_zone: &TimeZone,
) -> Vec<Schedule> {
    top.named("schedules")
        .into_iter()
        .filter_map(|(name, it)| one(&name, it, actions, maps, time_zone))
        .collect()
}

fn one(
    name: &Placed<&str>,
    section: Section<'_>,
    actions: &BTreeMap<String, Action>,
    maps: &Maps,
    own: &TimeZone,
) -> Option<Schedule> {
    let page = section.page();
    if let Err(reason) = names::check(name.value) {
        let message = format!("`{}` cannot be used as a name", brief(name.value));
        page.wrong(name.span.clone(), message, &format!("it {reason}"));
    }
    let pattern = section.needed("cron", "\"0 3 * * *\"");
    let cron = pattern.as_ref().and_then(|it| match parse_cron(it.value) {
        Ok(cron) => Some(cron),
        Err(error) => {
            page.wrong(it.span.clone(), format!("`{}` is no schedule", brief(it.value)), &error.to_string());
            None
        }
    });
    let time_zone = match section.text("time_zone") {
        Some(it) => zone(page, &it).map(|(zone, _)| zone),
        None => Some(own.clone()),
    };
    let action = section.needed("action", "\"purge\"").filter(|it| takes_dataset(page, it, actions));
    let source = section.needed("source", "\"shop\"");
    let dataset = section.needed("dataset", "\"app_log\"");
    if let Some(source) = &source
        && names::is_known(page, "data map of a source", source, maps.sources())
        && let (Some(map), Some(dataset)) = (maps.get(source.value), &dataset)
    {
        names::is_known(page, "dataset", dataset, map.datasets.iter().map(|it| it.name.as_str()));
    }
    if !section.has("older_than") {
        section.missing("older_than", "\"90d\"");
    }
    let older_than_ms = section.duration("older_than", 0..=LONGEST_MS);
    let author = section.text("author").map(|it| it.value.to_owned());
    section.finish();
    Some(Schedule {
        name: name.value.to_owned(),
        cron: cron?,
        pattern: pattern?.value.to_owned(),
        time_zone: time_zone?,
        action: action?.value.to_owned(),
        source: source?.value.to_owned(),
        dataset: dataset?.value.to_owned(),
        older_than_ms: older_than_ms?,
        author,
    })
}

fn takes_dataset(page: &Page<'_>, name: &Placed<&str>, actions: &BTreeMap<String, Action>) -> bool {
    if !names::is_known(page, "action", name, actions.keys().map(String::as_str)) {
        return false;
    }
    let fits = actions.get(name.value).is_some_and(Action::takes_dataset);
    if !fits {
        let message = format!("`{}` is for a person's data, and a schedule names none", name.value);
        page.wrong(name.span.clone(), message, "an action with the effect `purge` takes a dataset");
    }
    fits
}

/// The time zone of that name, with the name as the database of time zones writes it.
pub(super) fn zone(page: &Page<'_>, name: &Placed<&str>) -> Option<(TimeZone, String)> {
    match TimeZone::get(name.value) {
        Ok(zone) => {
            let written = zone.iana_name().unwrap_or(name.value).to_owned();
            Some((zone, written))
        }
        Err(_) => {
            let all: Vec<String> = jiff::tz::db().available().map(|it| it.to_string()).collect();
            let mut advice = crate::settings::did_you_mean(name.value, all.iter().map(String::as_str));
            if advice.is_empty() {
                "write a name such as \"Europe/Berlin\" or \"UTC\"".clone_into(&mut advice);
            }
            page.wrong(name.span.clone(), format!("there is no time zone `{}`", brief(name.value)), &advice);
            None
        }
    }
}
