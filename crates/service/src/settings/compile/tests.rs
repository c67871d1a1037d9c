//! What compiles, and what a person reads when it does not. The messages are checked-in pictures.
#![allow(clippy::unwrap_used)]

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::settings::{Effect, report};
use countersign_core::time::Timestamp;

const DEMO: &str = include_str!("../../../../../policies/settings.toml");
const MAP: &str = "source = \"shop\"\n\n[[dataset]]\nname = \"app_log\"\ntable = \"app_log\"\nage = \"at\"\nformat = \"iso\"\n";
const POLICY: &str = "@id(\"erase.approved\")\npermit (principal, action == Action::\"erase\", resource is Subject)\nwhen { context.approvals.privacy >= 1 };\n";
const SMALL: &str = "environment = \"test\"\ntime_zone = \"Europe/Berlin\"\ngroups = [\"privacy\"]\n";

#[test]
fn settings_of_the_sample_shop_compile() {
    let settings = compile(DEMO, &[("policies/a.cedar", POLICY), ("maps/shop.toml", MAP)]).unwrap();
    assert_eq!(settings.version, 7);
    assert_eq!(settings.hash.len(), 64);
    assert_eq!(settings.time_zone_name, "Europe/Berlin");
    assert_eq!(settings.groups.iter().collect::<Vec<_>>(), ["data_owner", "privacy"]);
    assert_eq!(settings.actions["erase"].effect, Effect::Erase);
    assert!(settings.actions["erase"].deadline.is_some());
    assert_eq!(settings.conflicts.len(), 5);
    assert_eq!(settings.schedule("purge_app_log").unwrap().older_than_ms, 90 * 24 * 3_600_000);
    assert_eq!(settings.maps.keys().collect::<Vec<_>>(), ["shop"]);
}

#[test]
fn policies_that_come_with_it_load_against_them() {
    let policies = [
        ("policies/erase.cedar", include_str!("../../../../../policies/erase.cedar")),
        ("policies/export.cedar", include_str!("../../../../../policies/export.cedar")),
        ("policies/purge.cedar", include_str!("../../../../../policies/purge.cedar")),
    ];
    let files: Vec<_> = policies.into_iter().chain([("maps/shop.toml", MAP)]).collect();
    let settings = compile(DEMO, &files).map_err(|mistakes| report(&mistakes)).unwrap();
    assert_eq!(settings.warnings, Vec::<String>::new());
}

#[test]
fn what_is_left_out_has_its_default() {
    let settings = compile(SMALL, &[("policies/a.cedar", POLICY)]).unwrap();
    assert_eq!(settings.survey_max_age_ms, 60_000);
    assert_eq!(settings.own_data_after_ms, 30 * 24 * 3_600_000);
    assert_eq!(settings.package_days, 7);
    let export = &settings.actions["export"];
    assert_eq!(export.expires_after_ms, 30 * 24 * 3_600_000);
    assert_eq!(export.expires_unproven_after_ms, 24 * 3_600_000);
    assert!(export.call_to_vote && export.deadline.is_none());
    assert_eq!(settings.actions.len(), 4);
}

#[test]
fn applications_that_state_who_is_signed_in_are_read_whole_or_told() {
    let keys = r#"keys = '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'"#;
    let with = |lines: &str| {
        format!(
            "{SMALL}[[statements]]\nissuer = \"https://a.test\"\naudience = \"us\"\nidentity = \"account\"\n{lines}\n"
        )
    };
    let policy = POLICY.replace("context.approvals.privacy >= 1", "context.verified.contains(\"statement\")");
    let policy = [("policies/a.cedar", &*policy)];
    let settings = compile(&with(&format!("algorithms = [\"ES256\"]\n{keys}")), &policy).unwrap();
    let [application] = settings.statements.as_slice() else { panic!("one application") };
    assert_eq!((&*application.claim, application.max_age_ms), ("sub", 600_000));
    // A method that nobody can prove by is a misspelt name.
    assert!(!mistakes(SMALL, &policy).is_empty());
    for (lines, told) in [
        (keys.to_owned(), "`algorithms` is missing"),
        (format!("algorithms = [\"HS256\"]\n{keys}"), "`algorithms` cannot be `HS256`"),
        (format!("algorithms = [\"none\"]\n{keys}"), "`algorithms` cannot be `none`"),
        ("algorithms = [\"ES256\"]".to_owned(), "`keys_url` is missing"),
        ("algorithms = [\"ES256\"]\nkeys = \"{}\"".to_owned(), "`keys` is no JWK set"),
        ("algorithms = [\"ES256\"]\nkeys_url = \"http://a.test/k\"".to_owned(), "no address that keys"),
        ("algorithms = [\"ES256\"]\nkeys_url = \"file:///k\"".to_owned(), "no address that keys"),
        (format!("algorithms = [\"ES256\"]\nmax_age = \"30d\"\n{keys}"), "`max_age` is out of range"),
    ] {
        let said = mistakes(&with(&lines), &[]);
        assert!(said.contains(told), "{lines}: {said}");
    }
    let once = with(&format!("algorithms = [\"ES256\"]\n{keys}"));
    let twice = format!("{once}{}", once.strip_prefix(SMALL).unwrap());
    assert!(mistakes(&twice, &[]).contains("has a section already"));
}

