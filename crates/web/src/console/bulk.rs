//! `/console/deny`: several that wait, denied with one reason. Each is a vote of its own, and each is answered.

use axum::response::Response;
use countersign_core::id::{Digest, RequestId};
use countersign_service::caller::Act;
use countersign_service::refusal::Refusal;
use countersign_service::requests::vote::Ballot;
use maud::html;

use super::form::{Came, Sent};
use super::layout::Tab;
use super::{layout, respond, show, words};

/// The most at once: a page of them.
const MOST: usize = 50;

pub(super) async fn deny(sent: Sent) -> Response {
    let ids: Vec<RequestId> = sent.all("id").filter_map(|id| id.parse().ok()).take(MOST).collect();
    if ids.is_empty() {
        return respond::on_to(&respond::with_note(super::ROOT, "none_chosen"));
    }
    let (seat, reason) = (sent.text("seat").to_owned(), sent.maybe("reason"));
    if reason.is_none() {
        return respond::on_to(&respond::with_note(super::ROOT, "no_reason"));
    }
    if let Err(refusal) = sent.desk.caller.may(Act::Vote) {
        return respond::refused(&sent.desk, &refusal);
    }
    let desk = sent.desk.clone();
    sent.once(super::ROOT, async move {
        // Asked before the first, so that it is all of them or none.
        desk.app.service.present_for(&desk.caller, &ids).await?;
        let mut came = Vec::new();
        for id in ids {
            let digest = Digest::from_bytes([0; 32]);
            let ballot =
                Ballot { approve: false, seat: seat.clone(), digest, ceiling: None, reason: reason.clone() };
            let done = desk.app.service.vote(&desk.caller, id, ballot).await;
            came.push((id, done.err().map(|refusal: Refusal| refusal.code())));
        }
        let denied = came.iter().filter(|(_, refused)| refused.is_none()).count();
        if denied == came.len() {
            return Ok(Came::To(respond::with_note(super::ROOT, "all_denied")));
        }
        let content = html! {
            h1 { (denied) " of " (came.len()) " denied" }
            ul.plain {
                @for (id, refused) in &came {
                    li {
                        a href={ (super::ROOT) "/requests/" (id) } { (show::short(*id)) } ": "
                        @match refused {
                            None => "denied",
                            Some(code) => (words::of("note", code)),
                        }
                    }
                }
            }
            p { a.button href=(super::ROOT) { "To the inbox" } }
        };
        Ok(Came::Page(layout::page(Some(&desk), Tab::Inbox, "Denied", &content).into_string()))
    })
    .await
}
