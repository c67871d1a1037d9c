//! A PostgreSQL with everything that such databases set traps with (several schemas, composite and padded keys, parts of
//! tables, enums, arrays, JSON, computed columns, row-level security, a trigger, keys that wait, rings of keys that may not be
//! NULL, tables without a key): three people are erased in every order by the real binary, under an account that has the
//! rights of `source grants` and no more. After each of them every table is looked at.

use std::collections::BTreeSet;

use countersign_testing::postgres::{self, Database};

use crate::node::Node;
use crate::order::erase;

const SCHEMA: &str = include_str!("../../crates/connect/tests/traps/schema.sql");
const MAP: &str = include_str!("../../crates/connect/tests/traps/map.toml");

/// Rows that only their own tenant sees, and a trigger that acts when something is deleted.
const MORE: &str = "
    CREATE TABLE secret (id bigint PRIMARY KEY, tenant char(3) NOT NULL, person bigint NOT NULL, what text,
        FOREIGN KEY (tenant, person) REFERENCES person (tenant, id));
    CREATE INDEX ON secret (tenant, person);
    INSERT INTO secret VALUES (1, 'a', 1, '~ana~'), (2, 'a', 2, '~ben~'), (3, 'b', 1, '~cleo~'), (4, 'b', 9, '~dan~');
    ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
    ALTER TABLE secret FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON secret USING (tenant = current_setting('shop.tenant', true));
    CREATE TABLE removed (n bigint NOT NULL);
    INSERT INTO removed VALUES (0);
    CREATE FUNCTION count_removed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        'BEGIN UPDATE public.removed SET n = n + 1; RETURN OLD; END';
    CREATE TRIGGER count AFTER DELETE ON mention FOR EACH ROW EXECUTE FUNCTION count_removed();";

const MORE_MAP: &str = r#"
[[table]]
name = "secret"
[[table.way]]
from = "person"
on = { tenant = "tenant", person = "id" }
treatment = "delete"
"#;

const TABLES: [&str; 16] = [
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
    "secret",
    "scan",
];
/// Pointers of rows that stay; they may be emptied.
const POINTERS: &str = "{boss_tenant,boss_id,device_id,from_tenant,from_id,to_tenant,to_id}";
const PEOPLE: [(&str, &str); 4] =
    [("~ana~", "ana@x"), ("~ben~", "ben@x"), ("~cleo~", "cleo@x"), ("~dan~", "dan@x")];
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Every row of every table that names a person, without pointers.
fn rows_of(database: &Database<'_>, name: &str) -> BTreeSet<String> {
    let each = TABLES.iter().map(|table| {
        let shown = table.replace('\'', "''");
        format!(
            "SELECT '{shown}: ' || (to_jsonb(t) - '{POINTERS}'::text[])::text FROM {table} AS t WHERE t::text LIKE '%{name}%'"
        )
    });
    let all = database.run(&each.collect::<Vec<_>>().join(" UNION ALL ")).unwrap();
    all.lines().map(str::to_owned).collect()
}

fn configure(node: &Node, url: &str) {
    let config = format!(
        "[sources.shop]\nkind = \"postgres\"\nurl = \"{url}\"\nschemas = [\"public\", \"crm\", 'Odd \"name\".x']\n\
         [mail]\nkind = \"inbox\"\ndirectory = \"inbox\"\nfrom = \"countersign@example.test\"\n"
    );
    std::fs::write(node.folder().join("countersign.toml"), config).unwrap();
    std::fs::write(node.folder().join("settings/maps/shop.toml"), format!("{MAP}{MORE_MAP}")).unwrap();
    // The sample settings purge tables of the sample shop.
    let settings = node.folder().join("settings/settings.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(settings, text.split("[schedules").next().unwrap()).unwrap();
}

/// A node that reaches the database under an account with the rights that are printed.
fn node(database: &Database<'_>) -> Node {
    let account = format!("erases_{}", database.name());
    let mut node = Node::prepare(1, |node| configure(node, &database.url()));
    let least = node.run(&["source", "grants", "shop", "settings/maps/shop.toml", "--to", &account]);
    database.run(&format!("CREATE USER {account} BYPASSRLS")).unwrap();
    database.run(&least).unwrap();
    let owner = database.run("SELECT current_user").unwrap();
    configure(&node, &database.url().replace(&format!("//{}@", owner.trim()), &format!("//{account}@")));
    node.start();
    node
}

fn in_order(order: [usize; 3]) -> bool {
    let Some(database) = postgres::database_or_skip() else { return false };
    database.run(SCHEMA).unwrap();
    database.run(MORE).unwrap();
    let node = node(&database);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (desk, officer, operator) =
        (node.client("desk"), node.client("olga-officer"), node.client("opal-operator"));
    let before = PEOPLE.map(|(name, _)| rows_of(&database, name));
    assert!(before.iter().all(|rows| rows.len() > 5), "the traps hold rows of everybody");
    for (turn, person) in order.into_iter().enumerate() {
        runtime.block_on(erase(&desk, &officer, &operator, PEOPLE[person].1));
        for (other, rows) in before.iter().enumerate() {
            let now = rows_of(&database, PEOPLE[other].0);
            let gone = order[..=turn].contains(&other);
            let wanted = if gone { &BTreeSet::new() } else { rows };
            assert_eq!(&now, wanted, "{} after {:?}", PEOPLE[other].0, &order[..=turn]);
        }
    }
    let number = |sql: &str| database.run(sql).unwrap().trim().parse::<i64>().unwrap();
    assert_eq!(database.run("SELECT id FROM letter").unwrap().trim(), "4", "Dan's letter to Ben");
    assert_eq!(database.run("SELECT letter_id FROM scan").unwrap().trim(), "4");
    assert_eq!(
        number("SELECT count(*) FROM bill WHERE name = '-' AND mood = 'gone' AND born = '1900-01-01'"),
        2
    );
    assert_eq!(number("SELECT n FROM removed"), 3, "the trigger acted on what was deleted");
    true
}

#[test]
fn on_postgresql_no_trap_takes_or_leaves_a_row_in_any_order() {
    for order in ORDERS {
        if !in_order(order) {
            return;
        }
    }
}
