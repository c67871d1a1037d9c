//! What a role needs and has: the statements that give the least that a map needs, and the catalogue's word on what the
//! role of this connection may do.

use std::collections::{BTreeMap, BTreeSet};

use countersign_service::ports::source::{Rights, SourceError};
use countersign_service::settings::datamap::DataMap;
use tokio_postgres::{Error, GenericClient};

use super::{Postgres, PostgresSource, receipt};
use crate::catalog::{Catalog, Table};
use crate::footprint::Footprint;
use crate::footprint::need::{self, Need};
use crate::job::refused;
use crate::sql::quote;

/// Which of these things this role may do with a table; updating goes by columns.
const HAS: &str = "SELECT p FROM unnest($2::text[]) AS p WHERE has_table_privilege($1::text, p)";
const UPDATES: &str = "
SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
   AND attgenerated = '' AND has_column_privilege($1::text, attname::text, 'UPDATE')";
const PRIVILEGES: [&str; 6] = ["SELECT", "INSERT", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"];
const ROLE: &str = "
SELECT current_user::text, current_database()::text, has_database_privilege(current_database(), 'TEMPORARY'),
       array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
                          CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
                          CASE WHEN rolreplication THEN 'REPLICATION' END], NULL)
  FROM pg_roles WHERE rolname = current_user";

impl PostgresSource {
    pub(super) async fn rights_of(&self, map: &DataMap, to: Option<&str>) -> Result<Rights, SourceError> {
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        let catalog = self.catalog(&transaction).await?;
        let (footprint, findings) = Footprint::build(map, &catalog, &Postgres);
        if findings.are_fatal() {
            return Err(refused(&self.name, findings.reason()));
        }
        let needs = need::needs(map, &catalog, footprint.as_ref());
        let told = self.told(&transaction, map, &catalog, &needs, to).await;
        told.map_err(|it| self.failed(&it))
    }

    async fn told(
        &self,
        client: &impl GenericClient,
        map: &DataMap,
        catalog: &Catalog,
        needs: &BTreeMap<String, Need>,
        to: Option<&str>,
    ) -> Result<Rights, Error> {
        let row = client.query_one(ROLE, &[]).await?;
        let (role, database): (String, String) = (row.get(0), row.get(1));
        let mut rights = Rights {
            least: self.least(map, catalog, needs, &database, to.unwrap_or(&role)),
            ..Rights::default()
        };
        if !row.get::<_, bool>(2) {
            rights.lacks.push(format!("TEMPORARY on the database `{database}`"));
        }
        let special: Vec<String> = row.get(3);
        rights.beyond.extend(special.iter().map(|it| format!("the attribute {it} of `{role}`")));
        for schema in &self.schemas {
            let asked =
                "SELECT has_schema_privilege($1::text, 'USAGE'), has_schema_privilege($1::text, 'CREATE')";
            let row = client.query_one(asked, &[schema]).await?;
            if !row.get::<_, bool>(0) {
                rights.lacks.push(format!("USAGE on the schema `{schema}`"));
            }
            if row.get::<_, bool>(1) {
                rights.beyond.push(format!("CREATE in the schema `{schema}`"));
            }
        }
        if rights.lacks.iter().any(|it| it.starts_with("USAGE")) {
            // Nothing in there can be asked about.
            return Ok(rights);
        }
        self.receipts(client, map, &mut rights).await?;
        if special.iter().any(|it| it == "SUPERUSER") {
            return Ok(rights);
        }
        for table in catalog.tables.values() {
            compare(client, table, needs.get(&table.name), &mut rights).await?;
        }
        Ok(rights)
    }

    async fn receipts(
        &self,
        client: &impl GenericClient,
        map: &DataMap,
        rights: &mut Rights,
    ) -> Result<(), Error> {
        let name = receipt::table(&self.home);
        if !receipt::is_there(client, &name).await? {
            let may_make = "SELECT has_schema_privilege($1::text, 'CREATE')";
            if !client.query_one(may_make, &[&self.home]).await?.get::<_, bool>(0) {
                rights.lacks.push(format!("the table {name}, which is not there and may not be made"));
            }
            return Ok(());
        }
        let needed = receipt_needs(map);
        let lacks = "SELECT p FROM unnest($2::text[]) AS p WHERE NOT has_table_privilege($1::text, p)";
        for row in client.query(lacks, &[&name, &needed]).await? {
            rights.lacks.push(format!("{} on {name}", row.get::<_, String>(0)));
        }
        Ok(())
    }

    fn least(
        &self,
        map: &DataMap,
        catalog: &Catalog,
        needs: &BTreeMap<String, Need>,
        database: &str,
        role: &str,
    ) -> Vec<String> {
        let (role, receipts) = (quote(role), receipt::table(&self.home));
        let mut all = vec![receipt::making(&receipts)];
        all.push(format!("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {role}", quote(database)));
        for schema in &self.schemas {
            all.push(format!("GRANT USAGE ON SCHEMA {} TO {role}", quote(schema)));
        }
        all.push(format!("GRANT {} ON {receipts} TO {role}", receipt_needs(map).join(", ")));
        for (name, need) in needs {
            let Some(table) = catalog.tables.get(name) else { continue };
            let mut words = vec!["SELECT".to_owned()];
            words.extend(need.delete.then(|| "DELETE".to_owned()));
            if !need.update.is_empty() {
                let columns = need.update.iter().map(|it| quote(it)).collect::<Vec<_>>().join(", ");
                words.push(format!("UPDATE ({columns})"));
            }
            all.push(format!("GRANT {} ON {} TO {role}", words.join(", "), plain(table)));
        }
        all
    }
}

fn receipt_needs(map: &DataMap) -> Vec<&'static str> {
    let mut all = vec!["SELECT", "INSERT", "UPDATE"];
    // Whoever does a part gives the key of the whole back.
    all.extend(map.chunk_rows.map(|_| "DELETE"));
    all
}

/// As `has_table_privilege` and `GRANT` take it.
fn plain(table: &Table) -> &str {
    table.quoted.strip_prefix("ONLY ").unwrap_or(&table.quoted)
}

async fn compare(
    client: &impl GenericClient,
    table: &Table,
    need: Option<&Need>,
    rights: &mut Rights,
) -> Result<(), Error> {
    let name = &table.name;
    let all: Vec<&str> = PRIVILEGES.into();
    let has: BTreeSet<String> =
        client.query(HAS, &[&plain(table), &all]).await?.iter().map(|row| row.get(0)).collect();
    let updates: BTreeSet<String> =
        client.query(UPDATES, &[&plain(table)]).await?.iter().map(|row| row.get(0)).collect();
    let mut needed = BTreeSet::new();
    needed.extend(need.map(|_| "SELECT".to_owned()));
    needed.extend(need.filter(|it| it.delete).map(|_| "DELETE".to_owned()));
    let changed = need.map(|it| it.update.clone()).unwrap_or_default();
    let listed = |all: Vec<&String>| all.into_iter().map(|it| &**it).collect::<Vec<_>>().join(", ");
    let said = |all: Vec<&String>| (!all.is_empty()).then(|| format!("{} on `{name}`", listed(all)));
    let of_columns =
        |all: Vec<&String>| (!all.is_empty()).then(|| format!("UPDATE ({}) on `{name}`", listed(all)));
    rights.lacks.extend(said(needed.difference(&has).collect()));
    rights.lacks.extend(of_columns(changed.difference(&updates).collect()));
    rights.beyond.extend(said(has.difference(&needed).collect()));
    rights.beyond.extend(of_columns(updates.difference(&changed).collect()));
    Ok(())
}
