//! Reads PostgreSQL's catalogue: `pg_constraint` and kin. `information_schema` shows a role with SELECT alone none of
//! the foreign keys.

use std::collections::BTreeMap;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, GenericClient, Row, Statement};

use crate::catalog::{self, Catalog, Column, ForeignKey, Kind, OnDelete, Table};
use crate::sql::quote;

/// Ordinary and partitioned tables; a partition's rows are its parent's. Of triggers and rules, those that act on a
/// deletion or an update (bits 8 and 16 of `tgtype`; event types 2 and 4) and are not switched off, also of parts.
const TABLES: &str = "
SELECT c.oid, n.nspname::text, c.relname::text, row_security_active(c.oid),
       ARRAY(SELECT DISTINCT t.tgname::text FROM pg_catalog.pg_trigger t
              WHERE NOT t.tgisinternal AND t.tgtype & 24 <> 0 AND t.tgenabled IN ('O', 'A')
                AND (t.tgrelid = c.oid OR t.tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)))
             UNION SELECT w.rulename::text FROM pg_catalog.pg_rewrite w
              WHERE w.ev_class = c.oid AND w.ev_type IN ('2', '4') AND w.ev_enabled IN ('O', 'A') ORDER BY 1),
       ARRAY(SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid AND c.relkind = 'r'),
       ARRAY(SELECT DISTINCT vn.nspname::text || '.' || v.relname::text
               FROM pg_catalog.pg_depend d
               JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
               JOIN pg_catalog.pg_class v ON v.oid = w.ev_class AND v.relkind = 'm'
               JOIN pg_catalog.pg_namespace vn ON vn.oid = v.relnamespace
              WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                AND d.refobjid = c.oid ORDER BY 1)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname IN (SCHEMAS) AND c.relname <> 'countersign_receipt'";

/// Their numbers.
const OURS: &str = "
SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname IN (SCHEMAS) AND c.relname <> 'countersign_receipt'";

const COLUMNS: &str = "
SELECT a.attrelid, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
       coalesce((SELECT b.typname FROM pg_catalog.pg_type b WHERE b.oid = t.typbasetype), t.typname)::text,
       t.typcategory::text, a.attnotnull OR t.typnotnull, a.attgenerated <> '' OR a.attidentity = 'a'
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = ANY (ARRAY(OURS)) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum";

/// Whole columns only: an index over an expression or with a condition says nothing about every row.
const INDEXES: &str = "
SELECT i.indrelid, i.indisunique AND i.indpred IS NULL, i.indisprimary,
       (SELECT array_agg(a.attname::text ORDER BY k.n)
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE k.n <= i.indnkeyatts),
       CASE WHEN i.indkey[0] = 0 THEN pg_catalog.pg_get_indexdef(i.indexrelid, 1, true) END, 0 = ANY (i.indkey::int2[])
  FROM pg_catalog.pg_index i
 WHERE i.indrelid = ANY (ARRAY(OURS)) AND i.indisvalid AND i.indpred IS NULL
 ORDER BY i.indexrelid";

/// Without the copies that partitions have of their parents' keys. A key that a part alone has is its parent's here.
/// Keys from tables that the configuration does not name are there too: the database acts along them all the same.
const KEYS: &str = "
SELECT c.oid, coalesce(pg_catalog.pg_partition_root(f.confrelid), f.confrelid)::oid, n.nspname::text,
       f.conname::text, f.confdeltype::text, f.condeferrable,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(f.conkey) WITH ORDINALITY k(attnum, n)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum),
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(f.confkey) WITH ORDINALITY k(attnum, n)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum),
       cn.nspname::text || '.' || c.relname::text
  FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_namespace n ON n.oid = f.connamespace
  JOIN pg_catalog.pg_class c ON c.oid = coalesce(pg_catalog.pg_partition_root(f.conrelid), f.conrelid)
  JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
 WHERE f.contype = 'f' AND f.conparentid = 0
   AND coalesce(pg_catalog.pg_partition_root(f.confrelid), f.confrelid) = ANY (ARRAY(OURS))
 ORDER BY f.conrelid, f.conname";

/// The statements, as a connection has them prepared: planned once, for they have no values.
pub(super) struct Asked([Statement; 4]);

impl Asked {
    /// Prepares what is not prepared yet.
    pub(super) async fn prepare(client: &ClientWrapper, schemas: &[String]) -> Result<Self, Error> {
        let [tables, columns, indexes, keys] = texts(schemas);
        Ok(Self([
            client.prepare_cached(&tables).await?,
            client.prepare_cached(&columns).await?,
            client.prepare_cached(&indexes).await?,
            client.prepare_cached(&keys).await?,
        ]))
    }

    /// As [`read`].
    pub(super) async fn read(
        &self,
        client: &impl GenericClient,
        schemas: &[String],
    ) -> Result<Catalog, Error> {
        let [tables, columns, indexes, keys] = &self.0;
        let rows = futures::join!(
            client.query(tables, &[]),
            client.query(columns, &[]),
            client.query(indexes, &[]),
            client.query(keys, &[]),
        );
        Ok(put_together([rows.0?, rows.1?, rows.2?, rows.3?], schemas))
    }
}

/// The tables of `schemas`. Those of the first schema are named alone, the others `schema.table`.
pub(super) async fn read(client: &impl GenericClient, schemas: &[String]) -> Result<Catalog, Error> {
    let [tables, columns, indexes, keys] = texts(schemas);
    let rows = futures::join!(
        client.query_typed(&tables, &[]),
        client.query_typed(&columns, &[]),
        client.query_typed(&indexes, &[]),
        client.query_typed(&keys, &[]),
    );
    Ok(put_together([rows.0?, rows.1?, rows.2?, rows.3?], schemas))
}

