//! Policies looked at without a server.

use std::path::Path;

use crate::place::{Place, policies};

#[test]
fn the_shipped_policies_hold_their_cases() {
    let place = Place::empty();
    let cases = policies().join("cases.toml");
    let said = place.run(&["policy", "test", "settings", cases.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn a_case_that_does_not_hold_is_told() {
    let place = Place::empty();
    let case = "[[case]]\nname = \"anybody may\"\naction = \"erase\"\nexpect = \"release\"\n";
    std::fs::write(place.path().join("cases.toml"), case).unwrap();
    let said = place.run(&["policy", "test", "settings", "cases.toml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("BAD  anybody may: expected release, policy says hold"), "{}", said.out);
}

#[test]
fn a_misspelt_fact_is_shown_at_its_line() {
    let place = Place::empty();
    misspell(place.path());
    let said = place.run(&["policy", "check", "settings"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("policies/erase.cedar") && said.out.contains("line "), "{}", said.out);
}

#[test]
fn settings_with_a_mistake_are_refused_by_the_server_with_the_place() {
    let place = Place::begun();
    let server = place.serve();
    let apply = ["apply", "settings", "--server", &server.url, "--token-file", "tokens/ada-admin"];
    let said = place.run(&apply);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("version 2"), "{}", said.out);
    misspell(place.path());
    let said = place.run(&apply);
    assert_eq!(said.code, 3);
    assert!(said.err.contains("policies/erase.cedar") && said.err.contains("line "), "{}", said.err);
}

#[test]
fn the_schema_is_cedar_with_the_groups_of_the_settings() {
    let said = Place::empty().run(&["policy", "schema", "settings"]);
    assert!(said.code == 0 && said.out.contains("privacy: Long"), "{}", said.out);
}

fn misspell(folder: &Path) {
    let path = folder.join("settings/policies/erase.cedar");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("approvals.privacy", "approvals.privcay")).unwrap();
}
