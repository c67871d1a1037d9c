//! What `purge` does: rows of one table that are older than a moment.

use countersign_core::plan::{Counts, PlanLine, Treatment};
use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::Dataset;

use super::build::{Findings, fingerprint};
use super::count::bytes;
use crate::catalog::{Catalog, Column, Table};
use crate::dialect::Dialect;
use crate::sql::{Sql, quote};

/// Old rows of one table.
pub(crate) struct Purge<'a> {
    catalog: &'a Catalog,
    pub(crate) dataset: &'a Dataset,
    pub(crate) table: &'a Table,
    age: &'a Column,
    dialect: &'static dyn Dialect,
}

impl<'a> Purge<'a> {
    /// Fits a dataset to its source.
    pub(crate) fn build(
        dataset: &'a Dataset,
        catalog: &'a Catalog,
        dialect: &'static dyn Dialect,
    ) -> (Option<Self>, Findings) {
        let mut findings = Findings::default();
        let table = super::check::table(&dataset.table, catalog, &mut findings);
        let age = table.and_then(|it| super::check::column(it, &dataset.age, &mut findings));
        for key in catalog.keys.iter().filter(|it| it.parent == dataset.table) {
            findings.error(format!(
                "`{}` points to `{}`: a dataset's rows are deleted alone, so nothing may point to them",
                key.child, key.parent
            ));
        }
        if let Some(table) = table {
            if !table.is_indexed(&[&dataset.age]) {
                findings.warning(format!(
                    "`{}`: no index on `{}`, so purging reads it all",
                    table.name, dataset.age
                ));
            }
            if table.hides_rows {
                findings.error(format!("`{}`: row-level security hides rows from this role", table.name));
            }
            if let Some(reason) = &table.unfit {
                findings.error(format!("`{}`: {reason}", table.name));
            }
            for trigger in &table.triggers {
                findings.warning(format!("`{}`: the trigger `{trigger}` acts beyond the plan", table.name));
            }
        }
        let purge = table.zip(age).filter(|_| !findings.are_fatal());
        (purge.map(|(table, age)| Self { dataset, catalog, table, age, dialect }), findings)
    }

    /// SHA-256, in hex, of what a plan rests on in the source.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint([&*self.table.name].into_iter(), self.catalog)
    }

    /// The plan's line, without rows.
    pub(crate) fn line(&self) -> PlanLine {
        PlanLine {
            table: self.table.name.clone(),
            way: format!("{} before", self.dataset.age),
            treatment: Treatment::Delete,
            basis: None,
            until: None,
            rows: 0,
            bytes: None,
        }
    }

    /// `0, rows`.
    pub(crate) fn count(&self, before: Timestamp) -> Sql {
        self.old(&format!("SELECT 0 AS line, count(*) AS n FROM {} AS x WHERE ", self.table.quoted), before)
    }

    /// What was counted, as rows per table.
    pub(crate) fn counts(&self, source: &str, lines: &[(usize, u64)]) -> Counts {
        let mut counts = Counts::default();
        counts.add(source, &self.table.name, lines.iter().map(|(_, rows)| rows).sum());
        counts
    }

    /// `0, rows, bytes`.
    pub(crate) fn weigh(&self, before: Timestamp) -> Sql {
        let bytes = self.dialect.total(&bytes(self.table, "x", self.dialect));
        let table = &self.table.quoted;
        let begin =
            format!("SELECT 0 AS line, count(*) AS n, coalesce({bytes}, 0) AS w FROM {table} AS x WHERE ");
        self.old(&begin, before)
    }

    /// Removes them.
    pub(crate) fn delete(&self, before: Timestamp) -> Sql {
        self.old(&format!("{} WHERE ", self.dialect.delete(&self.table.quoted)), before)
    }

    /// Reads them.
    pub(crate) fn read(&self, before: Timestamp) -> Sql {
        let columns =
            self.table.columns.iter().map(|it| self.dialect.exported(&format!("x.{}", quote(&it.name)), it));
        let columns = columns.collect::<Vec<_>>().join(", ");
        self.old(&format!("SELECT {columns} FROM {} AS x WHERE ", self.table.quoted), before)
    }

    /// Selects `columns` of them.
    pub(super) fn pick(&self, columns: &str, before: Timestamp) -> Sql {
        self.old(&format!("SELECT {columns} FROM {} AS x WHERE ", self.table.quoted), before)
    }

    pub(super) fn dialect(&self) -> &'static dyn Dialect {
        self.dialect
    }

    fn old(&self, begin: &str, before: Timestamp) -> Sql {
        let mut sql = Sql::new(self.dialect);
        sql.push(begin);
        let age = format!("x.{}", quote(&self.age.name));
        self.dialect.older(&age, self.age, self.dataset.format, before, &mut sql);
        sql
    }
}
