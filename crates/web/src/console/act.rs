//! What people do about one request. Each form leads back to the request's page, with a note on what came of it.

use std::collections::BTreeMap;

use axum::response::Response;
use countersign_core::id::{Digest, RequestId};
use countersign_core::time::Timestamp;
use countersign_service::refusal::Refusal;
use countersign_service::requests::vote::Ballot;
use jiff::tz::TimeZone;

use super::form::{Came, Sent};
use super::respond;

fn page(id: RequestId) -> String {
    format!("{}/requests/{id}", super::ROOT)
}

/// `/console/requests/{id}/vote`
pub(super) async fn vote(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let approve = match sent.text("vote") {
        "approve" => true,
        "deny" => false,
        _ => return respond::old_form(&sent.desk),
    };
    let digest = match sent.text("digest").parse::<Digest>() {
        Ok(digest) => digest,
        // A denial is bound to no digest; an approval without one is no form of ours.
        Err(_) if !approve => Digest::from_bytes([0; 32]),
        Err(_) => return respond::old_form(&sent.desk),
    };
    let ballot = Ballot {
        approve,
        seat: sent.text("seat").to_owned(),
        digest,
        ceiling: None,
        reason: sent.maybe("reason"),
    };
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&page(id), async move {
        app.service.vote(&caller, id, ballot).await?;
        Ok(Came::To(respond::with_note(&page(id), if approve { "approved" } else { "denied" })))
    })
    .await
}

/// `/console/requests/{id}/comment`
pub(super) async fn comment(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let text = sent.text("text").to_owned();
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&page(id), async move {
        app.service.comment(&caller, id, text).await?;
        Ok(Came::To(format!("{}#history", page(id))))
    })
    .await
}

/// `/console/requests/{id}/resolve`
pub(super) async fn resolve(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let subject = BTreeMap::from([(sent.text("kind").to_owned(), sent.text("value").to_owned())]);
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&page(id), async move {
        let seen = app.service.resolve(&caller, id, subject).await?;
        let note = if seen.unresolved.is_some() { "still_several" } else { "resolved" };
        Ok(Came::To(respond::with_note(&page(id), note)))
    })
    .await
}

/// `/console/requests/{id}/extend`
pub(super) async fn extend(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let Some(due_at) = end_of(sent.text("due"), &sent.desk.who.zone) else {
        return respond::on_to(&respond::with_note(&page(id), "invalid"));
    };
    let reason = sent.maybe("reason");
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&page(id), async move {
        app.service.extend(&caller, id, due_at, reason).await?;
        Ok(Came::To(respond::with_note(&page(id), "extended")))
    })
    .await
}

/// `/console/requests/{id}/settle`
pub(super) async fn settle(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let (how, reason) = (sent.text("how").to_owned(), sent.maybe("reason"));
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&page(id), async move {
        let note = match &*how {
            "retry" => {
                // A try has no reason of its own; what was written is for everybody who reads on.
                if let Some(reason) = reason {
                    app.service.comment(&caller, id, reason).await?;
                }
                app.service.retry(&caller, id).await.map(|_| "retried")?
            }
            "accept" => app.service.accept(&caller, id, reason).await.map(|_| "accepted")?,
            "abandon" => app.service.abandon(&caller, id, reason).await.map(|_| "abandoned")?,
            _ => return Err(Refusal::invalid("how", "is retry, accept or abandon")),
        };
        Ok(Came::To(respond::with_note(&page(id), note)))
    })
    .await
}

/// `/console/requests/{id}/withdraw`
pub(super) async fn withdraw(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&page(id), async move {
        app.service.withdraw(&caller, id).await?;
        Ok(Came::To(respond::with_note(&page(id), "withdrawn")))
    })
    .await
}

/// The last moment of a day.
fn end_of(day: &str, zone: &TimeZone) -> Option<Timestamp> {
    let after = day.parse::<jiff::civil::Date>().ok()?.tomorrow().ok()?;
    let end = after.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
    Some(Timestamp::from_millis(end).plus_ms(-1))
}
