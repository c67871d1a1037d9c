//! Everything of the settings that can differ. Each struct is taken apart whole, so that a new field asks here how its
//! change is told before anything compiles.

use std::collections::BTreeMap;

use countersign_core::conflict::{Resolution, Rule};
use countersign_core::deadline::{Calendar, Clock, FirstDay, Rolls, Unit};
use countersign_policy::{AttributeType, Vocabulary};
use sha2::{Digest, Sha256};

use super::policy_text;
use super::stands::Way::{Looser, Stricter};
use super::stands::{Stands, Way};
use crate::settings::action::{Action, Effect};
use crate::settings::floods::Floods;
use crate::settings::glass::BreakGlass;
use crate::settings::oidc::{Given, Oidc};
use crate::settings::reviewers::{Pace, Reviewers};
use crate::settings::schedule::Schedule;
use crate::settings::sessions::Sessions;
use crate::settings::statements::{Application, KeysAt};
use crate::settings::{Bundle, Settings};

/// By weight, the weightiest first, and name.
pub(super) type Inventory = BTreeMap<(u8, String), Stands>;

pub(super) fn inventory(settings: &Settings) -> Inventory {
    let Settings {
        // Which version it is, and what follows from all the rest.
        version: _,
        hash: _,
        warnings: _,
        // Compared as the files that they are read from, or by their other form.
        policies: _,
        time_zone: _,
        maps_after: _,
        environment,
        time_zone_name,
        groups,
        actions,
        conflicts,
        survey_max_age_ms,
        own_data_after_ms,
        package_days,
        sessions: Sessions { idle_ms, absolute_ms },
        floods: Floods { of_client, mails_to_address, for_identity, of_token },
        statements,
        language,
        reviewers,
        oidc,
        package_fetches,
        package_proof_max_age_ms,
        calendar: Calendar { holidays },
        maps,
        schedules,
        vocabulary,
        break_glass,
        bundle,
    } = settings;
    let mut all = Inventory::new();
    let mut put = |rank: u8, name: String, it: Stands| {
        all.insert((rank, name), it);
    };
    for (name, policy) in policies(bundle, break_glass.as_ref()) {
        put(0, name, policy);
    }
    for group in groups {
        put(1, format!("group `{group}`"), Stands::There);
    }
    for it in statements {
        put(1, format!("statements of `{}`", it.issuer), application(it));
    }
    if let Some(it) = oidc {
        put(1, "signing in by a provider".to_owned(), provider(it));
    }
    for (name, it) in actions {
        put(2, format!("action `{name}`"), action(it));
    }
    if let Some(it) = break_glass {
        put(2, "breaking the glass".to_owned(), glass(it));
    }
    for Rule { first, then, resolution } in conflicts {
        let resolution = match resolution {
            Resolution::Wait => "waits",
            Resolution::Deny => "is denied",
            Resolution::Duplicate => "is a duplicate",
        };
        put(3, format!("`{then}` after `{first}`"), shown(resolution));
    }
    for (source, map) in maps {
        put(4, format!("data map of `{source}`"), Stands::Long(map.version().to_owned()));
    }
    for it in schedules {
        put(5, format!("schedule `{}`", it.name), schedule(it));
    }
    for (name, value) in [
        ("environment", shown(environment)),
        ("time_zone", shown(time_zone_name)),
        ("language", shown(language)),
        ("survey_max_age", Stands::time(*survey_max_age_ms, Looser)),
        ("own_data_after", Stands::time(*own_data_after_ms, Looser)),
        ("package_days", Stands::number(*package_days, Looser)),
        ("package_fetches", Stands::number(i64::from(*package_fetches), Looser)),
        ("package_proof_max_age", Stands::time(*package_proof_max_age_ms, Looser)),
        ("sessions.idle", Stands::time(*idle_ms, Looser)),
        ("sessions.absolute", Stands::time(*absolute_ms, Looser)),
        ("floods.of_client", Stands::number(i64::from(*of_client), Looser)),
        ("floods.mails_to_address", Stands::number(i64::from(*mails_to_address), Looser)),
        ("floods.for_identity", Stands::number(i64::from(*for_identity), Looser)),
        ("floods.of_token", Stands::number(i64::from(*of_token), Looser)),
    ] {
        put(6, format!("`{name}`"), value);
    }
    put(6, "`reviewers`".to_owned(), mail(*reviewers));
    for (name, it) in names(vocabulary) {
        put(7, name, it);
    }
    for (year, days) in holidays {
        put(8, format!("calendar of {year}"), Stands::Long(format!("{days:?}")));
    }
    all
}

/// By id, and apart from them those that count only where the glass was broken: the same text is another gate there.
fn policies(bundle: &Bundle, glass: Option<&BreakGlass>) -> Vec<(String, Stands)> {
    let is_glass = |path: &str| glass.is_some_and(|it| it.file == path);
    let of = |broken: bool, words: &'static str| {
        let files = bundle.policies().filter(|(path, _)| is_glass(path) == broken);
        let all = policy_text::by_id(files.map(|(_, text)| text));
        all.into_iter().map(|(id, text)| (format!("policy `{id}`{words}"), Stands::Policy(text))).collect()
    };
    let (mut all, broken): (Vec<_>, Vec<_>) = (of(false, ""), of(true, " for broken glass"));
    all.extend(broken);
    all
}

