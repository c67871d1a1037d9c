//! What every page has around it: the way to the others, notes, and help for the keyboard.

use countersign_service::caller::Act;
use maud::{DOCTYPE, Markup, html};

use super::desk::Desk;
use super::{assets, words};

/// Which page it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Inbox,
    Requests,
    Limits,
    Policies,
    Ledger,
    Numbers,
    Sources,
    People,
    Tokens,
    Holds,
    None,
}

/// Every page with its path, its name, and what a reader must be allowed.
const TABS: [(Tab, &str, &str, &[Act]); 10] = [
    (Tab::Inbox, "", "Inbox", &[Act::Vote, Act::Settle]),
    (Tab::Requests, "/requests", "Requests", &[Act::List, Act::ReadOwn]),
    (Tab::Numbers, "/numbers", "Numbers", &[Act::List]),
    (Tab::Limits, "/limits", "Limits", &[Act::ReadLimits]),
    (Tab::Policies, "/policies", "Policies", &[Act::ReadSettings]),
    (Tab::Sources, "/sources", "Sources", &[Act::ReadSettings]),
    (Tab::Ledger, "/ledger", "Ledger", &[Act::ReadFeed]),
    (Tab::People, "/people", "People", &[Act::ManagePeople]),
    (Tab::Tokens, "/tokens", "Tokens", &[Act::ManageTokens]),
    (Tab::Holds, "/holds", "Legal holds", &[Act::PlaceHold]),
];

/// The keys of the script, and what they do.
const KEYS: [(&str, &str); 9] = [
    ("j", "next request"),
    ("k", "the one before"),
    ("Enter", "open it"),
    ("x", "choose it, to deny several"),
    ("a", "go to Approve; Enter then signs"),
    ("d", "go to Deny; Enter then denies"),
    ("c", "write a comment"),
    ("i", "back to the inbox"),
    ("?", "this help"),
];

/// A whole page.
pub(super) fn page(desk: Option<&Desk>, tab: Tab, title: &str, content: &Markup) -> Markup {
    let counts = desk.filter(|desk| desk.may(Act::Vote) || desk.may(Act::Settle));
    let counts = counts.map(|_| format!("{}/waiting", super::ROOT));
    let live = desk.filter(|desk| desk.may(Act::ReadFeed)).map(|_| format!("{}/feed", super::ROOT));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Countersign" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets::address("style.css", assets::STYLE));
                script src=(assets::address("console.js", assets::SCRIPT)) defer {}
            }
            body data-feed=[live] data-waiting=[counts] {
                a.skip href="#content" { "Skip to the content" }
                header {
                    div.top {
                        a.brand href=(super::ROOT) { "Countersign" }
                        @if let Some(desk) = desk { (ways(desk, tab)) }
                    }
                }
                main id="content" tabindex="-1" {
                    @if let Some(desk) = desk { (note(desk)) }
                    (content)
                }
                @if desk.is_some() { (help()) }
            }
        }
    }
}

fn ways(desk: &Desk, tab: Tab) -> Markup {
    html! {
        nav.ways aria-label="Console" {
            ul {
                @for (at, path, name, acts) in TABS {
                    @if acts.iter().any(|act| desk.may(*act)) {
                        li { a href={ (super::ROOT) (path) } aria-current=[(at == tab).then_some("page")] { (name) } }
                    }
                }
            }
        }
        div.me {
            span.dot data-line="off" title="not live" hidden {}
            button.quiet type="button" data-help hidden aria-keyshortcuts="?" { "Keys" }
            a.name href="/account" { (desk.who.name) }
            (desk.leave)
        }
    }
}

/// Something that came of the last form, above everything else.
fn note(desk: &Desk) -> Markup {
    let code = desk.asked("note");
    html! {
        @if let Some(text) = words::find("done", code) {
            p.note.good role="status" { (text) }
        } @else if let Some(text) = words::find("note", code) {
            p.note.bad role="alert" { (text) }
        } @else if !code.is_empty() {
            p.note.bad role="alert" { (words::say("note.other")) }
        }
    }
}

/// Help for the keyboard; the script opens it.
fn help() -> Markup {
    html! {
        dialog id="help" aria-labelledby="help-title" {
            h2 id="help-title" { "Keys" }
            dl.keys {
                @for (key, what) in KEYS {
                    div { dt { kbd { (key) } } dd { (what) } }
                }
            }
            p { label { input type="checkbox" id="keys-on" checked; " Keys are on in this browser" } }
            form method="dialog" { button type="submit" autofocus { "Close" } }
        }
    }
}
