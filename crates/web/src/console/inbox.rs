//! `/console`: what waits for me.

use std::collections::BTreeSet;

use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Act;
use countersign_service::ports::store::{Row, Status};
use countersign_service::requests::picture::ListQuery;
use maud::{Markup, html};

use super::desk::Desk;
use super::layout::Tab;
use super::{glass, list, mail, respond, show};
use crate::view::page;

/// How long a page is.
const PAGE: u32 = 50;

/// The page. Whoever neither votes nor settles begins at the requests.
pub(super) async fn show(desk: Desk) -> Response {
    if !desk.may(Act::Vote) && !desk.may(Act::Settle) {
        let to = if desk.may(Act::ManagePeople) { "people" } else { "requests" };
        return respond::on_to(&format!("{}/{to}", super::ROOT));
    }
    match draw(&desk).await {
        Ok(response) | Err(response) => response,
    }
}

async fn draw(desk: &Desk) -> Result<Response, Response> {
    let service = &desk.app.service;
    let after = match desk.asked("cursor") {
        "" => None,
        cursor => Some(page::request_after(cursor).map_err(|_| respond::none(desk))?),
    };
    let refused = |refusal| respond::refused(desk, &refusal);
    let mut mine = Vec::new();
    if desk.may(Act::Vote) {
        let query = ListQuery {
            status: vec![Status::Waiting],
            waiting_for: Some("me".to_owned()),
            after,
            limit: PAGE,
            oldest_first: true,
            ..ListQuery::default()
        };
        mine = service.list(&desk.caller, query).await.map_err(refused)?;
    }
    let mut stuck = Vec::new();
    if desk.may(Act::Settle) {
        let query = ListQuery {
            status: vec![Status::Stuck],
            limit: PAGE,
            oldest_first: true,
            ..ListQuery::default()
        };
        stuck = service.list(&desk.caller, query).await.map_err(refused)?;
    }
    let shown_rows: Vec<Row> = mine.iter().chain(&stuck).cloned().collect();
    // Nobody can have broken any where the settings never let them: the inbox is read in one query then.
    let marked = match service.settings().await {
        Ok(settings) if settings.break_glass.is_some() => {
            glass::marked(desk, &shown_rows).await.map_err(refused)?
        }
        Ok(_) | Err(_) => BTreeSet::new(),
    };
    let more = mine.len() >= PAGE as usize;
    let cursor = mine.last().filter(|_| more).map(|row| page::after_request(row.submitted_at, row.id));
    let count = mine.len() + stuck.len();
    let shown = if more { format!("{count}+") } else { count.to_string() };
    let title = if count == 0 { "Inbox".to_owned() } else { format!("({shown}) Inbox") };
    let content = html! {
        div.head {
            h1 { "Inbox" }
            button.quiet type="button" data-notify hidden { "Tell me in this browser" }
        }
        section id="live" data-live data-count=(count) {
            @if desk.may(Act::Vote) { (waiting(desk, &mine, &marked, cursor.as_deref(), &shown)) }
            @if desk.may(Act::Settle) { (stopped(desk, &stuck, &marked)) }
        }
        (mail::way(desk))
    };
    Ok(respond::page(desk, Tab::Inbox, &title, &content))
}

fn waiting(
    desk: &Desk,
    mine: &[Row],
    marked: &BTreeSet<RequestId>,
    cursor: Option<&str>,
    shown: &str,
) -> Markup {
    let seats = desk.who.seats.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    html! {
        @if mine.is_empty() {
            div.empty {
                p.lead { "Nothing waits for you." }
                p.quiet {
                    @if seats.is_empty() { "You hold no seat. An administrator gives seats." }
                    @else { "Requests that want a signature for " (seats) " appear here by themselves." }
                }
            }
        } @else {
            p.lead { (shown) (if mine.len() == 1 { " waits" } else { " wait" }) " for your signature for " (seats) ", the oldest first." }
            form method="post" action={ (super::ROOT) "/deny" } data-once {
                (desk.fields())
                (list::table(desk, mine, marked, true))
                details.bulk {
                    summary { "Deny those that are chosen" }
                    (super::decide::seats(desk, "bulk"))
                    div.field {
                        label for="bulk-reason" { "Why" }
                        textarea id="bulk-reason" name="reason" rows="2" required {}
                    }
                    button.danger type="submit" { "Deny" }
                }
            }
            @if let Some(cursor) = cursor {
                p { a.button.second href={ (super::ROOT) "?cursor=" (cursor) } { "Later ones" } }
            }
        }
    }
}

fn stopped(desk: &Desk, stuck: &[Row], marked: &BTreeSet<RequestId>) -> Markup {
    html! {
        h2 { "Stuck" }
        @if stuck.is_empty() {
            p.quiet { "Nothing is stuck." }
        } @else {
            p { "These stopped half way, and wait for you to say how to go on." }
            (list::table(desk, stuck, marked, false))
        }
        p.quiet { (show::number(stuck.len() as u64)) " stuck now." }
    }
}
