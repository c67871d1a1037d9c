//! What a plan says of bytes.

use std::collections::BTreeMap;

use countersign_core::plan::Treatment;
use countersign_core::time::Timestamp;
use countersign_service::ports::source::Target;

use super::given::{Given, subject};

const ANA: i64 = 1;

/// Bytes by table and way.
async fn weigh(given: &Given, target: &Target) -> BTreeMap<(String, String), (u64, Option<u64>)> {
    let plan = given.source.survey(&given.map, target).await.unwrap();
    plan.lines.into_iter().map(|it| ((it.table, it.way), (it.rows, it.bytes))).collect()
}

fn line(table: &str, way: &str) -> (String, String) {
    (table.to_owned(), way.to_owned())
}

pub async fn the_plan_weighs_the_rows_that_it_counts(given: Given) {
    let plan = given.source.survey(&given.map, &subject(ANA)).await.unwrap();
    for line in &plan.lines {
        match line.treatment {
            // Somebody else's row.
            Treatment::Detach => assert_eq!(line.bytes, None, "{}", line.table),
            _ => assert_eq!(line.rows > 0, line.bytes.unwrap() > 0, "{}: {}", line.table, line.way),
        }
    }

    // A row more or less long, in a table whose rows are collected and in one that leads nowhere.
    let (root, event) = (line("customer", "root"), line("event_log", "who = customer:{id}"));
    given.run("UPDATE customer SET name = '' WHERE id = 1");
    let before = weigh(&given, &subject(ANA)).await;
    given.run("UPDATE customer SET name = 'Änne-Zoë Müßiggang' WHERE id = 1");
    given.run("INSERT INTO event_log (id, who) VALUES (1000, 'customer:1'), (1001, 'customer:2')");
    let after = weigh(&given, &subject(ANA)).await;
    let octets = given.number("SELECT octet_length(name) FROM customer WHERE id = 1") as u64;
    assert!(octets > 18, "letters of two bytes");
    assert_eq!(after[&root].1, before[&root].1.map(|it| it + octets));
    assert_eq!(after[&event].0, before[&event].0 + 1);
    let number = given.number("SELECT octet_length('customer:1')") as u64 + 4;
    assert_eq!(after[&event].1, before[&event].1.map(|it| it + number), "a number of four digits or bytes");
    let others = |all: &BTreeMap<(String, String), (u64, Option<u64>)>| {
        let mut all = all.clone();
        all.retain(|key, _| *key != root && *key != event);
        all
    };
    assert_eq!(others(&after), others(&before), "nobody else's rows are weighed");

    let old =
        Target::Dataset { name: "app_log".to_owned(), before: Timestamp::from_millis(1_782_864_000_000) };
    let [(rows, bytes)] = weigh(&given, &old).await.into_values().collect::<Vec<_>>()[..] else {
        panic!("a dataset is one line")
    };
    assert!(rows > 0 && bytes.unwrap() > rows * 10, "{rows} rows of {bytes:?} bytes");
}
