//! The rules, one function each, for any engine.

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, ReceiptKey};
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{
    AttributeValue, Identity, Match, Severity, SourceError, Stepped, Target,
};

pub use super::faults::*;
use super::given::{Given, MAP, map, root, subject};
pub use super::parts::*;
use super::permit::{key, permit};
pub use super::sample::*;
pub use super::weight::*;

const ANA: i64 = 1;
const BEN: i64 = 2;

pub async fn the_map_fits_and_unindexed_paths_are_named(given: Given) {
    let findings = given.source.check(&given.map).await.unwrap();
    let errors: Vec<_> = findings.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let unindexed =
        |table: &str| findings.iter().any(|it| it.message.contains(&format!("`{table}`: no index")));
    assert!(unindexed("subscriber"));
    // An index that does not compare as the map does serves nothing.
    let serves = async |sql: &str, message: &str| {
        given.run(sql);
        let findings = given.source.check(&given.map).await.unwrap();
        !findings.iter().any(|it| it.message.contains(message))
    };
    let (subscriber, customer) = ("`subscriber`: no index", "looking somebody up by email");
    assert!(!serves("CREATE INDEX plain ON subscriber (mail)", subscriber).await);
    if given.indexes_expressions() {
        assert!(serves("CREATE INDEX lowered ON subscriber (lower(mail))", subscriber).await);
        assert!(!serves("CREATE INDEX by_mail_plainly ON customer (email)", customer).await);
        assert!(serves("CREATE INDEX by_mail ON customer (lower(email))", customer).await);
    }
    // Where keys have an index by themselves, there is nothing to say.
    assert_eq!(unindexed("message"), !given.indexes_keys());
    assert!(!unindexed("Order"));
}

pub async fn identities_lead_to_root_rows(given: Given) {
    let found = given.resolve("email", "aNA@example.test").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].root, root(ANA));
    assert!(found[0].identities.iter().any(|it| it.kind == "account" && it.value == "1"));
    assert_eq!(found[0].attributes, [("vip".to_owned(), AttributeValue::Bool(true))]);
    assert_eq!(given.resolve("email", "twin@example.test").await.len(), 2);
    for (kind, value) in
        [("email", "ana"), ("email", ""), ("phone", "1"), ("account", "1 OR 1=1"), ("account", "99")]
    {
        assert!(given.resolve(kind, value).await.is_empty(), "{kind}");
    }
    let looked = given.source.look(&given.map, &[root(BEN), root(99)]).await.unwrap();
    assert_eq!(looked.iter().map(|it| &it.root).collect::<Vec<_>>(), [&root(BEN)]);
}

pub async fn every_root_row_is_listed_by_the_key_that_a_look_gives_it(given: Given) {
    let (out, mut listed) = tokio::sync::mpsc::channel(1);
    let listing = given.source.roots(&given.map, out);
    let gathering = async {
        let mut all = vec![];
        while let Some(batch) = listed.recv().await {
            all.extend(batch);
        }
        all
    };
    let (ended, mut all) = tokio::join!(listing, gathering);
    ended.unwrap();
    assert_eq!(all.len() as i64, given.number("SELECT count(*) FROM customer"));
    let looked = given.source.look(&given.map, &all).await.unwrap();
    let mut looked: Vec<_> = looked.into_iter().map(|it| it.root).collect();
    all.sort();
    looked.sort();
    assert_eq!(looked, all);
}

pub async fn the_plan_counts_each_row_once(given: Given) {
    let plan = given.plan(&subject(ANA)).await;
    let expected = [
        "customer: delete 1 (root)",
        "lives_at: delete 2 (customer_id → customer)",
        "address: delete 1 (owner_id → customer)",
        "address: keep-for-others 1 (id → lives_at)",
        "Order: delete 2 (customer_id → customer)",
        "line: delete 3 (order_id → Order)",
        "returned: delete 1 (no, order_id → line)",
        "invoice: clear 2 (customer_id → customer)",
        "message: delete 1 (sender_id → customer, nobody else's)",
        "message: delete 1 (recipient_id → customer, nobody else's)",
        "message: keep-for-others 2 (sender_id → customer; recipient_id → customer)",
        "attachment: delete 2 (message_id → message, nobody else's)",
        "attachment: keep-for-others 1 (message_id → message)",
        "hen: delete 1 (customer_id → customer)",
        "egg: delete 1 (customer_id → customer)",
        "subscriber: delete 2 (mail = {email})",
        "event_log: delete 1 (who = customer:{id})",
        "customer: detach 1 (referred_by → customer)",
    ];
    assert_eq!(plan, expected);
    let again = given.source.survey(&given.map, &subject(99)).await.unwrap();
    assert_eq!(
        again.lines.iter().map(|it| it.rows).sum::<u64>(),
        0,
        "nobody has no rows, and every line is there"
    );
    assert!(again.lines.len() > expected.len());
}

