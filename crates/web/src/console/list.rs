//! `/console/requests`: every request that the reader may know of, by status, action and subject.

use std::collections::BTreeSet;

use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Act;
use countersign_service::ports::store::{Row, Status};
use countersign_service::requests::picture::ListQuery;
use maud::{Markup, html};

use super::desk::Desk;
use super::form::Sent;
use super::layout::Tab;
use super::{glass, respond, show, words};
use crate::view::page;

/// How long a page is.
const PAGE: u32 = 50;

/// The words by which those are found whose glass was broken.
const GLASS: [&str; 4] = ["any", "due", "overdue", "done"];

/// The list. `?status=waiting&action=erase&cursor=…`
pub(super) async fn show(desk: Desk) -> Response {
    let status = Status::of_name(desk.asked("status"));
    let action = Some(desk.asked("action")).filter(|action| !action.is_empty()).map(str::to_owned);
    let after = match desk.asked("cursor") {
        "" => None,
        cursor => match page::request_after(cursor) {
            Ok(after) => Some(after),
            Err(_) => return respond::none(&desk),
        },
    };
    let query = ListQuery {
        status: status.into_iter().collect(),
        action,
        glass: Some(desk.asked("glass")).filter(|word| GLASS.contains(word)).map(str::to_owned),
        after,
        limit: PAGE,
        ..ListQuery::default()
    };
    let listed = async {
        let rows = desk.app.service.list(&desk.caller, query).await?;
        let marked = glass::marked(&desk, &rows).await?;
        Ok((rows, marked))
    };
    match listed.await {
        Ok((rows, marked)) => {
            respond::page(&desk, Tab::Requests, "Requests", &draw(&desk, &rows, &marked, status, None))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

/// Finds by id, or by an identity of the subject. Sent as a form, so that no address has anybody's name in it.
pub(super) async fn search(sent: Sent) -> Response {
    let desk = &sent.desk;
    let text = sent.text("text");
    if let Ok(id) = text.parse::<countersign_core::id::RequestId>() {
        return respond::on_to(&format!("{}/requests/{id}", super::ROOT));
    }
    let kind = match (sent.text("kind"), text.contains('@')) {
        ("", true) => "email",
        ("", false) => "account",
        (kind, _) => kind,
    };
    let query =
        ListQuery { subject: Some((kind.to_owned(), text.to_owned())), limit: PAGE, ..ListQuery::default() };
    let listed = async {
        let rows = desk.app.service.list(&desk.caller, query).await?;
        let marked = glass::marked(desk, &rows).await?;
        Ok((rows, marked))
    };
    match listed.await {
        Ok((rows, marked)) => {
            respond::page(desk, Tab::Requests, "Search", &draw(desk, &rows, &marked, None, Some(kind)))
        }
        Err(refusal) => respond::refused(desk, &refusal),
    }
}

fn draw(
    desk: &Desk,
    rows: &[Row],
    marked: &BTreeSet<RequestId>,
    status: Option<Status>,
    searched: Option<&str>,
) -> Markup {
    let cursor = rows.last().filter(|_| searched.is_none() && rows.len() >= PAGE as usize);
    let cursor = cursor.map(|row| page::after_request(row.submitted_at, row.id));
    let (action, glass) = (desk.asked("action"), desk.asked("glass"));
    let address = |status: &str| {
        let mut address = format!("{}/requests", super::ROOT);
        let pairs: Vec<String> = [("status", status), ("action", action), ("glass", glass)]
            .iter()
            .filter(|(_, value)| {
                !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            })
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !pairs.is_empty() {
            address = format!("{address}?{}", pairs.join("&"));
        }
        address
    };
    let here = address(status.map_or("", Status::name));
    html! {
        h1 { "Requests" }
        @if desk.may(Act::List) { (finder(desk)) }
        @if let Some(kind) = searched {
            p.lead role="status" {
                @if rows.len() >= PAGE as usize { "The newest " }
                (rows.len()) (if rows.len() == 1 { " request names" } else { " requests name" }) " this " (kind) ". "
                a href={ (super::ROOT) "/requests" } { "All requests" }
            }
        } @else {
            nav.tabs aria-label="By status" {
                ul {
                    li { a href=(address("")) aria-current=[status.is_none().then_some("true")] { "All" } }
                    @for one in Status::ALL {
                        li {
                            a href=(address(one.name())) aria-current=[(status == Some(one)).then_some("true")] {
                                (words::of("status", one.name()))
                            }
                        }
                    }
                }
            }
        }
        @if desk.may(Act::List) && searched.is_none() {
            p.quiet {
                @if GLASS.contains(&glass) { (words::of("glass.list", glass)) " " a href={ (super::ROOT) "/requests" } { "All requests" } }
                @else { a href={ (super::ROOT) "/requests?glass=any" } { (words::say("glass.lists")) } }
            }
        }
        section id="live" data-live[searched.is_none()] {
            @if rows.is_empty() {
                div.empty { p.lead { "There are none." } }
            } @else {
                (table(desk, rows, marked, false))
            }
            @if let Some(cursor) = cursor {
                p { a.button.second href={ (here) (if here.contains('?') { "&" } else { "?" }) "cursor=" (cursor) } { "Earlier ones" } }
            }
        }
    }
}

fn finder(desk: &Desk) -> Markup {
    html! {
        form.find method="post" action={ (super::ROOT) "/requests/search" } role="search" {
            (desk.fields())
            div.field {
                label for="text" { "E-mail address, account or request id" }
                input id="text" name="text" type="text" autocomplete="off" spellcheck="false" required;
            }
            button type="submit" { "Find" }
        }
    }
}

/// Rows of requests; to be chosen from, if several of them can be denied.
pub(super) fn table(desk: &Desk, rows: &[Row], marked: &BTreeSet<RequestId>, choose: bool) -> Markup {
    html! {
        table.requests {
            thead {
                tr {
                    @if choose { th scope="col" { span.unseen { "Choose" } } }
                    th scope="col" { "Request" }
                    th scope="col" { "Came" }
                    th scope="col" { "Due" }
                    th scope="col" { "Status" }
                }
            }
            tbody {
                @for row in rows {
                    @let short = show::short(row.id);
                    tr data-row=(row.id) {
                        @if choose {
                            td.pick { input type="checkbox" name="id" value=(row.id) aria-label={ "Choose " (short) }; }
                        }
                        th scope="row" {
                            a href={ (super::ROOT) "/requests/" (row.id) } {
                                (show::action(&row.action)) " " span.id { (short) }
                            }
                        }
                        td data-label="Came" { (show::ago(desk, row.submitted_at)) span.quiet { ", " (words::of("channel", &row.channel)) } }
                        td data-label="Due" { (show::due(desk, row)) }
                        td data-label="Status" { (show::status(row.status)) @if marked.contains(&row.id) { (glass::chip()) } }
                    }
                }
            }
        }
    }
}
