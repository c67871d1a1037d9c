//! How a request ended: what was done, what was kept and why, and what there is to fetch.

use std::collections::BTreeMap;

use countersign_core::id::RequestId;
use countersign_core::request::{Ending, Outcome};
use countersign_service::Package;
use countersign_service::portal::Seen;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::prove;
use super::steps::reason;
use super::visit::Visit;

/// The page's middle.
pub(super) fn draw(visit: &Visit, id: RequestId, seen: &Seen, ending: &Ending, zone: &TimeZone) -> Markup {
    match ending {
        Ending::Completed { outcome, .. } => completed(visit, id, seen, outcome, zone),
        Ending::Denied { code, .. } => html! {
            section.card {
                h2 { (visit.say("end.denied")) }
                p { (denied(visit, code)) }
                p { (visit.say("end.complain")) }
            }
        },
        Ending::Withdrawn => told(visit, "end.withdrawn", "end.withdrawn.about"),
        Ending::Expired => told(visit, "end.expired", "end.expired.about"),
        Ending::Abandoned => html! {
            section.card {
                h2 { (visit.say("end.abandoned")) }
                p { (visit.contact()) }
                p { (visit.say("end.complain")) }
            }
        },
    }
}

fn told(visit: &Visit, title: &str, about: &str) -> Markup {
    html! { section.card { h2 { (visit.say(title)) } p { (visit.say(about)) } } }
}

fn denied(visit: &Visit, code: &str) -> String {
    let known = visit.language.find("denied", code).map(str::to_owned);
    known.unwrap_or_else(|| visit.fill("denied.other", &[("code", &code.replace('_', " "))]))
}

fn completed(visit: &Visit, id: RequestId, seen: &Seen, outcome: &Outcome, zone: &TimeZone) -> Markup {
    let action = &*seen.picture.row.action;
    let title =
        visit.language.find("end.completed", action).unwrap_or_else(|| visit.say("end.completed.other"));
    // What had to stay is said below, and is as it should be; what was found afterwards is not.
    let left = outcome.left.rows();
    html! {
        section.card.good[left == 0] {
            h2 { (title) }
            @if outcome.package { (package(visit, id, seen.package.as_ref(), zone)) }
            @if action == "erase" {
                p { (visit.fill("end.erased", &[("rows", &visit.language.rows(outcome.touched.rows()))])) }
            }
            @if left > 0 {
                p { (visit.fill("end.left", &[("rows", &visit.language.rows(left)), ("contact", &visit.contact())])) }
            }
        }
        @if action == "erase" { (kept(visit, outcome)) }
    }
}

fn package(visit: &Visit, id: RequestId, package: Option<&Package>, zone: &TimeZone) -> Markup {
    let Some(package) = package else { return html! { p { (visit.say("end.package.gone")) } } };
    let until = visit.language.moment(package.until, zone);
    let about = visit.fill("end.package.about", &[("size", &size(package.size)), ("moment", &until)]);
    let often = match package.left {
        0 => return html! { p { (visit.say("end.package.used")) } },
        1 => visit.say("end.package.once").to_owned(),
        left => visit.fill("end.package.often", &[("left", &left.to_string())]),
    };
    if !package.proved {
        return html! {
            p { (visit.say("end.package.prove")) }
            @if visit.query.get("note").is_some_and(|note| note != "confirmed") { (prove::code_form(visit, id)) }
            (prove::mail_form(visit, id, visit.say("back.send"), false))
            p.quiet { (about) " " (often) }
        };
    }
    html! {
        p { a.button href={ (visit.request(id)) "/package" } download="" { (visit.say("end.package")) } }
        p.quiet { (about) " " (often) }
    }
}

fn kept(visit: &Visit, outcome: &Outcome) -> Markup {
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for kept in outcome.kept.iter().filter(|kept| kept.rows > 0) {
        *by_reason.entry(reason(visit, &kept.basis)).or_default() += kept.rows;
    }
    html! {
        section {
            h2 { (visit.say("end.kept")) }
            @if by_reason.is_empty() {
                p { (visit.say("end.kept.none")) }
            } @else {
                p { (visit.say("end.kept.why")) }
                ul.rows {
                    @for (why, rows) in &by_reason {
                        li { strong { (visit.language.rows(*rows)) } ": " (why) }
                    }
                }
            }
        }
    }
}

/// A size as people say it.
fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} B"),
        1_000..=999_999 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}
