//! Traps of MariaDB: collations, engines without transactions, histories, times that change by themselves, dates that
//! are none, numbers beyond signed ones; and what goes wrong in the middle. A real server each time.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

#[path = "../conformance/permit.rs"]
mod permit;

mod faults;
mod rights;
mod rows;
mod values;

use countersign_connect::mysql::{MysqlSource, Options};
use countersign_service::ports::source::{
    Exported, Finding, Identity, RootKey, Severity, Source, SourceError, Stepped, Target, Value,
};
use countersign_service::settings::DataMap;
use countersign_testing::mariadb::Database;
use permit::{key, permit};

const SCHEMA: &str = "
    CREATE TABLE person (id bigint unsigned PRIMARY KEY, email varchar(100) NOT NULL, name varchar(100), KEY (email));
    CREATE TABLE thing (id bigint PRIMARY KEY, person_id bigint unsigned NOT NULL, what varchar(100),
        FOREIGN KEY (person_id) REFERENCES person (id));
    INSERT INTO person VALUES (1, 'ana@example.test', '~ana~'), (2, 'ben@example.test', '~ben~');
    INSERT INTO thing VALUES (1, 1, 'hers'), (2, 1, 'hers'), (3, 2, 'his');";

const MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "email" }
treatment = "delete"
[[table]]
name = "thing"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
"#;

struct Given {
    source: MysqlSource,
    map: DataMap,
    database: Database<'static>,
}

/// The small schema, what `more` adds to it, and what `ways` adds to the map.
fn given(more: &str, ways: &str) -> Option<Given> {
    given_with(more, ways, Options::new)
}

fn given_with(more: &str, ways: &str, options: impl FnOnce(String) -> Options) -> Option<Given> {
    let database = countersign_testing::mariadb::database_or_skip()?;
    database.run(&format!("{SCHEMA}{more}")).unwrap();
    let source = MysqlSource::open("shop", options(database.url())).unwrap();
    Some(Given { source, map: map(&format!("{MAP}{ways}")), database })
}

fn map(text: &str) -> DataMap {
    DataMap::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

fn subject(id: u64) -> Target {
    let key = format!("[\"{id}\"]");
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table: "person".to_owned(), key }])
}

fn ana() -> Target {
    subject(1)
}

impl Given {
    async fn erase(&self) -> Result<Stepped, SourceError> {
        self.erase_as(1, &ana()).await
    }

    async fn erase_as(&self, request: u8, target: &Target) -> Result<Stepped, SourceError> {
        self.source.erase(&permit(request, "erase", None), &key(request), &self.map, target).await
    }

    async fn findings(&self) -> Vec<Finding> {
        self.source.check(&self.map).await.unwrap()
    }

    async fn errors(&self) -> Vec<String> {
        let errors = self.findings().await.into_iter().filter(|it| it.severity == Severity::Error);
        errors.map(|it| it.message).collect()
    }

    async fn tells(&self, words: &str) -> bool {
        self.findings().await.iter().any(|it| it.message.contains(words))
    }

    fn number(&self, sql: &str) -> i64 {
        self.database.run(sql).unwrap().trim().parse().unwrap()
    }

    async fn found(&self, email: &str) -> usize {
        let identity = Identity { kind: "email".to_owned(), value: email.to_owned() };
        self.source.resolve(&self.map, &[identity]).await.unwrap().len()
    }

    /// Rows of an export.
    async fn rows(&self, target: &Target) -> Vec<Vec<Value>> {
        let (send, mut receive) = tokio::sync::mpsc::channel(4);
        let permit = permit(200, "export", None);
        let sending = self.source.export(&permit, &self.map, target, send);
        let receiving = async {
            let mut rows = vec![];
            while let Some(piece) = receive.recv().await {
                if let Exported::Row(row) = piece {
                    rows.push(row);
                }
            }
            rows
        };
        let (counts, rows) = tokio::join!(sending, receiving);
        assert_eq!(counts.unwrap().rows(), rows.len() as u64);
        rows
    }
}
