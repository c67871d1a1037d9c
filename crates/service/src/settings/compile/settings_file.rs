//! Reads `settings.toml`. The shape is told, key by key, in the file that comes with the sample shop.

use std::collections::BTreeMap;

use countersign_core::conflict::{Resolution, Rule};
use countersign_core::deadline::Calendar;
use countersign_policy::Vocabulary;
use jiff::tz::TimeZone;

use super::maps::Maps;
use super::{glass, names, timers};
use crate::settings::action::{Action, STANDARD};
use crate::settings::bundle::Bundle;
use crate::settings::duration::{DAY_MS, LONGEST_MS};
use crate::settings::floods::Floods;
use crate::settings::language;
use crate::settings::oidc::Oidc;
use crate::settings::regime::{self, Regimes};
use crate::settings::reviewers::Reviewers;
use crate::settings::schedule::Schedule;
use crate::settings::section::{Page, Placed, Section};
use crate::settings::sessions::Sessions;
use crate::settings::statements::Application;

const SURVEY_MAX_AGE_MS: i64 = 60_000;
const OWN_DATA_AFTER_MS: i64 = 30 * DAY_MS;
const PACKAGE_DAYS: i64 = 7;
const PACKAGE_FETCHES: i64 = 5;
const PACKAGE_PROOF_MAX_AGE_MS: i64 = 15 * 60_000;

/// What the file says. Where it said something wrong, the default stands here and the page has the mistake.
pub(super) struct SettingsFile {
    pub(super) environment: String,
    pub(super) time_zone: TimeZone,
    pub(super) time_zone_name: String,
    pub(super) actions: BTreeMap<String, Action>,
    pub(super) conflicts: Vec<Rule>,
    pub(super) survey_max_age_ms: i64,
    pub(super) own_data_after_ms: i64,
    pub(super) package_days: i64,
    pub(super) sessions: Sessions,
    pub(super) floods: Floods,
    pub(super) statements: Vec<Application>,
    pub(super) language: String,
    pub(super) reviewers: Reviewers,
    pub(super) oidc: Option<Oidc>,
    pub(super) package_fetches: u32,
    pub(super) package_proof_max_age_ms: i64,
    pub(super) calendar: Calendar,
    pub(super) schedules: Vec<Schedule>,
    pub(super) vocabulary: Vocabulary,
    pub(super) glass: Option<glass::Written>,
    /// Whether every name that policies may use was read: if not, a policy that names one is not to blame.
    pub(super) names_are_sound: bool,
}

impl SettingsFile {
    /// `None` where the text is no TOML: what stands behind a broken line may belong elsewhere.
    pub(super) fn read(page: &Page<'_>, maps: &Maps, bundle: &Bundle) -> Option<Self> {
        let table = page.parse();
        page.is_clean().then(|| Self::of(Section::top(page, &table), maps, bundle))
    }

    fn of(top: Section<'_>, maps: &Maps, bundle: &Bundle) -> Self {
        let page = top.page();
        let (vocabulary, environment) = vocabulary(&top, maps);
        let written = top.named("actions");
        for (name, _) in &written {
            names::sound(page, name, |it| Vocabulary { actions: [it].into(), ..Vocabulary::default() });
        }
        let names_read = page.is_clean();
        let actions = actions(written, &Regimes::read(&top));
        let (time_zone, time_zone_name) = top
            .needed("time_zone", "\"Europe/Berlin\"")
            .and_then(|it| timers::zone(page, &it))
            .unwrap_or((TimeZone::UTC, "UTC".to_owned()));
        let mut file = Self {
            environment,
            conflicts: conflicts(&top, &actions),
            survey_max_age_ms: top.duration("survey_max_age", 100..=DAY_MS).unwrap_or(SURVEY_MAX_AGE_MS),
            own_data_after_ms: top.duration("own_data_after", 0..=LONGEST_MS).unwrap_or(OWN_DATA_AFTER_MS),
            package_days: top.number("package_days", 1..=365).unwrap_or(PACKAGE_DAYS),
            sessions: Sessions::read(&top),
            floods: Floods::read(&top),
            statements: Application::read_all(&top),
            language: language::read(&top),
            reviewers: Reviewers::read(&top),
            oidc: Oidc::read(&top, &vocabulary.groups),
            package_fetches: top.number("package_fetches", 1..=1000).unwrap_or(PACKAGE_FETCHES) as u32,
            package_proof_max_age_ms: top
                .duration("package_proof_max_age", 60_000..=DAY_MS)
                .unwrap_or(PACKAGE_PROOF_MAX_AGE_MS),
            calendar: regime::calendar(&top),
            schedules: timers::read(&top, &actions, maps, &time_zone),
            glass: glass::Written::read(&top, bundle, &vocabulary),
            vocabulary: Vocabulary { actions: actions.keys().cloned().collect(), ..vocabulary },
            names_are_sound: false,
            actions,
            time_zone,
            time_zone_name,
        };
        // A misspelt `groups` is an unknown key, and leaves all groups unknown.
        file.names_are_sound = top.finish() && names_read && maps.are_sound;
        file
    }

