//! Erasure in parts, on any engine: the same rows go, each once, and no more than was signed.

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{Stepped, Target};

use super::given::{Given, MAP, map, subject};
use super::permit::{key, permit};
use super::rules::only_the_subjects_rows_are_gone;

const ANA: i64 = 1;

fn in_parts_of(rows: u32, mut given: Given) -> Given {
    given.map = map(&format!("chunk_rows = {rows}\n{MAP}"));
    given
}

/// Rows that are the subject's in two ways, and rows that lose the way to them while others hang on them.
pub const TWO_WAYS: &str = "
CREATE TABLE customer (
    id integer PRIMARY KEY,
    mail text NOT NULL UNIQUE
);
CREATE TABLE letter (
    id integer PRIMARY KEY,
    sender_id integer,
    reader_id integer,
    body text,
    {key FOREIGN KEY (sender_id) REFERENCES customer (id),}
    {key FOREIGN KEY (reader_id) REFERENCES customer (id)}
);
CREATE TABLE booking (
    id integer PRIMARY KEY,
    customer_id integer,
    name text,
    {key FOREIGN KEY (customer_id) REFERENCES customer (id)}
);
CREATE TABLE guest (
    id integer PRIMARY KEY,
    booking_id integer NOT NULL,
    name text,
    {key FOREIGN KEY (booking_id) REFERENCES booking (id)}
);
CREATE TABLE talk (
    id integer PRIMARY KEY,
    customer_id integer,
    name text,
    {key FOREIGN KEY (customer_id) REFERENCES customer (id)}
);
-- rows
INSERT INTO customer VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
INSERT INTO letter VALUES (1, 1, 1, 'to herself'), (2, 1, 2, 'to Ben'), (3, 2, 1, 'from Ben'), (4, 2, 2, 'Ben');
INSERT INTO booking VALUES (1, 1, 'Ana'), (2, 1, 'Ana'), (3, 2, 'Ben');
INSERT INTO guest VALUES (1, 1, 'Ana'), (2, 1, 'Cleo'), (3, 2, 'Ana'), (4, 3, 'Ben');
INSERT INTO talk VALUES (1, 1, 'Ana'), (2, 1, 'Ana'), (3, 2, 'Ben');
";

pub const TWO_WAYS_MAP: &str = r#"
chunk_rows = 1
source = "shop"
[[root]]
table = "customer"
key = ["id"]
identities = { email = "mail" }
treatment = "delete"
[[table]]
name = "letter"
[[table.way]]
from = "customer"
on = { sender_id = "id" }
treatment = "clear"
basis = "legal_obligation"
empty = ["sender_id", "body"]
[[table.way]]
from = "customer"
on = { reader_id = "id" }
treatment = "delete"
[[table]]
name = "booking"
[[table.way]]
from = "customer"
on = { customer_id = "id" }
treatment = "clear"
basis = "legal_obligation"
empty = ["customer_id", "name"]
[[table]]
name = "guest"
[[table.way]]
from = "booking"
on = { booking_id = "id" }
treatment = "delete"
[[table]]
name = "talk"
[[table.way]]
from = "customer"
on = { customer_id = "id" }
treatment = "clear"
basis = "legal_obligation"
empty = ["customer_id", "name"]
"#;

/// A row that lost one of its ways in a part would be treated as the other one says, or take nothing with it.
pub async fn a_part_that_clears_changes_nothing_for_those_after_it(given: Given) {
    let (parts, whole) = finish(&given, 1, &subject(ANA)).await;
    let of = |table: &str| parts.iter().map(|it| touched(it).of("shop", table)).sum::<u64>();
    assert_eq!((of("talk"), of("guest")), (2, 3), "these can go alone");
    assert_eq!((of("letter"), of("booking")), (1, 0), "of these only what is deleted");
    assert_eq!((touched(&whole).of("shop", "letter"), touched(&whole).of("shop", "booking")), (2, 2));
    assert_eq!((given.rows("letter"), given.rows("booking"), given.rows("guest")), (3, 3, 1));
    let kept = "SELECT count(*) FROM letter WHERE id IN (1, 2) AND body IS NULL AND sender_id IS NULL";
    assert_eq!(given.number(kept), 2, "what the law keeps is not deleted along the other way");
    assert_eq!(given.number("SELECT count(*) FROM booking WHERE name IS NULL AND customer_id IS NULL"), 2);
    assert_eq!(given.number("SELECT count(*) FROM talk WHERE name IS NULL AND customer_id IS NULL"), 2);
    assert_eq!(given.number("SELECT count(*) FROM letter WHERE id = 4 AND body = 'Ben'"), 1);
    assert_eq!(given.left(&subject(ANA)).await, 0);
}