#[test]
fn time_before_proof_is_never_longer_than_the_whole() {
    let text = format!("{SMALL}[actions.erase]\nexpires_after = \"1h\"\n");
    assert_eq!(compile(&text, &[]).unwrap().actions["erase"].expires_unproven_after_ms, 3_600_000);
}

#[test]
fn declared_action_and_attributes_of_maps_can_stand_in_policies() {
    let text = format!("{SMALL}[actions.offboard]\n[requester_attributes]\ndepartment = \"string\"\n");
    let map = "source = \"shop\"\n[[root]]\ntable = \"customer\"\nkey = [\"id\"]\nidentities = { email = \"email\" }\nattributes = { vip = { column = \"vip\", type = \"bool\" } }\ntreatment = \"delete\"\n";
    let policy = "@id(\"offboard\")\npermit (principal is Staff, action == Action::\"offboard\", resource is Subject)\nwhen { principal has department && principal.department == \"hr\" && !resource.vip };\n";
    let settings = compile(&text, &[("policies/a.cedar", policy), ("maps/shop.toml", map)]).unwrap();
    assert_eq!(settings.actions["offboard"].effect, Effect::Declared);
}

#[test]
fn every_mistake_of_the_settings_is_told_at_once() {
    assert_snapshot!(mistakes(
        "environment = \"\"\n\
         time_zone = \"Europe/Berln\"\n\
         groups = [\"privacy\", \"Data-Owner\", \"privacy\", 7, \"any\"]\n\
         survey_max_age = \"60\"\n\
         own_data_after = \"3w\"\n\
         package_days = 0\n\
         surveymaxage = \"1s\"\n\
         [actions.erase]\n\
         effect = \"export\"\n\
         expires_aftr = \"30d\"\n\
         call_to_vote = \"yes\"\n\
         deadline = \"gdrp\"\n\
         [actions.purge-it]\n\
         [[conflicts]]\n\
         first = \"exprt\"\n\
         then = \"erase\"\n\
         resolution = \"wiat\"\n\
         [deadlines.gdpr]\n\
         first_day = \"day_after\"\n\
         unit = \"month\"\n\
         [calendar]\n\
         26 = []\n\
         2026 = [\"2026-02-30\", \"2027-01-01\"]\n\
         [requester_attributes]\n\
         department = \"text\"\n",
        &[]
    ));
}

#[test]
fn mistakes_of_schedules_name_what_is_there() {
    let schedules = "[schedules.one]\n\
         cron = \"0 0 3 * * *\"\n\
         action = \"erase\"\n\
         source = \"shp\"\n\
         dataset = \"app_log\"\n\
         older_than = \"90 days\"\n\
         [schedules.two]\n\
         cron = \"0 0 30 2 *\"\n\
         time_zone = \"Mars/Olympus\"\n\
         action = \"prge\"\n\
         source = \"shop\"\n\
         dataset = \"applog\"\n";
    assert_snapshot!(mistakes(&format!("{SMALL}{schedules}"), &[("maps/shop.toml", MAP)]));
}

#[test]
fn broken_toml_is_told_at_its_line_and_policies_are_not_blamed_for_it() {
    assert_snapshot!(mistakes("environment = \"test\ngroups = [", &[("policies/a.cedar", POLICY)]));
}

#[test]
fn misspelt_groups_are_one_mistake_and_not_one_a_policy() {
    let text = SMALL.replace("groups", "gruops");
    assert_snapshot!(mistakes(&text, &[("policies/a.cedar", POLICY)]));
}

#[test]
fn policy_that_names_an_unknown_group_is_told_at_its_line() {
    let policy = POLICY.replace("privacy", "privcy");
    assert_snapshot!(mistakes(SMALL, &[("policies/a.cedar", &policy)]));
}

#[test]
fn maps_must_be_named_for_their_source_and_agree_with_each_other() {
    let root = |source: &str, kind: &str| {
        format!(
            "source = \"{source}\"\n[[root]]\ntable = \"c\"\nkey = [\"id\"]\nidentities = {{ email = \"email\" }}\n\
             attributes = {{ vip = {{ column = \"v\", type = \"{kind}\" }} }}\ntreatment = \"delete\"\n"
        )
    };
    let (one, other) = (root("shop", "bool"), root("crm", "long"));
    assert_snapshot!(mistakes(SMALL, &[("maps/shop.toml", &one), ("maps/other.toml", &other)]));
}

#[test]
fn missing_settings_file_is_told() {
    assert_snapshot!(report(&Settings::compile(1, &Bundle::default()).unwrap_err()));
}