fn action(action: &Action) -> Stands {
    let Action {
        name: _,
        effect,
        expires_after_ms,
        expires_unproven_after_ms,
        deadline,
        call_to_vote,
        verification_max_age_ms,
        pause_after,
        pause_window_ms,
        step_up_ms,
    } = action;
    let effect = match effect {
        Effect::Access => "access",
        Effect::Export => "export",
        Effect::Erase => "erase",
        Effect::Purge => "purge",
        Effect::Declared => "declared",
    };
    parts([
        ("effect", shown(effect)),
        ("expires_after", Stands::time(*expires_after_ms, Looser)),
        ("expires_unproven_after", Stands::time(*expires_unproven_after_ms, Looser)),
        ("deadline", shown(&deadline.as_ref().map_or("none".to_owned(), clock_in_words))),
        ("call_to_vote", Stands::flag(*call_to_vote, Stricter)),
        ("verification_max_age", Stands::time_or(*verification_max_age_ms, "never too old", Looser)),
        ("pause_after", Stands::number_or(i64::from(*pause_after), "never", Looser)),
        ("pause_window", Stands::time(*pause_window_ms, Stricter)),
        ("step_up", Stands::time_or(*step_up_ms, "not needed", Looser)),
    ])
}

fn glass(glass: &BreakGlass) -> Stands {
    let BreakGlass { file, policies: _, who, seats, review_within_ms } = glass;
    parts([
        ("policies", shown(file)),
        ("who", Stands::names(who.iter().cloned(), Looser)),
        ("seats", Stands::names(seats.iter().cloned(), Stricter)),
        ("review_within", Stands::time(*review_within_ms, Looser)),
    ])
}

fn provider(provider: &Oidc) -> Stands {
    let Oidc { name, issuer, client_id, scopes, groups_claim, trusts_email, groups } = provider;
    let mut all = vec![
        ("`name`".to_owned(), shown(name)),
        ("`issuer`".to_owned(), shown(issuer)),
        ("`client_id`".to_owned(), shown(client_id)),
        ("`scopes`".to_owned(), shown(&scopes.join("+"))),
        ("`groups_claim`".to_owned(), shown(groups_claim)),
        ("`trusts_email`".to_owned(), Stands::flag(*trusts_email, Looser)),
    ];
    for (group, Given { seats, roles }) in groups {
        let roles = roles.iter().map(|role| role.name().to_owned());
        let given = [
            ("seats", Stands::names(seats.iter().cloned(), Looser)),
            ("roles", Stands::names(roles, Looser)),
        ];
        all.push((format!("group `{group}`"), parts(given)));
    }
    Stands::Parts(all)
}

fn application(application: &Application) -> Stands {
    let Application { issuer: _, audience, claim, identity, algorithms, max_age_ms, keys } = application;
    let (keys, private) = match keys {
        KeysAt::Here(text) => (hex::encode(&Sha256::digest(text)[..8]), false),
        KeysAt::Url { url, private } => (format!("at {url}"), *private),
    };
    parts([
        ("audience", shown(audience)),
        ("claim", shown(claim)),
        ("identity", shown(identity)),
        ("algorithms", Stands::names(algorithms.iter().cloned(), Looser)),
        ("max_age", Stands::time(*max_age_ms, Looser)),
        ("keys", shown(&keys)),
        ("keys_private", Stands::flag(private, Looser)),
    ])
}

fn mail(reviewers: Reviewers) -> Stands {
    let Reviewers { pace, hour, remind_percent } = reviewers;
    let pace = match pace {
        Pace::AtOnce => "at_once",
        Pace::Digest => "digest",
    };
    parts([
        ("mail", shown(pace)),
        ("hour", shown(&hour.to_string())),
        ("remind_percent", shown(&remind_percent.to_string())),
    ])
}

fn schedule(schedule: &Schedule) -> Stands {
    // The ticks are what the pattern says.
    let Schedule { name: _, cron: _, pattern, time_zone, action, source, dataset, older_than_ms, author } =
        schedule;
    parts([
        ("cron", shown(pattern)),
        ("time_zone", shown(time_zone.iana_name().unwrap_or("UTC"))),
        ("action", shown(action)),
        ("source", shown(source)),
        ("dataset", shown(dataset)),
        ("older_than", Stands::time(*older_than_ms, Way::Stricter)),
        ("author", shown(author.as_deref().unwrap_or("whoever applies it"))),
    ])
}

/// Names that policies may use.
fn names(vocabulary: &Vocabulary) -> Vec<(String, Stands)> {
    let Vocabulary {
        // Told above, where they stand.
        actions: _,
        groups: _,
        methods: _,
        // Of the data maps, and told with them.
        subject_attributes: _,
        dataset_attributes: _,
        requester_attributes,
        attestations,
        environments,
    } = vocabulary;
    let mut all = Vec::new();
    all.extend(attestations.iter().map(|name| (format!("attestation `{name}`"), Stands::There)));
    all.extend(environments.iter().map(|name| (format!("known environment `{name}`"), Stands::There)));
    for (name, kind) in requester_attributes {
        let kind = match kind {
            AttributeType::Bool => "bool",
            AttributeType::Long => "long",
            AttributeType::String => "string",
        };
        all.push((format!("attribute `{name}` of requesters"), shown(kind)));
    }
    all
}

fn clock_in_words(clock: &Clock) -> String {
    let Clock { count, unit, first_day, rolls } = clock;
    let unit = match unit {
        Unit::CalendarMonth => "calendar months",
        Unit::CalendarDay => "calendar days",
        Unit::BusinessDay => "business days",
    };
    let first = match first_day {
        FirstDay::DayOf => "the day of receipt",
        FirstDay::DayAfter => "the day after receipt",
    };
    let rolls = match rolls {
        Rolls::None => "",
        Rolls::NextWorkingDay => " to a working day",
    };
    format!("{count} {unit} from {first}{rolls}")
}

fn shown(text: &str) -> Stands {
    Stands::Shown(text.to_owned())
}

fn parts<const N: usize>(parts: [(&str, Stands); N]) -> Stands {
    Stands::Parts(parts.into_iter().map(|(name, it)| (format!("`{name}`"), it)).collect())
}
