//! What an account needs and has: the statements that give the least that a map needs, and what `information_schema` says
//! of the account of this connection. Rights that come by a role are not seen there and count as lacking.

use std::collections::{BTreeMap, BTreeSet};

use countersign_service::ports::source::{Rights, SourceError};
use countersign_service::settings::datamap::DataMap;
use mysql_async::Error;

use super::connection::{Session, text};
use super::{MysqlSource, fit, receipt};
use crate::catalog::Table;
use crate::footprint::need::{self, Need};
use crate::job::refused;

/// The account as the lists of rights write it, each part in quotes.
const ME: &str = "SELECT CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
                  SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
const OF_ALL: &str = "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ?";
const OF_SCHEMA: &str = r"
SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES
 WHERE GRANTEE = ? AND ? LIKE TABLE_SCHEMA ESCAPE '\'";
const OF_TABLE: &str = "
SELECT PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES
 WHERE GRANTEE = ? AND TABLE_SCHEMA = ? AND TABLE_NAME = ?";
const OF_COLUMNS: &str = "
SELECT COLUMN_NAME FROM information_schema.COLUMN_PRIVILEGES
 WHERE GRANTEE = ? AND TABLE_SCHEMA = ? AND TABLE_NAME = ? AND PRIVILEGE_TYPE = 'UPDATE'";

/// Needed on the server, and in each database; temporary tables stand in the first.
const FOR_ALL: [&str; 1] = ["PROCESS"];
const FOR_SCHEMA: [&str; 2] = ["CREATE TEMPORARY TABLES", "TRIGGER"];

type Words = BTreeSet<String>;

impl MysqlSource {
    pub(super) async fn rights_of(&self, map: &DataMap, to: Option<&str>) -> Result<Rights, SourceError> {
        let mut session = self.reading().await?;
        let read = self.catalog(&mut session).await?;
        let (footprint, findings) = fit::build(map, &read, session.dialect());
        if findings.are_fatal() {
            return Err(refused(&self.name, findings.reason()));
        }
        let needs = need::needs(map, &read.catalog, footprint.as_ref());
        let told = self.told(&mut session, map, &read.catalog.tables, &needs, to).await;
        session.close().await;
        told.map_err(|it| self.failed(&it))
    }

    async fn told(
        &self,
        session: &mut Session,
        map: &DataMap,
        tables: &BTreeMap<String, Table>,
        needs: &BTreeMap<String, Need>,
        to: Option<&str>,
    ) -> Result<Rights, Error> {
        let me = words(session, ME, &[]).await?.pop_first().unwrap_or_default();
        let mut rights = Rights { least: self.least(map, needs, to.unwrap_or(&me)), ..Rights::default() };
        let everywhere = words(session, OF_ALL, &[&me]).await?;
        lacking(&everywhere, &of(&FOR_ALL), "*.*", &mut rights);
        beyond(&everywhere, &of(&FOR_ALL), "*.*", &mut rights);
        let mut inherited = BTreeMap::new();
        for schema in &self.schemas {
            let own = words(session, OF_SCHEMA, &[&me, schema]).await?;
            let needed = if *schema == self.home { of(&FOR_SCHEMA) } else { of(&FOR_SCHEMA[1..]) };
            let all: Words = own.union(&everywhere).cloned().collect();
            lacking(&all, &needed, &format!("{schema}.*"), &mut rights);
            beyond(&own, &needed, &format!("{schema}.*"), &mut rights);
            inherited.insert(schema.as_str(), all);
        }
        let from_above = |schema: &str| inherited.get(schema).cloned().unwrap_or_default();
        let mut all = words(session, OF_TABLE, &[&me, &self.home, "countersign_receipt"]).await?;
        all.extend(from_above(&self.home));
        let receipts = format!("{}.countersign_receipt", self.home);
        lacking(&all, &of(&receipt_needs(map)), &receipts, &mut rights);
        for name in tables.keys() {
            let (schema, table) = self.place(name);
            let place = format!("{schema}.{table}");
            let own = words(session, OF_TABLE, &[&me, schema, table]).await?;
            let columns = words(session, OF_COLUMNS, &[&me, schema, table]).await?;
            let mut all = from_above(schema);
            all.extend(own.iter().cloned());
            let need = needs.get(name);
            let mut needed = need.map(|_| of(&["SELECT"])).unwrap_or_default();
            needed.extend(need.filter(|it| it.delete).map(|_| "DELETE".to_owned()));
            let changed = need.map(|it| it.update.clone()).unwrap_or_default();
            lacking(&all, &needed, &place, &mut rights);
            beyond(&own, &needed, &place, &mut rights);
            if !all.contains("UPDATE") {
                let said = |all: Vec<&String>| {
                    let all: Vec<&str> = all.into_iter().map(|it| &**it).collect();
                    (!all.is_empty()).then(|| format!("UPDATE ({}) on {place}", all.join(", ")))
                };
                rights.lacks.extend(said(changed.difference(&columns).collect()));
                rights.beyond.extend(said(columns.difference(&changed).collect()));
            }
        }
        Ok(rights)
    }