#[test]
fn day_begins_at_midnight_of_the_time_zone_also_on_the_short_day() {
    let settings = compile(SMALL, &[]).unwrap();
    let start = |text: &str| shown(settings.day_start(at(text)));
    assert_eq!(start("2026-03-29T21:59:59Z"), "2026-03-28T23:00:00Z");
    assert_eq!(start("2026-03-29T22:00:00Z"), "2026-03-29T22:00:00Z");
    assert_eq!(settings.day_start(Timestamp::from_millis(i64::MAX)), Timestamp::from_millis(i64::MAX));
}

#[test]
fn day_begins_once_on_the_long_day_and_on_the_leap_day() {
    let settings = compile(SMALL, &[]).unwrap();
    let start = |text: &str| shown(settings.day_start(at(text)));
    // 25 October 2026 has 25 hours in Berlin: both of its hours from two to three are of one day.
    for text in
        ["2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T22:59:59Z"]
    {
        assert_eq!(start(text), "2026-10-24T22:00:00Z", "{text}");
    }
    assert_eq!(start("2026-10-25T23:00:00Z"), "2026-10-25T23:00:00Z");
    assert_eq!(start("2028-02-29T12:00:00Z"), "2028-02-28T23:00:00Z");
    assert_eq!(start("2028-02-29T23:00:00Z"), "2028-02-29T23:00:00Z");
}

#[test]
fn answer_is_due_by_the_end_of_the_day_on_the_wall_across_both_changes_and_on_a_leap_day() {
    let settings = compile(DEMO, &[("maps/shop.toml", MAP)]).unwrap();
    let due = |received: &str| shown(settings.due_at("erase", at(received)).unwrap().unwrap());
    // From winter time into summer time, and back: the day ends an hour sooner and later by UTC.
    assert_eq!(due("2026-03-09T12:00:00Z"), "2026-04-09T21:59:59.999Z");
    assert_eq!(due("2026-10-01T12:00:00Z"), "2026-11-02T22:59:59.999Z"); // 1 November is a Sunday
    // Received on the last day of January of a leap year.
    assert_eq!(due("2028-01-31T12:00:00Z"), "2028-02-29T22:59:59.999Z");
}

#[test]
fn answer_is_due_by_the_end_of_the_last_day() {
    let settings = compile(DEMO, &[("maps/shop.toml", MAP)]).unwrap();
    // Received at half past midnight of 3 March in Berlin; 3 April 2026 is Good Friday, and 6 April a holiday.
    let due = settings.due_at("erase", at("2026-03-02T23:30:00Z")).unwrap().unwrap();
    assert_eq!(shown(due), "2026-04-07T21:59:59.999Z");
    assert_eq!(settings.due_at("purge", at("2026-03-02T23:30:00Z")), Ok(None));
    assert!(settings.due_at("erase", at("2041-03-02T23:30:00Z")).is_err());
}

#[test]
fn condition_that_cannot_be_explained_is_a_warning() {
    let policy = "@id(\"erase.odd\")\npermit (principal, action == Action::\"erase\", resource is Subject)\nwhen { context.approvals.privacy + context.approvals.any >= 3 };\n";
    let settings = compile(SMALL, &[("policies/a.cedar", policy)]).unwrap();
    assert!(settings.warnings.iter().any(|it| it.contains("erase.odd")), "{:?}", settings.warnings);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_compiling_panic(settings in ".{0,200}", map in ".{0,100}", policy in ".{0,100}") {
        let _ = compile(&settings, &[("maps/shop.toml", &map), ("policies/a.cedar", &policy)]);
    }

    /// Near the truth there are more ways to go wrong.
    #[test]
    fn no_damage_to_good_settings_makes_compiling_panic(
        from in 0usize..6000, length in 0usize..40, junk in "[\\[\\]{}=\"'.,0-9a-z_\n é-]{0,12}",
    ) {
        let place = |at: usize| (0..=at.min(DEMO.len())).rev().find(|it| DEMO.is_char_boundary(*it)).unwrap_or(0);
        let damaged = format!("{}{junk}{}", &DEMO[..place(from)], &DEMO[place(from + length)..]);
        if let Err(mistakes) = compile(&damaged, &[("maps/shop.toml", MAP), ("policies/a.cedar", POLICY)]) {
            prop_assert!(!mistakes.is_empty());
            let _ = report(&mistakes);
        }
    }
}

fn compile(settings: &str, others: &[(&str, &str)]) -> Result<Settings, Vec<Mistake>> {
    let files: Vec<_> = [(SETTINGS_FILE, settings)].into_iter().chain(others.iter().copied()).collect();
    Settings::compile(7, &Bundle::read(&files)?)
}

fn mistakes(settings: &str, others: &[(&str, &str)]) -> String {
    report(&compile(settings, others).unwrap_err())
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn shown(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap().to_string()
}
