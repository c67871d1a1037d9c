//! `/console`: what waits for me.

use std::collections::BTreeSet;

use axum::Json;
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_service::caller::Act;
use countersign_service::ports::store::{Row, Status};
use countersign_service::refusal::Refusal;
use countersign_service::requests::picture::ListQuery;
use maud::{Markup, html};
use serde_json::json;

use super::desk::Desk;
use super::layout::Tab;
use super::{glass, list, mail, respond};
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
    let page = ListQuery { after, limit: PAGE, oldest_first: true, ..ListQuery::default() };
    let first = || ListQuery { limit: PAGE, oldest_first: true, ..ListQuery::default() };
    let mine = mine(desk, page).await.map_err(refused)?;
    let stuck = stuck(desk, first()).await.map_err(refused)?;
    let unclear = unclear(desk, first()).await.map_err(refused)?;
    let shown_rows: Vec<Row> = mine.iter().chain(&stuck).chain(&unclear).cloned().collect();
    // Nobody can have broken any where the settings never let them: the inbox is read in one query then.
    let marked = match service.settings().await {
        Ok(settings) if settings.break_glass.is_some() => {
            glass::marked(desk, &shown_rows).await.map_err(refused)?
        }
        Ok(_) | Err(_) => BTreeSet::new(),
    };
    let more = mine.len() >= PAGE as usize;
    let cursor = mine.last().filter(|_| more).map(|row| page::after_request(row.submitted_at, row.id));
    let count = shown_rows.len();
    let shown = said(count, more);
    let title = if count == 0 { "Inbox".to_owned() } else { format!("({shown}) Inbox") };
    let content = html! {
        div.head {
            h1 { "Inbox" }
            button.quiet type="button" data-notify hidden { "Tell me in this browser" }
        }
        section id="live" data-live {
            @if desk.may(Act::Vote) { (waiting(desk, &mine, &marked, cursor.as_deref(), &shown)) }
            @if desk.may(Act::Settle) { (stopped(desk, &stuck, &unclear, &marked)) }
        }
        (mail::way(desk))
    };
    Ok(respond::page(desk, Tab::Inbox, &title, &content))
}

/// What waits for a signature of whoever looks.
async fn mine(desk: &Desk, page: ListQuery) -> Result<Vec<Row>, Refusal> {
    if !desk.may(Act::Vote) {
        return Ok(Vec::new());
    }
    let query = ListQuery {
        status: vec![Status::Waiting],
        waiting_for: Some("me".to_owned()),
        seats: Some(desk.who.seats.clone()),
        ..page
    };
    desk.app.service.list(&desk.caller, query).await
}

/// What is stuck, for whoever says how it goes on.
async fn stuck(desk: &Desk, page: ListQuery) -> Result<Vec<Row>, Refusal> {
    if !desk.may(Act::Settle) {
        return Ok(Vec::new());
    }
    desk.app.service.list(&desk.caller, ListQuery { status: vec![Status::Stuck], ..page }).await
}

/// Whose subject is unclear, for the same: an officer cannot sign these yet, and has one query for what they can.
async fn unclear(desk: &Desk, page: ListQuery) -> Result<Vec<Row>, Refusal> {
    if !desk.may(Act::Settle) || !desk.may(Act::Resolve) {
        return Ok(Vec::new());
    }
    let query = ListQuery { status: vec![Status::Waiting], waiting_for: Some("identity".to_owned()), ..page };
    desk.app.service.list(&desk.caller, query).await
}

fn said(count: usize, more: bool) -> String {
    if more { format!("{count}+") } else { count.to_string() }
}

/// How many wait and which is the newest, for every page of theirs to say so. `/console/waiting`
pub(super) async fn count(desk: Desk) -> Response {
    let newest_first = || ListQuery { limit: PAGE, ..ListQuery::default() };
    let read = async {
        let lists = [
            mine(&desk, newest_first()).await?,
            stuck(&desk, newest_first()).await?,
            unclear(&desk, newest_first()).await?,
        ];
        Ok(lists)
    };
    match read.await {
        Ok(lists) => {
            let full = lists.iter().any(|list| list.len() >= PAGE as usize);
            let newest = lists.iter().filter_map(|list| list.first()).map(|row| row.id.to_string()).max();
            let count: usize = lists.iter().map(Vec::len).sum();
            Json(json!({ "count": count, "shown": said(count, full), "newest": newest })).into_response()
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
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
            form method="post" action={ (super::ROOT) "/deny" } data-once data-keep {
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

fn stopped(desk: &Desk, stuck: &[Row], unclear: &[Row], marked: &BTreeSet<RequestId>) -> Markup {
    html! {
        h2 { "Stuck" }
        @if stuck.is_empty() {
            p.quiet { "Nothing is stuck." }
        } @else {
            p { "These stopped half way, and wait for you to say how to go on." }
            (list::table(desk, stuck, marked, false))
        }
        @if !unclear.is_empty() {
            h2 { "Who is meant?" }
            p { "Several people match what was asked. These wait until somebody says who is meant." }
            (list::table(desk, unclear, marked, false))
        }
    }
}
