//! A plan on the wire: what would be done, in rows per table.

use countersign_core::plan::{Counts, Plan, PlanLine, SourcePlan};
use serde::Serialize;
use utoipa::ToSchema;

/// What would be done, by source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// Each source, in the order of the steps.
    sources: Vec<SourcePlanView>,
}

/// What would be done in one source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourcePlanView {
    /// The source's name.
    source: String,
    /// SHA-256, in hex, of what the plan rests on in the source: tables, columns, keys.
    fingerprint: String,
    /// SHA-256, in hex, of the data map.
    map_version: String,
    /// Every table of the map, also those without a row.
    tables: Vec<TablePlanView>,
}

/// What would be done with rows that are reached in one way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TablePlanView {
    /// The table, as the source names it.
    table: String,
    /// The way in which its rows are reached.
    #[schema(example = "customer_id → customer")]
    way: String,
    /// What happens to them: `delete`, `clear`, `detach`, `keep`, `keep-for-others`.
    #[schema(example = "delete")]
    treatment: &'static str,
    /// Why rows are kept, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_basis: Option<String>,
    /// Until when they are kept, as the data map says it to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ten years after `issued_on`")]
    until: Option<String>,
    /// How many rows.
    rows: u64,
    /// How many bytes, where the source is made of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

/// Rows of one table.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowsView {
    /// The source.
    source: String,
    /// The table.
    table: String,
    /// How many rows.
    rows: u64,
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        Self { sources: plan.sources.into_iter().map(Into::into).collect() }
    }
}

impl From<SourcePlan> for SourcePlanView {
    fn from(plan: SourcePlan) -> Self {
        let SourcePlan { source, fingerprint, map_version, lines } = plan;
        Self { source, fingerprint, map_version, tables: lines.into_iter().map(Into::into).collect() }
    }
}

impl From<PlanLine> for TablePlanView {
    fn from(line: PlanLine) -> Self {
        let PlanLine { table, way, treatment, basis, until, rows, bytes } = line;
        Self { table, way, treatment: treatment.name(), legal_basis: basis, until, rows, bytes }
    }
}

/// Counts as rows, without the tables that have none.
pub(crate) fn rows(counts: &Counts) -> Vec<RowsView> {
    let row = |(source, table, rows): (&str, &str, u64)| RowsView {
        source: source.to_owned(),
        table: table.to_owned(),
        rows,
    };
    counts.iter().filter(|(_, _, rows)| *rows > 0).map(row).collect()
}