    fn least(&self, map: &DataMap, needs: &BTreeMap<String, Need>, to: &str) -> Vec<String> {
        let receipts = format!("{}.countersign_receipt", name(&self.home));
        let mut all = vec![receipt::making(&receipts), format!("GRANT PROCESS ON *.* TO {to}")];
        for schema in &self.schemas {
            let words = if *schema == self.home { FOR_SCHEMA.join(", ") } else { FOR_SCHEMA[1].to_owned() };
            // In the name of a database `_` and `%` stand for anything there.
            let schema = name(schema).replace('_', r"\_").replace('%', r"\%");
            all.push(format!("GRANT {words} ON {schema}.* TO {to}"));
        }
        all.push(format!("GRANT {} ON {receipts} TO {to}", receipt_needs(map).join(", ")));
        for (mapped, need) in needs {
            let (schema, table) = self.place(mapped);
            let mut words = vec!["SELECT".to_owned()];
            words.extend(need.delete.then(|| "DELETE".to_owned()));
            if !need.update.is_empty() {
                let columns = need.update.iter().map(|it| name(it)).collect::<Vec<_>>().join(", ");
                words.push(format!("UPDATE ({columns})"));
            }
            all.push(format!("GRANT {} ON {}.{} TO {to}", words.join(", "), name(schema), name(table)));
        }
        all
    }

    /// The database and the table of a name in a map.
    fn place<'n>(&'n self, mapped: &'n str) -> (&'n str, &'n str) {
        let of_another = self.schemas.iter().filter(|it| **it != self.home).find_map(|schema| {
            let table = mapped.strip_prefix(schema.as_str())?.strip_prefix('.')?;
            Some((schema.as_str(), table))
        });
        of_another.unwrap_or((&self.home, mapped))
    }
}

fn receipt_needs(map: &DataMap) -> Vec<&'static str> {
    let mut all = vec!["SELECT", "INSERT", "UPDATE"];
    // Whoever does a part gives the key of the whole back.
    all.extend(map.chunk_rows.map(|_| "DELETE"));
    all
}

/// A name as a server in its usual mode takes it.
fn name(of: &str) -> String {
    format!("`{}`", of.replace('`', "``"))
}

fn of(words: &[&str]) -> Words {
    words.iter().map(|it| (*it).to_owned()).collect()
}

async fn words(session: &mut Session, asked: &str, values: &[&str]) -> Result<Words, Error> {
    let values = values.iter().map(|it| (*it).into()).collect();
    let rows = session.rows(asked, values).await?;
    Ok(rows.iter().filter_map(|row| text(row, 0)).filter(|it| it != "USAGE").collect())
}

fn lacking(has: &Words, needed: &Words, place: &str, rights: &mut Rights) {
    let all: Vec<&str> = needed.difference(has).map(|it| &**it).collect();
    rights.lacks.extend((!all.is_empty()).then(|| format!("{} on {place}", all.join(", "))));
}

fn beyond(has: &Words, needed: &Words, place: &str, rights: &mut Rights) {
    let all: Vec<&str> = has.difference(needed).map(|it| &**it).collect();
    rights.beyond.extend((!all.is_empty()).then(|| format!("{} on {place}", all.join(", "))));
}
