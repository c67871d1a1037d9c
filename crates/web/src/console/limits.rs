//! `/console/limits`: how full each action is against the limits that policy sets, and what waits for what.

use axum::response::Response;
use countersign_service::caller::Act;
use countersign_service::{GaugeView, Measures};
use maud::{Markup, html};

use super::chart;
use super::desk::Desk;
use super::layout::Tab;
use super::{respond, show, words};

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    let service = &desk.app.service;
    let drawn = async {
        let gauges = service.limits(&desk.caller).await?;
        let settings = service.settings().await?;
        let texts: Vec<String> = settings.bundle.policies().map(|(_, text)| text.to_owned()).collect();
        let measures = if desk.may(Act::ReadLimits) { Some(service.measures().await?) } else { None };
        Ok((gauges, texts, measures))
    };
    match drawn.await {
        Ok((gauges, texts, measures)) => {
            respond::page(&desk, Tab::Limits, "Limits", &draw(&gauges, &texts, measures.as_ref()))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(gauges: &[GaugeView], texts: &[String], measures: Option<&Measures>) -> Markup {
    html! {
        h1 { "Limits" }
        p.lead { "What is under way now, against the limits that policies set." }
        section id="live" data-live {
            div.gauges {
                @for gauge in gauges { (one(gauge, texts)) }
            }
            @if let Some(measures) = measures { (queue(measures)) }
        }
    }
}

fn one(gauge: &GaugeView, texts: &[String]) -> Markup {
    let under_way = gauge.released + gauge.running + gauge.stuck;
    let limit = |fact: &str| texts.iter().filter_map(|text| limit_of(text, fact, &gauge.action)).min();
    let (running, today) = (limit("running"), limit("started_today"));
    html! {
        section.card {
            h2 { (show::action(&gauge.action)) }
            p { strong { (show::number(under_way)) } " under way" @if let Some(most) = running { " of at most " (show::number(most)) } }
            @if let Some(most) = running { (chart::gauge(under_way, most)) }
            p { strong { (show::number(gauge.started_today)) } " started today" @if let Some(most) = today { " of at most " (show::number(most)) } }
            @if let Some(most) = today { (chart::gauge(gauge.started_today, most)) }
            dl.pairs {
                div { dt { "waiting" } dd { (show::number(gauge.waiting)) } }
                div { dt { "released" } dd { (show::number(gauge.released)) } }
                div { dt { "running" } dd { (show::number(gauge.running)) } }
                div { dt { "stuck" } dd { (show::number(gauge.stuck)) } }
            }
        }
    }
}

fn queue(measures: &Measures) -> Markup {
    let most = measures.waiting.iter().map(|it| it.count).max().unwrap_or(0);
    html! {
        h2 { "What waits, and for what" }
        @if measures.waiting.is_empty() {
            p.quiet { "Nothing waits." }
        } @else {
            table.bars {
                thead { tr { th scope="col" { "For" } th.count scope="col" { "Requests" } th scope="col" { span.unseen { "As a bar" } } th scope="col" { "The oldest" } } }
                tbody {
                    @for waiting in &measures.waiting {
                        tr {
                            th scope="row" { (waiting_for(&waiting.what)) }
                            td.count { (show::number(waiting.count)) }
                            td.bar { (chart::bar(waiting.count, most)) }
                            td { (show::span(waiting.oldest_ms)) }
                        }
                    }
                }
            }
        }
        p.quiet {
            "The oldest open request is " (show::span(measures.oldest_open_ms)) " old. "
            @if measures.job_lag_ms > 1000 { "Work is " (show::span(measures.job_lag_ms)) " late. " }
            @if measures.clock_in_doubt { strong { "The clock is in doubt, and nothing that waits for time goes on." } }
        }
    }
}

/// `vote:privacy` as people say it.
fn waiting_for(what: &str) -> String {
    match what.split_once(':') {
        Some((kind, name)) => {
            format!("{} {}", words::of("waiting", kind), words::find("method", name).unwrap_or(name))
        }
        None => words::of("waiting", what),
    }
}

/// The lowest number that a policy holds a fact of an action under, as far as it is written plainly: `context.running.erase
/// >= 100`. Only for the drawing; what decides is policy.
fn limit_of(text: &str, fact: &str, action: &str) -> Option<u64> {
    let name = format!("context.{fact}.{action}");
    let mut lowest = None;
    for (at, _) in text.match_indices(&name) {
        let rest = text.get(at + name.len()..).unwrap_or_default().trim_start();
        let (rest, more) = match (rest.strip_prefix(">="), rest.strip_prefix('>')) {
            (Some(rest), _) => (rest, 0),
            (None, Some(rest)) => (rest, 1),
            (None, None) => continue,
        };
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        if let Ok(number) = digits.parse::<u64>() {
            lowest = Some(lowest.map_or(number + more, |lowest: u64| lowest.min(number + more)));
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::limit_of;

    #[test]
    fn limit_is_read_where_it_is_written_plainly() {
        let text = "forbid (principal, action, resource) when { context.running.erase >= 100 || context.running.erase>7 };";
        assert_eq!(limit_of(text, "running", "erase"), Some(8));
        assert_eq!(limit_of(text, "running", "export"), None);
        assert_eq!(limit_of("context.running.erase_all >= 3", "running", "erase"), None);
        assert_eq!(limit_of("context.running.erase < 3", "running", "erase"), None);
    }
}
