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

/// Every key that there is, a line each.
const EVERY_KEY: &str = r#"
environment = "test"
environments = ["staging"]
time_zone = "UTC"
groups = ["privacy", "legal"]
attestations = ["branch"]
survey_max_age = "60s"
own_data_after = "30d"
package_days = 7
package_fetches = 5
package_proof_max_age = "15m"
language = "en"
[sessions]
idle = "30m"
absolute = "12h"
[floods]
of_client = 60
mails_to_address = 5
for_identity = 60
of_token = 10000
[[statements]]
issuer = "https://shop.example"
audience = "https://privacy.example"
identity = "account"
claim = "account_id"
algorithms = ["ES256"]
max_age = "10m"
keys_url = "https://shop.example/jwks.json"
keys_private = false
[reviewers]
mail = "at_once"
hour = 8
remind_percent = 75
[oidc]
name = "Example"
issuer = "https://login.example"
client_id = "countersign"
scopes = ["profile"]
groups_claim = "groups"
trusts_email = false
[oidc.groups.team]
seats = ["privacy"]
roles = ["auditor"]
[requester_attributes]
department = "string"
[actions.erase]
expires_after = "60d"
expires_unproven_after = "1d"
deadline = "gdpr"
call_to_vote = true
verification_max_age = "20d"
pause_after = 4
pause_window = "1h"
step_up = "5m"
[actions.wipe]
effect = "declared"
[break_glass]
policies = "policies/glass.cedar"
who = ["legal"]
seats = ["privacy"]
review_within = "72h"
[[conflicts]]
first = "export"
then = "erase"
resolution = "wait"
[deadlines.gdpr]
first_day = "day_after"
unit = "calendar_month"
count = 1
rolls = "none"
[deadlines.ccpa]
first_day = "day_of"
unit = "calendar_day"
count = 45
rolls = "none"
[calendar]
2026 = []
[schedules.nightly]
cron = "0 3 * * *"
time_zone = "Europe/Berlin"
action = "purge"
source = "shop"
dataset = "app_log"
older_than = "90d"
author = "p1"
"#;