fn texts(schemas: &[String]) -> [String; 4] {
    // Backslashes mean something only behind an E.
    let literal = |it: &String| format!("E'{}'", it.replace('\\', "\\\\").replace('\'', "''"));
    let schemas = schemas.iter().map(literal).collect::<Vec<_>>().join(", ");
    [TABLES, COLUMNS, INDEXES, KEYS].map(|it| it.replace("OURS", OURS).replace("SCHEMAS", &schemas))
}

fn put_together([tables, columns, indexes, keys]: [Vec<Row>; 4], schemas: &[String]) -> Catalog {
    let mut all: BTreeMap<u32, Table> = BTreeMap::new();
    let mut heirs: Vec<(u32, u32)> = vec![];
    for row in tables {
        let (oid, schema, name): (u32, String, String) = (row.get(0), row.get(1), row.get(2));
        let first = schemas.first().is_some_and(|first| *first == schema);
        let (own, copies): (Vec<u32>, Vec<String>) = (row.get(5), row.get(6));
        // Rows of tables that inherit from this one have numbers of their own: they may be somebody else's.
        let only = if own.is_empty() { "" } else { "ONLY " };
        heirs.extend(own.into_iter().map(|heir| (oid, heir)));
        let table = Table {
            quoted: format!("{only}{}.{}", quote(&schema), quote(&name)),
            name: if first { name } else { format!("{schema}.{name}") },
            triggers: row.get(4),
            hides_rows: row.get(3),
            copies,
            ..Table::default()
        };
        all.insert(oid, table);
    }
    for (parent, heir) in heirs {
        let name = all.get(&heir).map_or_else(|| format!("number {heir}"), |it| it.name.clone());
        all.entry(parent).and_modify(|it| it.heirs.push(name));
    }
    put_columns(columns, &mut all);
    put_indexes(indexes, &mut all);
    let keys = keys.iter().filter_map(|it| key(it, &all)).collect();
    let tables = all.into_values().map(|table| (table.name.clone(), table)).collect();
    Catalog { tables, keys, hides_what_acts: false }
}

fn put_columns(rows: Vec<Row>, tables: &mut BTreeMap<u32, Table>) {
    for row in rows {
        let Some(table) = tables.get_mut(&row.get(0)) else { continue };
        let (type_name, base, category): (String, String, String) = (row.get(2), row.get(3), row.get(4));
        let not_null: bool = row.get(5);
        table.columns.push(Column {
            name: row.get(1),
            type_name,
            kind: kind(&base, &category),
            nullable: !not_null,
            generated: row.get(6),
        });
    }
}

fn put_indexes(rows: Vec<Row>, tables: &mut BTreeMap<u32, Table>) {
    for row in rows {
        let Some(table) = tables.get_mut(&row.get(0)) else { continue };
        let (unique, primary): (bool, bool) = (row.get(1), row.get(2));
        let (first, over_expressions): (Option<String>, bool) = (row.get(4), row.get(5));
        if over_expressions {
            table.lowered.extend(first.as_deref().and_then(catalog::lowered));
            continue;
        }
        let Some(columns): Option<Vec<String>> = row.get(3) else { continue };
        if unique {
            table.uniques.push(columns.clone());
        }
        if primary {
            table.primary_key = columns.clone();
        }
        table.indexes.push(columns);
    }
    for table in tables.values_mut() {
        let never_null = |columns: &Vec<String>| {
            columns.iter().all(|name| table.column(name).is_some_and(|column| !column.nullable))
        };
        let own = Some(&table.primary_key).filter(|key| !key.is_empty());
        table.row_id =
            own.or_else(|| table.uniques.iter().find(|it| never_null(it))).cloned().unwrap_or_default();
    }
}

fn key(row: &Row, tables: &BTreeMap<u32, Table>) -> Option<ForeignKey> {
    let parent = tables.get(&row.get(1))?;
    let child = tables.get(&row.get(0)).map_or_else(|| row.get(8), |it| it.name.clone());
    let (schema, name, on_delete): (String, String, String) = (row.get(2), row.get(3), row.get(4));
    let (own, theirs): (Vec<String>, Vec<String>) = (row.get(6), row.get(7));
    let mut on: Vec<(String, String)> = own.into_iter().zip(theirs).collect();
    on.sort();
    Some(ForeignKey {
        quoted: format!("{}.{}", quote(&schema), quote(&name)),
        child,
        parent: parent.name.clone(),
        on,
        on_delete: match &*on_delete {
            "r" => OnDelete::Restrict,
            "c" => OnDelete::Cascade,
            "n" => OnDelete::SetNull,
            "d" => OnDelete::SetDefault,
            _ => OnDelete::NoAction,
        },
        deferrable: row.get(5),
    })
}

/// By the type's name, else by PostgreSQL's own category.
fn kind(base: &str, category: &str) -> Kind {
    match base {
        "bool" => Kind::Bool,
        "int2" | "int4" | "int8" => Kind::Int,
        "float4" | "float8" => Kind::Real,
        "bytea" => Kind::Bytes,
        "json" | "jsonb" => Kind::Json,
        _ => match category {
            "S" => Kind::Text,
            "D" => Kind::Time,
            _ => Kind::Other,
        },
    }
}