fn part(chunk: u32) -> ReceiptKey {
    ReceiptKey { chunk, ..key(1) }
}

fn touched(receipt: &Receipt) -> &Counts {
    match &receipt.outcome {
        Outcome::Done { touched } => touched,
        Outcome::Void => panic!("void"),
    }
}

async fn step(given: &Given, chunk: u32, target: &Target, ceiling: Option<Counts>) -> Stepped {
    let permit = permit(1, "erase", ceiling);
    given.source.erase(&permit, &part(chunk), &given.map, target).await.expect("an answer")
}

/// The receipts of the parts from `chunk` on, and that of the whole.
async fn finish(given: &Given, mut chunk: u32, target: &Target) -> (Vec<Receipt>, Receipt) {
    let mut parts = vec![];
    loop {
        match step(given, chunk, target, None).await {
            Stepped::Part(receipt) => parts.push(receipt),
            Stepped::Done(receipt) => return (parts, receipt),
            other => panic!("{other:?}"),
        }
        chunk += 1;
    }
}

pub async fn in_parts_the_same_rows_go_as_in_one(given: Given) {
    let given = in_parts_of(1, given);
    assert!(given.source.in_parts());
    let (parts, whole) = finish(&given, 1, &subject(ANA)).await;
    assert!(parts.len() >= 2, "{} parts", parts.len());
    let mut sum = touched(&whole).clone();
    for (n, receipt) in (1..).zip(&parts) {
        assert_eq!((receipt.key.chunk, touched(receipt).rows()), (n, 1));
        assert_eq!(given.source.receipt(&receipt.key).await.unwrap().as_ref(), Some(receipt));
        sum.add_all(touched(receipt));
    }
    assert_eq!((sum.of("shop", "line"), sum.of("shop", "attachment")), (3, 2));
    let cleared = parts.iter().map(|it| touched(it).of("shop", "invoice")).sum::<u64>();
    assert!(cleared > 0, "rows are cleared in parts too");
    assert_eq!(sum.of("shop", "invoice"), cleared, "and counted once, though they are the subject's still");
    let in_order = |table: &str| parts.iter().position(|it| touched(it).of("shop", table) > 0);
    assert!(in_order("returned") < in_order("line"), "what hangs on a row goes before it");
    assert!(in_order("line") < in_order("Order"));
    for of_shared_rows in ["address", "message", "attachment"] {
        let in_parts = parts.iter().any(|it| touched(it).of("shop", of_shared_rows) > 0);
        assert!(!in_parts, "whose `{of_shared_rows}` are is for the whole to say");
    }
    only_the_subjects_rows_are_gone(&given, parts.len() as i64 + 1).await;
}

pub async fn a_part_that_is_asked_for_again_is_done_once(given: Given) {
    let given = in_parts_of(2, given);
    let first = step(&given, 1, &subject(ANA), None).await;
    let rows = || given.rows("event_log") + given.rows("subscriber") + given.rows("returned");
    let there = rows();
    assert_eq!(step(&given, 1, &subject(ANA), None).await, first);
    assert_eq!(rows(), there);
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None, "the whole is not done");
    let (_, whole) = finish(&given, 2, &subject(ANA)).await;
    assert_eq!(
        step(&given, 9, &subject(ANA), None).await,
        Stepped::Done(whole),
        "nothing comes after the whole"
    );
    only_the_subjects_rows_are_gone(&given, given.rows("countersign_receipt")).await;
}