pub async fn an_erasure_takes_the_subjects_rows_and_nobody_elses(given: Given) {
    let Stepped::Done(receipt) = given.erase(1, &subject(ANA)).await else { panic!("not done") };
    let Outcome::Done { touched } = &receipt.outcome else { panic!("void") };
    assert_eq!(touched.of("shop", "line"), 3);
    assert_eq!(touched.of("shop", "attachment"), 2, "rows that stay are not touched");
    only_the_subjects_rows_are_gone(&given, 1).await;
}

pub async fn only_the_subjects_rows_are_gone(given: &Given, receipts: i64) {
    for (table, rows) in [
        ("customer", 5),
        ("address", 2),
        ("lives_at", 2),
        ("\"Order\"", 1),
        ("line", 1),
        ("returned", 1),
        ("invoice", 4),
        ("message", 3),
        ("attachment", 2),
        ("hen", 1),
        ("egg", 1),
        ("subscriber", 4),
        ("event_log", 5),
        ("countersign_receipt", receipts),
    ] {
        assert_eq!(given.rows(table), rows, "{table}");
    }
    for (nobody, sql) in [
        ("others' pointers", "SELECT count(*) FROM customer WHERE referred_by = 1"),
        ("the shared address", "SELECT count(*) FROM address WHERE owner_id = 1"),
        ("messages", "SELECT count(*) FROM message WHERE sender_id = 1 OR recipient_id = 1"),
        (
            "invoices",
            "SELECT count(*) FROM invoice WHERE name = 'Ana' OR mail LIKE 'ana%' OR customer_id = 1",
        ),
        ("notes", "SELECT count(*) FROM invoice WHERE id = 1 AND note IS NOT NULL"),
    ] {
        assert_eq!(given.number(sql), 0, "{nobody}");
    }
    assert_eq!(given.number("SELECT count(*) FROM customer WHERE id = 2 AND home_id = 1"), 1, "Ben lives on");
    assert_eq!(given.number("SELECT count(*) FROM invoice WHERE mail = 'erased-2@invalid.example'"), 1);
    assert_eq!(given.number("SELECT count(*) FROM invoice WHERE name = 'Ben' AND note = 'y'"), 1);
    assert_eq!(given.left(&subject(ANA)).await, 0);
}

pub async fn rows_of_two_owners_go_with_the_last(given: Given) {
    given.erase(1, &subject(ANA)).await;
    assert_eq!(given.number("SELECT count(*) FROM address WHERE id = 1"), 1);
    given.erase(2, &subject(BEN)).await;
    assert_eq!(given.number("SELECT count(*) FROM address WHERE id = 1"), 0);
    assert_eq!(given.number("SELECT count(*) FROM message WHERE id IN (1, 2)"), 0);
    assert_eq!(given.number("SELECT count(*) FROM message WHERE id = 4"), 1, "it is Cleo's too");
    assert_eq!(given.number("SELECT count(*) FROM customer WHERE id = 3 AND referred_by IS NULL"), 1);
    assert_eq!(given.left(&subject(ANA)).await + given.left(&subject(BEN)).await, 0);
}

pub async fn two_owners_erased_at_once_do_not_leave_the_row_to_each_other(given: Given) {
    let (ana, ben) = (subject(ANA), subject(BEN));
    let (one, other) = tokio::join!(given.erase(1, &ana), given.erase(2, &ben));
    assert!(matches!((one, other), (Stepped::Done(_), Stepped::Done(_))));
    assert_eq!(given.number("SELECT count(*) FROM address WHERE id = 1"), 0);
    assert_eq!(given.number("SELECT count(*) FROM message WHERE id IN (1, 2)"), 0);
}

pub async fn nobodys_empty_cell_is_taken_for_anybodys(given: Given) {
    let plan = given.plan(&subject(6)).await;
    assert_eq!(plan, ["customer: delete 1 (root)"], "an empty e-mail leads to no subscriber");
}

pub async fn a_second_try_under_the_same_key_does_nothing(given: Given) {
    let first = given.erase(1, &subject(ANA)).await;
    given.run("INSERT INTO customer (id, email, name) VALUES (1, 'new@example.test', 'Somebody new')");
    assert_eq!(given.erase(1, &subject(ANA)).await, first);
    assert_eq!(given.number("SELECT count(*) FROM customer WHERE id = 1"), 1);
    let Stepped::Done(receipt) = first else { panic!("not done") };
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), Some(receipt));
}

