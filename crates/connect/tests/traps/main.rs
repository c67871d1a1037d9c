//! What PostgreSQL alone has, or has in its own way: several schemas, names that need quotes, parts of tables, enums,
//! arrays, JSON, computed columns, padded keys, inheritance, row-level security, rules, views that are copies, keys
//! from elsewhere. Nobody else's data goes, and the subject's goes.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

mod alone;
mod grants;
#[path = "../conformance/permit.rs"]
mod permit;
mod race;
mod typed;

use std::collections::BTreeSet;

use countersign_connect::postgres::{Options, PostgresSource};
use countersign_service::ports::source::{RootKey, Severity, Source, SourceError, Stepped, Target};
use countersign_service::settings::DataMap;
use countersign_testing::postgres::Database;
use permit::{key, permit};

const SCHEMA: &str = include_str!("schema.sql");
const MAP: &str = include_str!("map.toml");
/// Pointers of rows that stay; they may be emptied.
const POINTERS: &str = "{boss_tenant,boss_id,device_id,from_tenant,from_id,to_tenant,to_id}";
const TABLES: [&str; 14] = [
    "person",
    "crm.home",
    "device",
    "visit",
    "visit_page",
    "crm.ring_a",
    "crm.ring_b",
    "crm.ring_c",
    "ONLY gadget",
    "gizmo",
    "\"Odd \"\"name\"\".x\".\"Tab\"\"le\"",
    "letter",
    "bill",
    "mention",
];

struct Given {
    source: PostgresSource,
    map: DataMap,
    database: Database<'static>,
}

#[derive(Clone, Copy)]
struct Person {
    name: &'static str,
    key: &'static str,
}

const ANA: Person = Person { name: "~ana~", key: "[\"a\",\"1\"]" };
const BEN: Person = Person { name: "~ben~", key: "[\"a\",\"2\"]" };
const CLEO: Person = Person { name: "~cleo~", key: "[\"b\",\"1\"]" };
const DAN: Person = Person { name: "~dan~", key: "[\"b\",\"9\"]" };

fn given() -> Option<Given> {
    let database = countersign_testing::postgres::database_or_skip()?;
    database.run(SCHEMA).unwrap();
    let schemas = ["public", "crm", "Odd \"name\".x"].map(str::to_owned).to_vec();
    let source = PostgresSource::open("shop", Options { schemas, ..Options::new(database.url()) }).unwrap();
    Some(Given { source, map: map(MAP), database })
}

fn map(text: &str) -> DataMap {
    DataMap::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

fn subject(person: Person) -> Target {
    let key = person.key.to_owned();
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table: "person".to_owned(), key }])
}

impl Given {
    async fn erase(&self, request: u8, person: Person) -> Result<Stepped, SourceError> {
        let permit = permit(request, "erase", None);
        self.source.erase(&permit, &key(request), &self.map, &subject(person)).await
    }

    /// Every row of every table that names a person, without pointers.
    fn rows_of(&self, person: Person) -> BTreeSet<String> {
        let each = TABLES.iter().map(|table| {
            let name = table.replace('\'', "''");
            format!(
                "SELECT '{name}: ' || (to_jsonb(t) - '{POINTERS}'::text[])::text FROM {table} AS t WHERE t::text LIKE '%{}%'",
                person.name
            )
        });
        let all = self.database.run(&each.collect::<Vec<_>>().join(" UNION ALL ")).unwrap();
        all.lines().map(str::to_owned).collect()
    }

    fn number(&self, sql: &str) -> i64 {
        self.database.run(sql).unwrap().trim().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_fits() {
    let Some(given) = given() else { return };
    let findings = given.source.check(&given.map).await.unwrap();
    let errors: Vec<_> = findings.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(findings.iter().any(|it| it.message.contains("`letter`: no index on `from_id, from_tenant`")));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_order_each_persons_rows_go_and_nobody_elses() {
    let orders = [
        [ANA, BEN, CLEO],
        [ANA, CLEO, BEN],
        [BEN, ANA, CLEO],
        [BEN, CLEO, ANA],
        [CLEO, ANA, BEN],
        [CLEO, BEN, ANA],
    ];
    for order in orders {
        let Some(given) = given() else { return };
        let before: Vec<_> = [ANA, BEN, CLEO, DAN].map(|it| (it, given.rows_of(it))).to_vec();
        assert!(before.iter().all(|(_, rows)| rows.len() > 4), "the traps hold rows of everybody");
        let mut erased: Vec<&str> = vec![];
        for (request, person) in (1..).zip(order) {
            let done = given.erase(request, person).await;
            assert!(matches!(done, Ok(Stepped::Done(_))), "{}: {done:?}", person.name);
            erased.push(person.name);
            for (other, rows) in &before {
                let now = given.rows_of(*other);
                if erased.contains(&other.name) {
                    assert_eq!(now, BTreeSet::new(), "{} after {erased:?}", other.name);
                } else {
                    assert_eq!(now, *rows, "{} after {erased:?}", other.name);
                }
            }
            let left = given.source.left(&given.map, &subject(person)).await.unwrap();
            assert_eq!(left.rows(), 0, "{}", person.name);
        }
        assert_eq!(given.database.run("SELECT id FROM letter").unwrap().trim(), "4", "Dan's letter to Ben");
        assert_eq!(given.database.run("SELECT letter_id FROM scan").unwrap().trim(), "4");
        let cleared = "SELECT count(*) FROM bill WHERE name = '-' AND tags = '{}' AND prefs = '{}'::jsonb \
                       AND doc::text = '[]' AND mood = 'gone' AND born = '1900-01-01' AND person IS NULL AND total > 0";
        assert_eq!(given.number(cleared), 2);
        assert_eq!(given.number("SELECT count(*) FROM visit WHERE id = 4 AND device_id IS NULL"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_one_part_alone_has_is_in_the_plan() {
    let Some(given) = given() else { return };
    let plan = given.source.survey(&given.map, &subject(ANA)).await.unwrap();
    let line = plan.lines.iter().find(|it| it.way == "device_id → device").map(|it| (&*it.table, it.rows));
    assert_eq!(line, Some(("visit", 1)), "Dan's visit with Ana's device; {:?}", plan.lines);
}
