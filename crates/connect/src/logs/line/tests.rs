#![allow(clippy::unwrap_used)]
use countersign_service::ports::following::Values;
use countersign_service::settings::datamap::DataMap;
use proptest::prelude::*;

use super::super::rules::Rules;
use super::*;

const HEAD: &str = r#"
    source = "logs"
    [[root]]
    table = "person"
    key = ["email", "account"]
    identities = { email = "email", account = "account" }
    treatment = "delete"
    [[table]]
    name = "app.log*"
    never_disclose = ["session"]
"#;

const DELETE: &str = r#"
    [[table.way]]
    column = "line"
    equals = "{email}"
    compare = "ignore-case"
    treatment = "delete"
    [[table.way]]
    column = "line"
    equals = "user={account}"
    treatment = "delete"
    [[table.way]]
    column = "account"
    equals = "{account}"
    treatment = "delete"
    [[table.way]]
    column = "to.account"
    equals = "{account}"
    treatment = "delete"
"#;

fn with(ways: &str, see: impl FnOnce(&Sight<'_>)) {
    let map = DataMap::parse(&format!("{HEAD}{ways}")).unwrap();
    let rules = Rules::read(&map).unwrap();
    let ana = Values::from([
        ("email".to_owned(), vec!["ana@x.test".to_owned()]),
        ("account".to_owned(), vec!["42".to_owned()]),
    ]);
    let key = PseudonymKey::new([7; 32]);
    see(&Sight::new(&rules.families[0], &[ana], Some(&key)));
}

/// `-`: gone. `=`: untouched. `!`: kept. Else what it reads like.
fn fates(ways: &str, lines: &[(&str, &str)]) {
    with(ways, |sight| {
        for (line, fate) in lines {
            let said = match sight.fate(line.as_bytes()) {
                Fate::Untouched => "=".to_owned(),
                Fate::Kept(_) => "!".to_owned(),
                Fate::Gone(_) => "-".to_owned(),
                Fate::Changed(_, new) => String::from_utf8(new).unwrap(),
            };
            assert_eq!(said, *fate, "{line}");
        }
    });
}

#[test]
fn a_subjects_line_goes_and_nobody_elses() {
    fates(
        DELETE,
        &[
            ("12:00 login of Ana@X.test", "-"),
            ("12:00 user=42 took 7 ms", "-"),
            ("12:00 user=1042 took 42 ms", "="),
            ("12:00 user=421", "="),
            (r#"{"account":42,"ms":7}"#, "-"),
            (r#"{"account":"42"}"#, "-"),
            (r#"{"account":1042,"ms":42}"#, "="),
            (r#"{"ms":42}"#, "="),
            (r#"{"message":"mail to ana\u0040x.test"}"#, "-"),
            (r#"{"to":{"account":42}}"#, "-"),
            ("account=42 in a torn line {", "-"),
            ("took 42 ms", "="),
            ("", "="),
        ],
    );
}

#[test]
fn of_a_line_that_names_somebody_else_the_subjects_values_go() {
    fates(
        DELETE,
        &[
            ("ana@x.test wrote to ben@y.test", "[erased] wrote to ben@y.test"),
            ("user=42 followed user=7", "[erased] followed user=7"),
            (
                r#"{"account":42,"to":{"account":7},"ms":42}"#,
                r#"{"account":"[erased]","to":{"account":7},"ms":42}"#,
            ),
            (
                r#"{"account": 42, "text": "ana@x.test \"and\" ben@y.test"}"#,
                r#"{"account": "[erased]", "text": "[erased] \"and\" ben@y.test"}"#,
            ),
            (r#"{"account":42,"to":{"account":null}}"#, "-"),
            (r#"{"account":42,"to":{"account":"[erased]"}}"#, "-"),
            (r#"{"account":[42,7]}"#, r#"{"account":["[erased]",7]}"#),
        ],
    );
}

#[test]
fn clearing_changes_the_fields_that_the_map_names_and_no_other_byte() {
    let clear = r#"
        [[table.way]]
        column = "account"
        equals = "{account}"
        treatment = "clear"
        empty = ["user"]
        replace = { account = 0, ip = { generalise = "network" } }
        [[table.way]]
        column = "line"
        equals = "{email}"
        treatment = "clear"
        replace = { line = "somebody" }
    "#;
    fates(
        clear,
        &[
            (
                r#"{"account": 42,  "user": {"name": "Ana", "n": 1}, "ip": "203.0.113.77", "x": 1.50}"#,
                r#"{"account": 0,  "user": {"name": null, "n": null}, "ip": "203.0.113.0", "x": 1.50}"#,
            ),
            ("to ana@x.test and ben@y.test", "to somebody and ben@y.test"),
            (r#"{"m":"to ana@x.test","account":7}"#, r#"{"m":"to somebody","account":7}"#),
        ],
    );
}

#[test]
fn what_law_keeps_stays_and_clearing_by_law_stands_over_deleting() {
    let keep = r#"
        [[table.way]]
        column = "line"
        equals = "user={account} paid"
        treatment = "keep"
        basis = "legal_obligation"
        [[table.way]]
        column = "line"
        equals = "{email}"
        treatment = "clear"
        basis = "legal_obligation"
        replace = { line = "{pseudonym}" }
        [[table.way]]
        column = "line"
        equals = "user={account}"
        treatment = "delete"
    "#;
    with(keep, |sight| {
        assert!(matches!(sight.fate(b"user=42 paid 7"), Fate::Kept(_)));
        assert!(matches!(sight.fate(b"user=42 left"), Fate::Gone(_)));
        let Fate::Changed(_, once) = sight.fate(b"user=42 ana@x.test") else { panic!("it is cleared") };
        assert!(once.starts_with(b"user=42 ") && once.len() == 8 + 32);
        assert!(matches!(sight.fate(&once), Fate::Gone(_)), "the basis was of the address");
    });
}

#[test]
fn what_is_handed_out_has_nobody_else_in_it() {
    with(DELETE, |sight| {
        let shown = |line: &str| String::from_utf8(sight.shown(line.as_bytes())).unwrap();
        assert_eq!(shown("ana@x.test wrote to ben@y.test"), "ana@x.test wrote to [somebody else]");
        assert_eq!(shown("user=42 followed user=7"), "user=42 followed user=[somebody else]");
        assert_eq!(
            shown(r#"{"account":"42","session":"s3cret","to":{"account":"7"}}"#),
            r#"{"account":"42","session":"[not disclosed]","to":{"account":"[somebody else]"}}"#
        );
    });
}

proptest! {
    #[test]
    fn what_was_done_once_is_done(parts in prop::collection::vec(
        prop::sample::select(vec![
            "ana@x.test", "Ana%40x.test", "ben@y.test", "user=42", "user=7", "42", " ", ",", "{\"account\":42", "}",
            "\"account\":", "\"a\":\"", "\"", ":", "{", "\\", "\u{e9}", "[erased]",
        ]), 0..12)) {
        let line = parts.concat();
        with(DELETE, |sight| {
            if let Fate::Changed(_, once) = sight.fate(line.as_bytes()) {
                assert_eq!(sight.fate(&once), Fate::Untouched, "{line} → {}", String::from_utf8_lossy(&once));
            }
            sight.shown(line.as_bytes());
        });
    }

    #[test]
    fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
        with(DELETE, |sight| {
            sight.fate(&line);
            sight.shown(&line);
        });
    }
}
