//! What policy says of a request at this moment: the ways to a release, and what each still wants.

use countersign_core::verdict::{Decision, Missing, Verdict};
use maud::{Markup, html};

use super::request::Seen;
use super::{show, words};

/// The part of a request's page.
pub(super) fn section(seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    html! {
        @if let Some(verdict) = &picture.verdict {
            h2 { "What is missing" }
            @if let Some(matches) = picture.unresolved {
                p.note.bad { (matches) " people match what was asked, and nothing is signed before that is settled." }
            }
            (of(verdict))
        }
    }
}

/// A verdict in words.
pub(super) fn of(verdict: &Verdict) -> Markup {
    let criteria = &verdict.criteria;
    html! {
        @match &verdict.decision {
            Decision::Release => {
                p.note.good { "Nothing: policy releases it, by " (criteria.policies.join(", ")) "." }
            }
            Decision::Deny { code } => {
                p.note.bad { "It never will be released: " (words::of("code", code)) " (" (criteria.policies.join(", ")) ")" }
            }
            Decision::Hold { paths } => {
                @if paths.is_empty() {
                    p.note.bad { "Nothing that is known would release it now." }
                    @if !criteria.policies.is_empty() { p { "In the way: " (criteria.policies.join(", ")) "." } }
                } @else {
                    @if paths.len() > 1 { p { "Any one of these is enough:" } }
                    @for path in paths {
                        div.path {
                            ul.missing { @for missing in &path.missing { li { (sentence(missing)) } } }
                            p.quiet { "wanted by " code { (path.policy) } }
                        }
                    }
                }
            }
        }
        @if !criteria.errors.is_empty() {
            p.note.bad { "These policies could not be evaluated, and hold it: " (criteria.errors.join(", ")) "." }
        }
    }
}

fn sentence(missing: &Missing) -> Markup {
    html! {
        @match missing {
            Missing::Verification { method } => { "Proof by whoever asked: " strong { (words::of("method", method)) } },
            Missing::Vote { group, need, have } => {
                strong { (need - have) " more to sign" } " for " (group) span.quiet { " (" (have) " of " (need) ")" }
            },
            Missing::Time { need_ms, remaining_ms } => {
                strong { (show::span(*remaining_ms)) } " of the " (show::span(*need_ms)) " to think again"
            },
            Missing::Capacity { action, below, now } => {
                "Room: " strong { (now) " of " (action) } " are under way, and there must be fewer than " (below)
            },
            Missing::Today { action, below, now } => {
                "Room: " strong { (now) " of " (action) } " started today, and there must be fewer than " (below)
            },
            Missing::Paused { action, .. } => {
                strong { (action) " is paused" } ": it failed too often, and an administrator says when it goes on"
            },
            Missing::Conflict { count } => {
                @if *count == 1 { "An earlier request on the same person goes first" }
                @else { (count) " earlier requests on the same person go first" }
            },
            Missing::Survey => "A fresh look at the sources",
            Missing::Identity => "Somebody has to say who is meant",
            Missing::LegalHold { policy } => { "A legal hold keeps the data" span.quiet { " (" (policy) ")" } },
            Missing::Attestation { name } => { "A statement from outside: " strong { (name) } },
            Missing::Opaque { condition } => { "A condition that only policy can judge: " code { (condition) } },
        }
    }
}
