//! `/console/numbers`: thirty days as pictures. How many, how fast against the law's date, how many by themselves.

use axum::response::Response;
use countersign_service::console::{AUTOMATIC_MOST, Numbers, Quarters};
use maud::{Markup, html};

use super::chart;
use super::desk::Desk;
use super::layout::Tab;
use super::{respond, show};

/// How much of the time that a request had.
const QUARTERS: [&str; 5] = ["≤ 25 %", "≤ 50 %", "≤ 75 %", "in time", "late"];

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    match desk.app.service.numbers(&desk.caller).await {
        Ok(numbers) => respond::page(&desk, Tab::Numbers, "Numbers", &draw(&desk, &numbers)),
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(desk: &Desk, numbers: &Numbers) -> Markup {
    let total: u64 = numbers.by_action.values().sum();
    let days: Vec<(String, u64)> = numbers
        .by_day
        .iter()
        .map(|(day, count)| {
            let zoned = jiff::Timestamp::from_millisecond(day.as_millis())
                .map(|it| it.to_zoned(desk.who.zone.clone()));
            (zoned.map(|it| it.strftime("%-d %b").to_string()).unwrap_or_default(), *count)
        })
        .collect();
    let (alone, ended) = numbers.automatic.values().fold((0, 0), |(a, b), (alone, all)| (a + alone, b + all));
    html! {
        h1 { "Numbers" }
        p.lead { "The last thirty days." @if numbers.cut { " There were more requests than are counted here; these are the newest." } }
        div.tiles {
            (tile(&show::number(total), "asked for"))
            (tile(&numbers.median_ms.map_or("–".to_owned(), show::span), "until half of them had ended"))
            (tile(&percent(numbers.in_time, numbers.in_time + numbers.late), "ended by the law's date"))
            (tile(&percent(alone, ended), "completed without a signature"))
            (tile(&show::number(numbers.overdue), "open and past their date"))
        }
        section.card {
            h2 { "Asked for, day by day" }
            (chart::columns("Requests a day", &days))
        }
        section.card {
            h2 { "How long they took" }
            @let most = numbers.answered.iter().map(|it| it.count).max().unwrap_or(0);
            table.bars {
                thead { tr { th scope="col" { "Within" } th.count scope="col" { "Requests" } th scope="col" { span.unseen { "As a bar" } } } }
                tbody {
                    @for answered in &numbers.answered {
                        tr {
                            th scope="row" { @if let Some(ms) = answered.within_ms { (show::span(ms)) } @else { "longer" } }
                            td.count { (show::number(answered.count)) }
                            td.bar { (chart::bar(answered.count, most)) }
                        }
                    }
                }
            }
            p { (show::number(numbers.in_time)) " ended by the law's date, " strong.late[numbers.late > 0] { (show::number(numbers.late)) } " after it." }
        }
        (against_date(numbers))
        section.card {
            h2 { "By action" }
            @let most = numbers.by_action.values().copied().max().unwrap_or(0);
            @if numbers.by_action.is_empty() {
                p.quiet { "Nothing was asked for." }
            } @else {
                table.bars {
                    thead { tr { th scope="col" { "Action" } th.count scope="col" { "Requests" } th scope="col" { span.unseen { "As a bar" } } th.count scope="col" { "By themselves" } th scope="col" { span.unseen { "By themselves, as a bar" } } } }
                    tbody {
                        @for (action, count) in &numbers.by_action {
                            tr {
                                th scope="row" { (show::action(action)) }
                                td.count { (show::number(*count)) }
                                td.bar { (chart::bar(*count, most)) }
                                @if let Some((alone, all)) = numbers.automatic.get(action) {
                                    td.count { (percent(*alone, *all)) }
                                    td.bar { (chart::split(&format!("{alone} of {all} by themselves, {} signed", all - alone), *alone, *all)) }
                                } @else {
                                    td.count { "–" }
                                    td {}
                                }
                            }
                        }
                    }
                }
                p.quiet { "What went by itself is counted over the newest " (AUTOMATIC_MOST) " that were completed." }
            }
        }
    }
}

/// How much requests took of the time that the law gave them.
fn against_date(numbers: &Numbers) -> Markup {
    let columns: Vec<(String, Quarters)> =
        numbers.quarters.iter().map(|(action, counts)| (show::action(action), *counts)).collect();
    html! {
        section.card {
            h2 { "How much of their time they took" }
            @if columns.is_empty() {
                p.quiet { "Nothing ended that had a date." }
            } @else {
                (chart::stacked("Requests that ended, by the share of their time that they took", &columns, QUARTERS))
                    table.bars {
                        thead { tr { th scope="col" { "Action" } @for (n, what) in QUARTERS.iter().enumerate() { th.count scope="col" { i class={ "swatch part" (n) } {} " " (what) } } } }
                        tbody {
                            @for (action, counts) in &columns {
                                tr { th scope="row" { (action) } @for count in counts { td.count { (show::number(*count)) } } }
                            }
                        }
                    }
            }
        }
    }
}

fn tile(value: &str, what: &str) -> Markup {
    html! { div.tile { strong { (value) } span { (what) } } }
}

fn percent(part: u64, whole: u64) -> String {
    (part * 100).checked_div(whole).map_or("–".to_owned(), |share| format!("{share} %"))
}
