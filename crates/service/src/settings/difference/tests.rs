//! Changes in words.
#![allow(clippy::unwrap_used)]

use insta::assert_snapshot;

use super::*;
use crate::settings::Bundle;

const SETTINGS: &str = "environment = \"test\"\ntime_zone = \"UTC\"\ngroups = [\"privacy\"]\n\
    [[conflicts]]\nfirst = \"export\"\nthen = \"erase\"\nresolution = \"wait\"\n\
    [calendar]\n2026 = []\n\
    [schedules.nightly]\ncron = \"0 3 * * *\"\naction = \"purge\"\nsource = \"shop\"\ndataset = \"app_log\"\nolder_than = \"90d\"\n";
const MAP: &str = "source = \"shop\"\n[[dataset]]\nname = \"app_log\"\ntable = \"app_log\"\nage = \"at\"\nformat = \"iso\"\n";

#[test]
fn same_settings_in_another_layout_differ_in_nothing() {
    let policy = policy("erase.one", 1);
    let old = settings(SETTINGS, MAP, &policy);
    let new = settings(
        &format!("# a remark\n{SETTINGS}"),
        &format!("\n{MAP}"),
        &policy.replace('\n', "\n// a remark\n  "),
    );
    assert_ne!(old.hash, new.hash);
    assert_eq!(difference(&old, &new), Vec::<String>::new());
}

#[test]
fn every_change_is_one_line() {
    let old = settings(SETTINGS, MAP, &format!("{}{}", policy("erase.one", 1), policy("erase.two", 2)));
    let new = SETTINGS
        .replace(
            "\"privacy\"]",
            "\"privacy\", \"legal\"]\nsurvey_max_age = \"30s\"\nattestations = [\"branch\"]",
        )
        .replace("resolution = \"wait\"", "resolution = \"deny\"")
        .replace("0 3 *", "0 4 *")
        .replace("2026 = []", "2026 = [\"2026-12-25\"]\n2027 = []")
        + "[actions.erase]\nexpires_after = \"60d\"\ncall_to_vote = false\n[requester_attributes]\nteam = \"string\"\n";
    let new = settings(
        &new,
        &MAP.replace("iso", "timestamp"),
        &format!("{}{}", policy("erase.two", 3), policy("erase.three", 1)),
    );
    assert_snapshot!(difference(&old, &new).join("\n"));
}

fn policy(id: &str, votes: u8) -> String {
    format!(
        "@id(\"{id}\")\npermit (principal, action == Action::\"erase\", resource is Subject)\n\
         when {{ context.approvals.privacy >= {votes} }};\n"
    )
}

fn settings(settings: &str, map: &str, policy: &str) -> Settings {
    let files = [("settings.toml", settings), ("maps/shop.toml", map), ("policies/a.cedar", policy)];
    Settings::compile(1, &Bundle::read(&files).unwrap()).unwrap()
}