/// Under which head and key, what else could stand there, and what is said of the change.
const CHANGES: &[(&str, &str, &str, &str)] = &[
    ("", "environment", "\"staging\"", "`environment`: test → staging"),
    ("", "environments", "[\"lab\"]", "known environment `lab` is added"),
    ("", "time_zone", "\"Europe/Berlin\"", "`time_zone`: UTC → Europe/Berlin"),
    ("", "groups", "[\"privacy\", \"legal\", \"more\"]", "group `more` is added"),
    ("", "attestations", "[]", "attestation `branch` is removed"),
    ("", "survey_max_age", "\"2m\"", "`survey_max_age`: 1m → 2m (looser)"),
    ("", "own_data_after", "\"20d\"", "`own_data_after`: 30d → 20d (stricter)"),
    ("", "package_days", "8", "`package_days`: 7 → 8 (looser)"),
    ("", "package_fetches", "4", "`package_fetches`: 5 → 4 (stricter)"),
    ("", "package_proof_max_age", "\"1h\"", "`package_proof_max_age`: 15m → 1h (looser)"),
    ("", "language", "\"de\"", "`language`: en → de"),
    ("sessions", "idle", "\"1h\"", "`sessions.idle`: 30m → 1h (looser)"),
    ("sessions", "absolute", "\"6h\"", "`sessions.absolute`: 12h → 6h (stricter)"),
    ("floods", "of_client", "61", "`floods.of_client`: 60 → 61 (looser)"),
    ("floods", "mails_to_address", "4", "`floods.mails_to_address`: 5 → 4 (stricter)"),
    ("floods", "for_identity", "61", "`floods.for_identity`: 60 → 61 (looser)"),
    ("floods", "of_token", "9", "`floods.of_token`: 10000 → 9 (stricter)"),
    ("statements", "issuer", "\"https://x.example\"", "statements of `https://x.example` is added"),
    ("statements", "audience", "\"x\"", "`audience`: https://privacy.example → x"),
    ("statements", "identity", "\"email\"", "`identity`: account → email"),
    ("statements", "claim", "\"sub\"", "`claim`: account_id → sub"),
    ("statements", "algorithms", "[\"ES256\", \"RS256\"]", "`algorithms`: gains `RS256` (looser)"),
    ("statements", "max_age", "\"1h\"", "`max_age`: 10m → 1h (looser)"),
    ("statements", "keys_url", "\"https://x.example/\"", "`keys`: at https://shop.example/jwks.json → at"),
    ("statements", "keys_private", "true", "`keys_private`: no → yes (looser)"),
    ("reviewers", "mail", "\"digest\"", "`mail`: at_once → digest"),
    ("reviewers", "hour", "9", "`hour`: 8 → 9"),
    ("reviewers", "remind_percent", "0", "`remind_percent`: 75 → 0"),
    ("oidc", "name", "\"Other\"", "`name`: Example → Other"),
    ("oidc", "issuer", "\"https://x.example\"", "`issuer`: https://login.example → https://x.example"),
    ("oidc", "client_id", "\"x\"", "`client_id`: countersign → x"),
    ("oidc", "scopes", "[\"email\"]", "`scopes`: profile → email"),
    ("oidc", "groups_claim", "\"x\"", "`groups_claim`: groups → x"),
    ("oidc", "trusts_email", "true", "`trusts_email`: no → yes (looser)"),
    (
        "oidc.groups.team",
        "seats",
        "[\"legal\"]",
        "`seats`: gains `legal` (looser); loses `privacy` (stricter)",
    ),
    ("oidc.groups.team", "roles", "[]", "`roles`: loses `auditor` (stricter)"),
    ("requester_attributes", "department", "\"long\"", "attribute `department` of requesters: string → long"),
    ("actions.erase", "expires_after", "\"61d\"", "action `erase`: `expires_after`: 60d → 61d (looser)"),
    ("actions.erase", "expires_unproven_after", "\"1h\"", "`expires_unproven_after`: 1d → 1h (stricter)"),
    (
        "actions.erase",
        "deadline",
        "\"ccpa\"",
        "`deadline`: 1 calendar months from the day after receipt → 45",
    ),
    ("actions.erase", "call_to_vote", "false", "`call_to_vote`: yes → no (looser)"),
    ("actions.erase", "verification_max_age", "\"21d\"", "`verification_max_age`: 20d → 21d (looser)"),
    ("actions.erase", "pause_after", "0", "`pause_after`: 4 → never (looser)"),
    ("actions.erase", "pause_window", "\"2h\"", "`pause_window`: 1h → 2h (stricter)"),
    ("actions.erase", "step_up", "\"1h\"", "`step_up`: 5m → 1h (looser)"),
    ("actions.wipe", "effect", "\"erase\"", "action `wipe`: `effect`: declared → erase"),
    (
        "break_glass",
        "policies",
        "\"policies/glass-2.cedar\"",
        "`policies`: policies/glass.cedar → policies/glass-2",
    ),
    ("break_glass", "who", "[\"legal\", \"privacy\"]", "breaking the glass: `who`: gains `privacy` (looser)"),
    ("break_glass", "seats", "[\"legal\"]", "`seats`: gains `legal` (stricter); loses `privacy` (looser)"),
    ("break_glass", "review_within", "\"1h\"", "`review_within`: 3d → 1h (stricter)"),
    ("conflicts", "first", "\"access\"", "`erase` after `access` is added: waits"),
    ("conflicts", "then", "\"access\"", "`access` after `export` is added: waits"),
    ("conflicts", "resolution", "\"deny\"", "`erase` after `export`: waits → is denied"),
    (
        "deadlines.gdpr",
        "first_day",
        "\"day_of\"",
        "from the day after receipt → 1 calendar months from the day of",
    ),
    ("deadlines.gdpr", "unit", "\"calendar_day\"", "→ 1 calendar days"),
    ("deadlines.gdpr", "count", "2", "→ 2 calendar months"),
    ("deadlines.gdpr", "rolls", "\"next_working_day\"", "to a working day"),
    ("calendar", "2026", "[\"2026-12-25\"]", "calendar of 2026 is changed"),
    ("schedules.nightly", "cron", "\"0 4 * * *\"", "schedule `nightly`: `cron`: 0 3 * * * → 0 4 * * *"),
    ("schedules.nightly", "time_zone", "\"UTC\"", "`time_zone`: Europe/Berlin → UTC"),
    ("schedules.nightly", "action", "\"wipe\"", "`action`: purge → wipe"),
    ("schedules.nightly", "source", "\"logs\"", "`source`: shop → logs"),
    ("schedules.nightly", "dataset", "\"web_log\"", "`dataset`: app_log → web_log"),
    ("schedules.nightly", "older_than", "\"30d\"", "`older_than`: 90d → 30d (looser)"),
    ("schedules.nightly", "author", "\"p2\"", "`author`: p1 → p2"),
];

