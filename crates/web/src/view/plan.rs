//! A plan on the wire: what would be done, in rows and bytes per table.

use countersign_core::plan::{Counts, Masked, Plan, PlanLine, Sample, SourcePlan};
use countersign_service::requests::last_time::LastTime;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment::Moment;

/// What would be done, by source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// Each source, in the order of the steps.
    sources: Vec<SourcePlanView>,
    /// How long handing over took the last time, all sources together.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_time: Option<LastTimeView>,
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
    /// How long the same step took the last time: the same action in this source.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_time: Option<LastTimeView>,
    /// A few rows, where the data map asks for them. Personal, although masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples: Vec<SampleView>,
}

/// How long the same took the last time. For whoever may read that request too.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastTimeView {
    /// In which request.
    request: String,
    /// When it was done.
    at: Moment,
    /// In milliseconds: from the start of the run, or the end of the step before, until it was written down as done.
    #[schema(example = 1250)]
    took_ms: i64,
    /// Rows that were touched or handed over.
    rows: u64,
}

/// A few rows of one table, masked: first letters of long words, `#` for each digit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SampleView {
    /// The table.
    table: String,
    /// The columns.
    columns: Vec<String>,
    /// What is left of the values of each row, in the order of the columns; empty for NULL.
    #[schema(example = json!([["j***@e***.com", "####-##-##"]]))]
    rows: Vec<Vec<String>>,
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
    /// How many bytes the values of these rows (or files) have: texts and binary values their length, anything else
    /// what the source writes or takes for it; without what an engine adds, such as indexes. Left out where the rows
    /// are somebody else's, or the source does not tell.
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

impl PlanView {
    /// A plan with what is known beside it.
    pub(crate) fn of(plan: Plan, last_times: &[LastTime], samples: &[Sample]) -> Self {
        let took = |source: Option<&str>| {
            last_times.iter().find(|it| it.source.as_deref() == source).map(LastTimeView::from)
        };
        let source = |plan: SourcePlan| {
            let samples = samples.iter().filter(|it| it.source == plan.source).map(SampleView::from);
            let (samples, last_time) = (samples.collect(), took(Some(&plan.source)));
            let SourcePlan { source, fingerprint, map_version, lines } = plan;
            let tables = lines.into_iter().map(Into::into).collect();
            SourcePlanView { source, fingerprint, map_version, tables, last_time, samples }
        };
        Self { sources: plan.sources.into_iter().map(source).collect(), last_time: took(None) }
    }
}

impl From<&LastTime> for LastTimeView {
    fn from(last: &LastTime) -> Self {
        let LastTime { request, source: _, at, took_ms, rows } = last;
        Self { request: request.to_string(), at: (*at).into(), took_ms: *took_ms, rows: *rows }
    }
}

impl From<&Sample> for SampleView {
    fn from(sample: &Sample) -> Self {
        let row = |row: &Vec<Masked>| row.iter().map(|it| it.as_str().to_owned()).collect();
        Self {
            table: sample.table.clone(),
            columns: sample.columns.clone(),
            rows: sample.rows.iter().map(row).collect(),
        }
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
