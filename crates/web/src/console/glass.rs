//! Broken glass at the console: the mark, on a request's page and in every list, and the form by which somebody else than
//! who broke it says what they think of that.

use std::collections::BTreeSet;

use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Act;
use countersign_service::ports::store::Row;
use countersign_service::refusal::Refusal;
use countersign_service::requests::picture::ListQuery;
use maud::{Markup, html};

use super::desk::Desk;
use super::form::{Came, Sent};
use super::request::Seen;
use super::{respond, show, words};

/// The most that is looked at in one go.
const PAGE: u32 = 200;

/// Which of these rows have the mark. There are few in all, so they are looked for and not asked for one by one.
pub(super) async fn marked(desk: &Desk, rows: &[Row]) -> Result<BTreeSet<RequestId>, Refusal> {
    let mut marked = BTreeSet::new();
    let (Some(first), Some(last)) =
        (rows.iter().map(|row| row.submitted_at).min(), rows.iter().map(|row| row.submitted_at).max())
    else {
        return Ok(marked);
    };
    let mut after = Some((last.plus_ms(1), RequestId::from_bytes([0; 16])));
    loop {
        let query = ListQuery { glass: Some("any".to_owned()), after, limit: PAGE, ..ListQuery::default() };
        let broken = desk.app.service.list(&desk.caller, query).await?;
        marked.extend(broken.iter().map(|row| row.id));
        match broken.last() {
            Some(row) if broken.len() >= PAGE as usize && row.submitted_at >= first => {
                after = Some((row.submitted_at, row.id));
            }
            Some(_) | None => return Ok(marked),
        }
    }
}

/// The mark in a list.
pub(super) fn chip() -> Markup {
    html! { " " span.chip.bad { (words::say("glass.chip")) } }
}

/// What a request's page says of it.
pub(super) fn mark(desk: &Desk, seen: &Seen) -> Markup {
    let Some(glass) = &seen.told.picture.glass else { return html! {} };
    let name = |person| seen.told.name(person).unwrap_or("somebody who is not here any more");
    let late = glass.review.is_none() && glass.review_due < desk.now();
    html! {
        section.glass {
            p.note.bad {
                strong { (words::say("glass.chip")) } " by " (name(glass.by)) ", " (show::ago(desk, glass.at)) ". "
                (words::say("glass.means"))
            }
            @if let Some(reason) = &seen.told.picture.glass_reason { blockquote { (reason) } }
            @if let Some(review) = &glass.review {
                p {
                    "Reviewed by " (name(review.by)) ", " (show::ago(desk, review.at)) ": "
                    strong { (if review.justified { "justified" } else { "not justified" }) } "."
                }
            } @else {
                p {
                    @if late { strong.late { (words::say("glass.overdue")) } " It was due " } @else { "To be reviewed by " }
                    (show::moment(desk, glass.review_due)) ", by somebody else of " (glass.seats.join(", ")) "."
                }
            }
        }
    }
}

/// The form of the review, for whoever may give one.
pub(super) fn review(desk: &Desk, seen: &Seen) -> Markup {
    let Some(glass) = &seen.told.picture.glass else { return html! {} };
    let seats: Vec<&String> = glass.seats.iter().filter(|seat| desk.who.seats.contains(*seat)).collect();
    if glass.review.is_some() || !desk.may(Act::ReviewGlass) || seats.is_empty() {
        return html! {};
    }
    // Another account of theirs the service knows, and refuses.
    if seen.asks(desk) || glass.by == desk.who.person {
        return html! { p { (words::say("glass.own")) } };
    }
    let id = seen.told.picture.row.id;
    html! {
        h2 { "Your review" }
        form method="post" action={ (super::ROOT) "/requests/" (id) "/review" } data-once {
            (desk.fields())
            @if let [seat] = seats.as_slice() {
                input type="hidden" name="seat" value=(seat);
            } @else {
                fieldset.seats {
                    legend { "For which seat" }
                    @for seat in &seats { label { input type="radio" name="seat" value=(seat) required; " " (seat) } }
                }
            }
            div.field {
                label for="review" { "What you found" }
                textarea id="review" name="text" rows="2" maxlength="2000" required {}
            }
            div.buttons {
                button type="submit" name="justified" value="yes" { "It was justified" }
                button.danger type="submit" name="justified" value="no" { "It was not" }
            }
        }
    }
}

/// Closes it. `/console/requests/{id}/review`
pub(super) async fn close(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let page = format!("{}/requests/{id}", super::ROOT);
    let justified = match sent.text("justified") {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(Refusal::invalid("justified", "is yes or no")),
    };
    let (seat, text) = (sent.text("seat").to_owned(), sent.maybe("text"));
    let (app, caller, to) = (sent.desk.app.clone(), sent.desk.caller.clone(), page.clone());
    sent.once(&page, async move {
        // Whoever may not is told that, whatever they filled in.
        caller.may(Act::ReviewGlass)?;
        app.service.review_glass(&caller, id, seat, justified?, text).await?;
        Ok(Came::To(respond::with_note(&to, "reviewed")))
    })
    .await
}