fn with_glass(settings: &str, usual: &str, glass: &str) -> Settings {
    let shop = format!(
        "{MAP}[[dataset]]\nname = \"web_log\"\ntable = \"web_log\"\nage = \"at\"\nformat = \"iso\"\n"
    );
    let logs = MAP.replace("shop", "logs");
    let files = [
        ("settings.toml", settings),
        ("maps/shop.toml", &shop),
        ("maps/logs.toml", &logs),
        ("policies/a.cedar", usual),
        ("policies/glass.cedar", glass),
        ("policies/glass-2.cedar", "// nothing"),
    ];
    Settings::compile(1, &Bundle::read(&files).unwrap()).unwrap_or_else(|why| panic!("{why:#?}"))
}

#[test]
fn every_key_that_is_changed_is_told_with_the_way_that_it_goes() {
    let old = with_glass(EVERY_KEY, &policy("erase.one", 1), &policy("erase.now", 1));
    let (mut head, mut told) = ("", 0);
    for line in EVERY_KEY.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('[') {
            head = line.trim_matches(['[', ']']);
            continue;
        }
        let key = line.split(" = ").next().unwrap();
        if head == "deadlines.ccpa" {
            continue;
        }
        let mut of_it = CHANGES.iter().filter(|change| (change.0, change.1) == (head, key));
        let (_, _, value, said) = of_it.next().unwrap_or_else(|| panic!("no change of `{head}` `{key}`"));
        let begins = if head.is_empty() { 0 } else { EVERY_KEY.find(&format!("[{head}]")).unwrap() };
        let (before, after) = EVERY_KEY.split_at(begins);
        let changed = format!("{before}{}", after.replacen(line, &format!("{key} = {value}"), 1));
        assert_ne!(changed, EVERY_KEY);
        let new = with_glass(&changed, &policy("erase.one", 1), &policy("erase.now", 1));
        let lines = difference(&old, &new);
        assert!(lines.iter().any(|it| it.contains(said)), "{head} {key}: {lines:#?}");
        told += 1;
    }
    assert_eq!(told, CHANGES.len());
}

#[test]
fn what_is_no_longer_limited_at_all_is_looser() {
    let old = with_glass(EVERY_KEY, &policy("erase.one", 1), "");
    let without = EVERY_KEY.replace("step_up = \"5m\"\n", "");
    let new = with_glass(&without, &policy("erase.one", 1), "");
    assert_eq!(difference(&old, &new), ["action `erase`: `step_up`: 5m → not needed (looser)"]);
    assert_eq!(difference(&new, &old), ["action `erase`: `step_up`: not needed → 5m (stricter)"]);
}

#[test]
fn permit_that_moves_from_the_policies_for_broken_glass_into_the_usual_ones_is_told() {
    let (usual, glass) = (policy("erase.one", 2), policy("erase.now", 1));
    let old = with_glass(EVERY_KEY, &usual, &glass);
    let new = with_glass(EVERY_KEY, &format!("{usual}{glass}"), "// moved");
    let lines = difference(&old, &new);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with("policy `erase.now` is added (looser): permits"), "{lines:#?}");
    assert!(lines[1].starts_with("policy `erase.now` for broken glass is removed (stricter)"), "{lines:#?}");
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