    /// The file of the policies for broken glass: it does not count otherwise.
    pub(super) fn glass_file(&self) -> Option<&str> {
        self.glass.as_ref().map(|it| &*it.file)
    }
}

/// The names that policies may use, actions aside, and the environment.
fn vocabulary(top: &Section<'_>, maps: &Maps) -> (Vocabulary, String) {
    let mut vocabulary = Vocabulary::standard();
    // A policy that asks for a statement which nobody can make is told, as any misspelt name is.
    if top.has("statements") {
        vocabulary.methods.insert("statement".to_owned());
    }
    let environment = top.needed("environment", "\"production\"");
    for name in environment.iter().cloned().chain(top.texts("environments")) {
        if name.value.trim().is_empty() || name.value.len() > 64 {
            let message = "an environment has a name of at most 64 bytes";
            top.page().wrong(name.span, message, "write one such as \"production\"");
            continue;
        }
        vocabulary.environments.insert(name.value.to_owned());
    }
    vocabulary.groups =
        names::list(top, "groups", |it| Vocabulary { groups: [it].into(), ..Vocabulary::default() });
    vocabulary.attestations.extend(names::list(top, "attestations", |it| Vocabulary {
        attestations: [it].into(),
        ..Vocabulary::default()
    }));
    vocabulary.subject_attributes.extend(maps.attributes.clone());
    vocabulary.requester_attributes = names::attributes(top, "requester_attributes");
    (vocabulary, environment.map(|it| it.value.to_owned()).unwrap_or_default())
}

/// The standard actions, changed as `written`, and those that the file adds.
fn actions(written: Vec<(Placed<&str>, Section<'_>)>, regimes: &Regimes) -> BTreeMap<String, Action> {
    let mut actions: BTreeMap<_, _> =
        STANDARD.iter().map(|(name, effect)| ((*name).to_owned(), Action::plain(name, *effect))).collect();
    for (name, section) in written {
        let action = Action::read(&name, section, regimes);
        actions.insert(action.name.clone(), action);
    }
    actions
}

/// Reads `[[conflicts]]`.
fn conflicts(top: &Section<'_>, actions: &BTreeMap<String, Action>) -> Vec<Rule> {
    const RESOLUTIONS: [(&str, Resolution); 3] =
        [("wait", Resolution::Wait), ("deny", Resolution::Deny), ("duplicate", Resolution::Duplicate)];
    let mut rules: Vec<Rule> = vec![];
    for section in top.list("conflicts") {
        let page = section.page();
        let known =
            |name: &Placed<&str>| names::is_known(page, "action", name, actions.keys().map(String::as_str));
        let first = section.needed("first", "\"export\"").filter(known);
        let then = section.needed("then", "\"erase\"").filter(known);
        let resolution = section.needed("resolution", "\"wait\"");
        let resolution = resolution.and_then(|it| section.choose("resolution", &it, &RESOLUTIONS));
        let span = section.span();
        section.finish();
        let (Some(first), Some(then), Some(resolution)) = (first, then, resolution) else { continue };
        let (first, then) = (first.value.to_owned(), then.value.to_owned());
        if rules.iter().any(|it| it.first == first && it.then == then) {
            page.wrong(
                span,
                format!("`{then}` after `{first}` has a rule already"),
                "only the first would count",
            );
            continue;
        }
        rules.push(Rule { first, then, resolution });
    }
    rules
}
