//! What exactly would happen: rows and bytes by table, what stays and why, how long it took before, and a few rows, masked,
//! where the data map asks for them.

use std::collections::BTreeSet;

use countersign_core::plan::{PlanLine, Sample, SourcePlan, Treatment};
use maud::{Markup, html};

use super::desk::Desk;
use super::request::Seen;
use super::{show, words};

/// The part of a request's page.
pub(super) fn section(desk: &Desk, seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    let Some(plan) = &picture.plan else {
        return html! {
            h2 { "What would happen" }
            @if picture.unresolved.is_some() {
                p.quiet { (words::say("plan.unresolved")) }
            } @else {
            p.quiet { "The sources have not been looked at" @if picture.proofs.is_empty() && picture.row.status.is_open() { ", for nobody has proved to be the one whose data it is" } "." }
            }
        };
    };
    let lines = || plan.sources.iter().flat_map(|source| &source.lines);
    let count = |wanted: &[Treatment]| -> u64 {
        lines().filter(|line| wanted.contains(&line.treatment)).map(|line| line.rows).sum()
    };
    let title = if picture.row.status.is_open() { "What would happen" } else { "What was planned" };
    let gone = count(&[Treatment::Delete]);
    let emptied = count(&[Treatment::Clear, Treatment::Detach]);
    let kept = count(&[Treatment::Keep, Treatment::KeepForOthers]);
    html! {
        h2 { (title) }
        @if plan.touches_nothing() {
            p { "There is nothing in the sources." }
        } @else if seen.only_reads() {
            p.sum { strong { (show::rows(lines().map(|line| line.rows).sum())) } " are handed over; nothing is changed." }
        } @else {
            p.sum {
                strong.gone { (show::rows(gone)) } " deleted"
                @if emptied > 0 { ", " strong { (show::rows(emptied)) } " emptied of what is personal" }
                @if kept > 0 { ", " strong { (show::rows(kept)) } " kept" }
                "."
            }
        }
        @for source in &plan.sources {
            (table(seen, source))
            (last_time(desk, seen, Some(&source.source)))
            (samples(seen, &source.source))
        }
        (last_time(desk, seen, None))
        @if !picture.tells.is_empty() {
            p { "Told outside, once it is done:" }
            ul.tells {
                @for (_, recipient) in &picture.tells {
                    li { strong { (recipient.name) } ", which holds " (recipient.holds) }
                }
            }
        }
        p.quiet {
            @if let Some(at) = picture.surveyed_at { "Read from the sources " (show::ago(desk, at)) ". " }
            @if picture.digest.is_some() && picture.row.status.is_open() {
                "A signature covers a tenth more rows in a table, or twenty; beyond that it is asked for again."
            }
        }
    }
}

fn table(seen: &Seen, source: &SourcePlan) -> Markup {
    let some: Vec<&PlanLine> = source.lines.iter().filter(|line| line.rows > 0).collect();
    let there: BTreeSet<&str> = some.iter().map(|line| &*line.table).collect();
    let none: BTreeSet<&str> = source.lines.iter().map(|line| &*line.table).collect();
    let none: Vec<&str> = none.difference(&there).copied().collect();
    html! {
        @let weighed = some.iter().any(|line| line.bytes.is_some());
        @if !some.is_empty() {
            table.plan {
                caption { "In " (source.source) }
                thead {
                    tr {
                        th scope="col" { "Table" }
                        th.count scope="col" { "Rows" }
                        @if weighed { th.count scope="col" { "Size" } }
                        @if !seen.only_reads() { th scope="col" { "What happens" } }
                    }
                }
                tbody {
                    @for line in some {
                        tr {
                            th scope="row" { (line.table) span.way { (line.way) } }
                            td.count { (show::number(line.rows)) }
                            @if weighed { td.count { @if let Some(bytes) = line.bytes { (show::size(bytes)) } } }
                            @if !seen.only_reads() {
                                td {
                                    span.treat.(line.treatment.name()) { (words::of("treatment", line.treatment.name())) }
                                    span.way { (why(line.treatment, line.basis.as_deref(), line.until.as_deref())) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !none.is_empty() {
            p.quiet { "Nothing in " (source.source) " in: " (none.join(", ")) "." }
        }
    }
}

/// How long the same took the last time.
fn last_time(desk: &Desk, seen: &Seen, source: Option<&str>) -> Markup {
    let last = seen.told.picture.last_times.iter().find(|it| it.source.as_deref() == source);
    html! {
        @if let Some(last) = last {
            p.quiet {
                "The last time this took " (show::took(last.took_ms)) " for " (show::rows(last.rows)) ", "
                a href={ (super::ROOT) "/requests/" (last.request) } { (show::ago(desk, last.at)) } "."
            }
        }
    }
}

/// A few rows of a source, masked.
fn samples(seen: &Seen, source: &str) -> Markup {
    let of: Vec<&Sample> = seen.told.picture.samples.iter().filter(|it| it.source == source).collect();
    html! {
        @if !of.is_empty() {
            details.samples {
                summary { "A few rows of " (source) ", masked" }
                @for sample in of {
                    div.wide tabindex="0" role="region" aria-label={ "Rows of " (sample.table) } {
                        table {
                            caption { (sample.table) }
                            thead { tr { @for column in &sample.columns { th scope="col" { (column) } } } }
                            tbody {
                                @for row in &sample.rows {
                                    tr { @for value in row { td { (value.as_str()) } } }
                                }
                            }
                        }
                    }
                }
                p.quiet { "They are sealed with what this request holds, and destroyed with it." }
            }
        }
    }
}

/// Why rows stay, and until when.
pub(super) fn why(treatment: Treatment, basis: Option<&str>, until: Option<&str>) -> Markup {
    html! {
        @match (basis, treatment) {
            (Some(basis), _) => (words::of("basis", basis)),
            (None, Treatment::KeepForOthers) => (words::say("basis.owned_by_others")),
            (None, Treatment::Detach) => (words::say("basis.detach")),
            (None, Treatment::Delete | Treatment::Clear | Treatment::Keep) => "",
        }
        @if let Some(until) = until { ", until " (until.replace('`', "")) }
    }
}