pub async fn what_is_void_never_happens(given: Given) {
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None, "before there is a table");
    assert_eq!(given.source.void(&key(1)).await.unwrap().outcome, Outcome::Void);
    assert!(matches!(given.erase(1, &subject(ANA)).await, Stepped::Void(_)));
    assert_eq!(given.rows("customer"), 6);
    assert_eq!(given.source.void(&key(1)).await.unwrap().outcome, Outcome::Void, "once more is the same");
}

pub async fn what_is_done_cannot_be_made_void(given: Given) {
    let Stepped::Done(receipt) = given.erase(1, &subject(ANA)).await else { panic!("not done") };
    assert_eq!(given.source.void(&key(1)).await.unwrap(), receipt);
}

pub async fn more_rows_than_signed_commit_nothing(given: Given) {
    let plan = given.source.survey(&given.map, &subject(ANA)).await.unwrap();
    let mut signed = Counts::default();
    plan.lines.iter().for_each(|it| signed.add("shop", &it.table, it.rows));
    given.run(r#"INSERT INTO "Order" VALUES (12, 1)"#);
    let Stepped::Beyond { counted } = given.erase_within(1, &subject(ANA), Some(signed.clone())).await else {
        panic!("it ran");
    };
    assert_eq!(counted.of("shop", "Order"), 3);
    assert_eq!((given.rows("customer"), given.rows(r#""Order""#)), (6, 4));
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None, "not even the receipt");
    let done = given.erase_within(1, &subject(ANA), Some(signed.ceiling())).await;
    assert!(matches!(done, Stepped::Done(_)), "within what was signed, under the same key");
}

pub async fn a_root_row_that_is_gone_changes_the_request(given: Given) {
    let both = Target::Subject(vec![root(ANA), root(99)]);
    assert!(matches!(given.erase(1, &both).await, Stepped::Changed { .. }));
    assert_eq!(given.rows("customer"), 6);
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
}

pub async fn a_foreign_permit_is_refused(given: Given) {
    for permit in [permit(2, "erase", None), permit(1, "export", None)] {
        let refused = given.source.erase(&permit, &key(1), &given.map, &subject(ANA)).await;
        assert!(matches!(refused, Err(SourceError::Refused { .. })));
    }
    assert_eq!(given.rows("customer"), 6);
}

pub async fn an_export_holds_the_subjects_rows_and_nobody_elses(given: Given) {
    let sent = given.export(&subject(ANA)).await;
    let all = format!("{sent:?}");
    for foreign in ["\"Ben\"", "Cleo", "ben@", "hash-1", "owner_id", "gone@", "Ben to Cleo", "customer:11"] {
        assert!(!all.contains(foreign), "{foreign}");
    }
    let rows = |table: &str| -> usize { sent.iter().filter(|it| it.0 == table).map(|it| it.2.len()).sum() };
    let expected =
        [("customer", 1), ("address", 2), ("Order", 2), ("line", 3), ("invoice", 2), ("message", 4)];
    for (table, count) in expected {
        assert_eq!(rows(table), count, "{table}");
    }
    let messages: Vec<_> = sent.iter().filter(|it| it.0 == "message").collect();
    assert_eq!(messages.len(), 2, "once as sender, once as recipient");
    assert!(!messages[0].1.contains(&"recipient_id".to_owned()));
}

pub async fn a_permit_to_erase_hands_out_nothing(given: Given) {
    let (send, mut receive) = tokio::sync::mpsc::channel(4);
    let erase = permit(1, "erase", None);
    let refused = given.source.export(&erase, &given.map, &subject(ANA), send).await;
    assert!(matches!(refused, Err(SourceError::Refused { .. })));
    assert_eq!(receive.recv().await, None);
}

pub async fn the_look_afterwards_finds_what_came_back(given: Given) {
    given.erase(1, &subject(ANA)).await;
    assert_eq!(given.left(&subject(ANA)).await, 0);
    given.run("INSERT INTO subscriber VALUES ('ana@EXAMPLE.test', '2026')");
    given.run("INSERT INTO event_log VALUES (9, 'customer:1')");
    assert_eq!(given.left(&subject(ANA)).await, 2, "also by the e-mail that nothing holds any more");

    // Another process knows no more than it is told.
    let other = given.impatient(5_000, 60_000);
    let left = async || other.left(&given.map, &subject(ANA)).await.unwrap().rows();
    assert_eq!(left().await, 1, "the root key alone");
    let identity = Identity { kind: "email".to_owned(), value: "ana@example.test".to_owned() };
    let held = Match { root: root(ANA), identities: vec![identity], attributes: vec![] };
    other.remember(&given.map, &[held]);
    assert_eq!(left().await, 2);
}

pub async fn what_was_not_done_is_not_remembered(given: Given) {
    let stepped = given.erase_within(1, &subject(ANA), Some(Counts::default())).await;
    assert!(matches!(stepped, Stepped::Beyond { .. }), "{stepped:?}");
    // Her address changes before another process erases her.
    given.run("UPDATE customer SET email = 'new@example.test' WHERE id = 1");
    let other = given.impatient(5_000, 60_000);
    let done = other.erase(&permit(2, "erase", None), &key(2), &given.map, &subject(ANA)).await.unwrap();
    assert!(matches!(done, Stepped::Done(_)), "{done:?}");
    let identity = Identity { kind: "email".to_owned(), value: "new@example.test".to_owned() };
    let held = Match { root: root(ANA), identities: vec![identity], attributes: vec![] };
    given.source.remember(&given.map, &[held]);
    given.run("INSERT INTO subscriber VALUES ('new@example.test', '2026')");
    assert_eq!(given.left(&subject(ANA)).await, 1, "by the address that was hers in the end");
}

pub async fn a_purge_takes_rows_older_than_a_moment(given: Given) {
    // 2026-07-01T00:00:00Z
    let target =
        Target::Dataset { name: "app_log".to_owned(), before: Timestamp::from_millis(1_782_864_000_000) };
    assert_eq!(given.plan(&target).await, ["app_log: delete 3 (at before)"]);
    let permit = permit(1, "purge", None);
    let done = given.source.erase(&permit, &key(1), &given.map, &target).await.unwrap();
    assert!(matches!(done, Stepped::Done(_)));
    assert_eq!(given.number("SELECT count(*) FROM app_log WHERE id IN (4, 5, 6, 7)"), 4);
    assert_eq!(given.rows("app_log"), 4);
    assert_eq!(given.left(&target).await, 0);
}

pub async fn a_map_that_names_what_is_not_there_is_refused_with_a_suggestion(given: Given) {
    for (right, wrong, advice) in [
        ("name = \"invoice\"", "name = \"invoce\"", "did you mean `invoice`?"),
        ("empty = [\"note\"]", "empty = [\"nots\"]", "did you mean `note`?"),
        (
            "empty = [\"note\"]\nreplace = { name = \"erased\", ",
            "empty = [\"note\", \"name\"]\nreplace = { ",
            "may not be NULL",
        ),
        ("erased-{key}@", "erased@", "put `{key}` into it"),
    ] {
        let map = map(&MAP.replace(right, wrong));
        let findings = given.source.check(&map).await.unwrap();
        let told = findings.iter().any(|it| it.severity == Severity::Error && it.message.contains(advice));
        assert!(told, "{wrong}: {findings:?}");
        let refused = given.source.survey(&map, &subject(ANA)).await;
        assert!(matches!(refused, Err(SourceError::Refused { .. })), "{wrong}");
    }
    // A table that points here and is not mapped would be torn or would stop the erasure.
    let start = MAP.find("[[table]]\nname = \"hen\"").unwrap();
    let end = MAP.find("[[table]]\nname = \"subscriber\"").unwrap();
    let without = map(&format!("{}{}", &MAP[..start], &MAP[end..]));
    let refused = given.source.survey(&without, &subject(ANA)).await.unwrap_err().to_string();
    assert!(refused.contains("`hen` points to `customer`"), "{refused}");
}

pub async fn the_fingerprint_changes_with_the_schema(given: Given) {
    let before = given.source.survey(&given.map, &subject(ANA)).await.unwrap();
    assert_eq!(before.map_version, given.map.version());
    given.run("ALTER TABLE invoice ADD COLUMN extra text");
    let after = given.source.survey(&given.map, &subject(ANA)).await.unwrap();
    assert_ne!(before.fingerprint, after.fingerprint);

    // What was signed before is neither handed out nor erased in the other schema.
    let [old, new] = [before, after].map(|it| given.map.resting_on(&it.fingerprint));
    let (out, _rows) = tokio::sync::mpsc::channel(1_000);
    let handed = given.source.export(&permit(1, "export", None), &old, &subject(ANA), out).await;
    assert!(matches!(handed, Err(SourceError::Refused { .. })), "{handed:?}");
    let erase = permit(1, "erase", None);
    let part = ReceiptKey { chunk: 1, ..key(1) };
    for key in [&key(1), &part] {
        let stepped = given.source.erase(&erase, key, &old, &subject(ANA)).await.unwrap();
        assert!(matches!(stepped, Stepped::Changed { .. }), "{stepped:?}");
        assert_eq!(given.source.receipt(key).await.unwrap(), None);
    }
    let stepped = given.source.erase(&erase, &key(1), &new, &subject(ANA)).await.unwrap();
    assert!(matches!(stepped, Stepped::Done(_)), "{stepped:?}");
}