pub async fn what_is_void_has_no_part_any_more(given: Given) {
    let given = in_parts_of(1, given);
    assert!(matches!(step(&given, 1, &subject(ANA), None).await, Stepped::Part(_)));
    let void = given.source.void(&key(1)).await.unwrap();
    let there = given.rows("customer") + given.rows("event_log") + given.rows("subscriber");
    assert_eq!(step(&given, 2, &subject(ANA), None).await, Stepped::Void(void));
    assert_eq!(given.source.receipt(&part(2)).await.unwrap(), None);
    assert_eq!(given.rows("customer") + given.rows("event_log") + given.rows("subscriber"), there);
}

pub async fn all_parts_together_stay_within_what_was_signed(given: Given) {
    let given = in_parts_of(1, given);
    let plan = given.source.survey(&given.map, &subject(ANA)).await.unwrap();
    let mut signed = Counts::default();
    plan.lines.iter().for_each(|it| signed.add("shop", &it.table, it.rows));
    let another = "INSERT INTO event_log VALUES (90, 'customer:1')";
    given.run(another);
    let Stepped::Beyond { counted } = step(&given, 1, &subject(ANA), Some(signed.clone())).await else {
        panic!("it ran");
    };
    assert_eq!(counted.of("shop", "event_log"), signed.of("shop", "event_log") + 1);
    assert_eq!(given.rows("countersign_receipt"), 0, "all is counted before the first part");
    given.run("DELETE FROM event_log WHERE id = 90");
    let mut chunk = 1;
    // A row comes for each that goes: the sum of the parts is what is held against the signed number.
    let stepped = loop {
        match step(&given, chunk, &subject(ANA), Some(signed.clone())).await {
            Stepped::Part(receipt) if touched(&receipt).of("shop", "event_log") > 0 => given.run(another),
            Stepped::Part(_) => {}
            other => break other,
        }
        chunk += 1;
    };
    let Stepped::Beyond { counted } = stepped else { panic!("{stepped:?}") };
    assert_eq!(counted.of("shop", "event_log"), signed.of("shop", "event_log") + 1);
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
    assert_eq!(given.source.receipt(&part(chunk)).await.unwrap(), None);
    // The whole is held against it too.
    let whole = step(&given, 0, &subject(ANA), Some(signed)).await;
    assert!(matches!(whole, Stepped::Beyond { .. }), "{whole:?}");
    assert_eq!(given.number("SELECT count(*) FROM customer WHERE id = 1"), 1);
}

pub async fn rows_that_are_cleared_in_parts_are_no_more_than_was_signed(given: Given) {
    let given = in_parts_of(1, given);
    let plan = given.source.survey(&given.map, &subject(ANA)).await.unwrap();
    let mut signed = Counts::default();
    plan.lines.iter().for_each(|it| signed.add("shop", &it.table, it.rows));
    let mut chunk = 1;
    let whole = loop {
        match step(&given, chunk, &subject(ANA), Some(signed.clone())).await {
            Stepped::Part(_) => chunk += 1,
            Stepped::Done(receipt) => break receipt,
            other => panic!("{other:?}"),
        }
    };
    assert!(signed.of("shop", "invoice") > 0);
    assert_eq!(touched(&whole).of("shop", "invoice"), 0);
    only_the_subjects_rows_are_gone(&given, given.rows("countersign_receipt")).await;
}

pub async fn a_purge_goes_in_parts_too(given: Given) {
    let given = in_parts_of(1, given);
    let before = Timestamp::from_millis(1_782_864_000_000);
    let target = Target::Dataset { name: "app_log".to_owned(), before };
    let rows = given.source.survey(&given.map, &target).await.unwrap().lines[0].rows;
    let purge = permit(1, "purge", None);
    let mut chunk = 1;
    while let Stepped::Part(receipt) =
        given.source.erase(&purge, &part(chunk), &given.map, &target).await.unwrap()
    {
        assert_eq!(touched(&receipt).rows(), 1);
        chunk += 1;
    }
    assert!(rows > 0, "there is something to purge");
    assert_eq!(u64::from(chunk - 1), rows);
    assert_eq!(given.left(&target).await, 0);
}
