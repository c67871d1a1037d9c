//! The sample shop with its corrected data map: what is erased, what is handed out, and whose is left alone.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

#[path = "conformance/permit.rs"]
mod permit;

use std::path::{Path, PathBuf};

use countersign_connect::sqlite::{Options, SqliteSource};
use countersign_core::receipt::Outcome;
use countersign_service::ports::source::{
    Exported, Identity, RootKey, Severity, Source, SourceError, Stepped, Target, Value,
};
use countersign_service::settings::DataMap;
use countersign_shop::{Scale, cast, occurrences, row_counts, values_of};
use permit::{key, permit};
use rusqlite::Connection;

const MAP: &str = include_str!("../../../policies/shop.datamap.toml");

struct Shop {
    source: SqliteSource,
    map: DataMap,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    countersign_shop::build(&path, Scale::SMALL, &mut |_, _| {}).unwrap();
    let source = SqliteSource::open("shop", Options::new(&path)).unwrap();
    Shop { source, map: DataMap::parse(MAP).unwrap(), path, _folder: folder }
}

fn subject(member: cast::Member) -> Target {
    let key = format!("[\"{}\"]", member.id);
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table: "customer".to_owned(), key }])
}

fn look(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

impl Shop {
    async fn erase(&self, request: u8, member: cast::Member) -> Result<Stepped, SourceError> {
        let permit = permit(request, "erase", None);
        self.source.erase(&permit, &key(request), &self.map, &subject(member)).await
    }

    fn number(&self, sql: &str) -> i64 {
        look(&self.path).query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn the_map_has_no_errors() {
    let shop = shop();
    let findings = shop.source.check(&shop.map).await.unwrap();
    assert!(findings.iter().all(|it| it.severity < Severity::Error), "{findings:?}");
}

#[tokio::test]
async fn two_accounts_of_one_email_are_both_found() {
    let shop = shop();
    let identity = Identity { kind: "email".to_owned(), value: cast::FAY.email.to_owned() };
    assert_eq!(shop.source.resolve(&shop.map, std::slice::from_ref(&identity)).await.unwrap().len(), 2);
    let account = Identity { kind: "account".to_owned(), value: cast::FAY_AGAIN.account.to_owned() };
    assert_eq!(shop.source.resolve(&shop.map, &[identity, account]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn everybody_of_the_cast_can_be_erased_and_only_what_a_rule_keeps_is_left() {
    let shop = shop();
    let mut all = vec![];
    for (request, member) in (1..).zip(cast::ALL) {
        let values = values_of(&look(&shop.path), member.id).unwrap();
        let before = row_counts(&look(&shop.path)).unwrap();
        let Stepped::Done(receipt) = shop.erase(request, *member).await.unwrap() else {
            panic!("{}", member.name)
        };
        let Outcome::Done { touched } = receipt.outcome else { panic!("{}", member.name) };
        let after = row_counts(&look(&shop.path)).unwrap();
        for (table, rows) in before {
            let gone = rows.saturating_sub(after[&table]);
            assert!(gone <= touched.of("shop", &table), "{table}: {gone} gone for {}", member.name);
        }
        // What is linked by an e-mail that another account has too goes with that one.
        if member.id != cast::FAY.id {
            only_kept(&shop, member, &values);
        }
        all.push((member, values));
        assert_eq!(
            shop.source.left(&shop.map, &subject(*member)).await.unwrap().rows(),
            0,
            "{}",
            member.name
        );
    }
    all.iter().for_each(|(member, values)| only_kept(&shop, member, values));
    let broken = shop.number("SELECT count(*) FROM pragma_foreign_key_check");
    assert_eq!(broken, 0, "no pointer leads nowhere");
}

#[tokio::test]
async fn a_neighbour_keeps_the_shared_address_and_a_twin_account_the_newsletter() {
    let shop = shop();
    let shared = "SELECT count(*) FROM customer_address a JOIN address b ON b.id = a.address_id WHERE a.customer_id = 2";
    let before = shop.number(shared);
    let letters = "SELECT count(*) FROM newsletter WHERE email = 'fay.006@example.test'";
    assert_eq!(shop.number(letters), 1);
    shop.erase(1, cast::ANA).await.unwrap();
    assert_eq!(shop.number(shared), before, "Ben lives where he lived");
    shop.erase(2, cast::FAY).await.unwrap();
    assert_eq!(shop.number(letters), 1, "the other account has the same e-mail");
    shop.erase(3, cast::FAY_AGAIN).await.unwrap();
    assert_eq!(shop.number(letters), 0, "nobody is left");
}

#[tokio::test]
async fn an_export_of_ana_names_no_other_customer() {
    let shop = shop();
    let (send, mut receive) = tokio::sync::mpsc::channel(16);
    let permit = permit(1, "export", None);
    let target = subject(cast::ANA);
    let sending = shop.source.export(&permit, &shop.map, &target, send);
    let receiving = async {
        let (mut text, mut tables) = (String::new(), std::collections::BTreeSet::new());
        while let Some(piece) = receive.recv().await {
            match piece {
                Exported::Table { table, .. } => drop(tables.insert(table)),
                Exported::Row(values) => values.iter().for_each(|value| {
                    if let Value::Text(it) = value {
                        text += it;
                        text.push('\n');
                    }
                }),
            }
        }
        (text, tables)
    };
    let (counts, (text, tables)) = tokio::join!(sending, receiving);
    assert!(counts.unwrap().of("shop", "orders") > 0);
    assert_eq!(tables.len(), shop.map.tables.len() + 1, "every table of the map");
    assert!(text.contains(cast::ANA.email));
    for other in cast::ALL.iter().filter(|it| it.id != cast::ANA.id) {
        for value in [other.account, other.email, other.phone] {
            assert!(!text.contains(value), "{value}");
        }
    }
}

/// No value of a member is left but in invoices, kept whole by tax law, and in messages, whose body is the other's too.
fn only_kept(shop: &Shop, member: &cast::Member, values: &[String]) {
    for value in values {
        for found in occurrences(&look(&shop.path), value).unwrap() {
            assert!(["invoice", "message"].contains(&&*found.table), "{found:?} of {}", member.name);
        }
    }
}
