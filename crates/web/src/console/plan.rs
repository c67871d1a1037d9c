//! What exactly would happen: rows by table, and what stays and why.

use std::collections::BTreeSet;

use countersign_core::plan::{PlanLine, SourcePlan, Treatment};
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
            p.quiet { "The sources have not been looked at" @if picture.proofs.is_empty() && picture.row.status.is_open() { ", for nobody has proved to be the one whose data it is" } "." }
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
        @for source in &plan.sources { (table(seen, source)) }
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
        @if !some.is_empty() {
            table.plan {
                caption { "In " (source.source) }
                thead {
                    tr {
                        th scope="col" { "Table" }
                        th.count scope="col" { "Rows" }
                        @if !seen.only_reads() { th scope="col" { "What happens" } }
                    }
                }
                tbody {
                    @for line in some {
                        tr {
                            th scope="row" { (line.table) span.way { (line.way) } }
                            td.count { (show::number(line.rows)) }
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
