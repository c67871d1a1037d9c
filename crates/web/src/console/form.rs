//! A form that was sent: from a page of ours, made for this session, and done once however often it is sent.

use std::future::Future;
use std::time::Duration;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use countersign_core::id::{PersonId, RequestId};
use countersign_service::refusal::{Refusal, Sort};
use countersign_service::{AnswerBegun, Ticket};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, StatusCode};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::desk::{Desk, id};
use super::respond;
use crate::app::App;
use crate::journal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How often it is looked whether the first of two that were sent at once is answered, and how long between.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// A form that was sent.
pub(super) struct Sent {
    pub(super) desk: Desk,
    /// The request in its address, if there is one.
    pub(super) about: Option<RequestId>,
    fields: Vec<(String, String)>,
    form: String,
}

/// What came of a form.
pub(super) enum Came {
    /// On to this page: a path made here.
    To(String),
    /// This page, once: for what is shown a single time.
    Page(String),
}

impl FromRequest<App> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let desk = Desk::from_request_parts(&mut parts, app).await?;
        let about = id(&mut parts, app).await;
        if !is_own(&parts.headers) {
            return Err(respond::old_form(&desk));
        }
        let request = Request::from_parts(parts, body);
        let Ok(Form(fields)) = Form::<Vec<(String, String)>>::from_request(request, app).await else {
            return Err(respond::old_form(&desk));
        };
        let mut sent = Self { desk, about, fields, form: String::new() };
        let (form, token) = (sent.text("form").to_owned(), sent.text("token").to_owned());
        if !app.service.is_form_token(&sent.desk.holder.key, &form, &token) {
            return Err(respond::old_form(&sent.desk));
        }
        sent.form = form;
        Ok(sent)
    }
}

impl Sent {
    /// A field, without blanks around it; empty if it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
    }

    /// A field; `None` if it is empty.
    pub(super) fn maybe(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Every field of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.trim())
    }

    /// Does it once. A refusal leads to `back` with a note; what was filled in is part of what is remembered, so that a
    /// form that was gone back to and changed is another one.
    pub(super) async fn once<F>(&self, back: &str, work: F) -> Response
    where
        F: Future<Output = Result<Came, Refusal>> + Send + 'static,
    {
        let (app, caller, about) = (self.desk.app.clone(), self.desk.caller.clone(), self.about);
        let person = self.desk.who.person;
        let (key, back) = (format!("console/{}/{}", self.form, self.hash(back)), back.to_owned());
        // A browser that sends twice hangs up on the first: what was begun, even if it was only noted as begun, goes on
        // without it.
        let done = async move {
            for _ in 0..LOOKS {
                match app.service.answer_begin(&caller, about, &key, back.as_bytes()).await {
                    Ok(AnswerBegun::Fresh(ticket)) => {
                        return finished(&app, person, ticket, &back, work).await;
                    }
                    Ok(AnswerBegun::Replay { status, body }) => {
                        return body_of(status, String::from_utf8(body).unwrap_or_default());
                    }
                    Ok(AnswerBegun::Busy) => tokio::time::sleep(PAUSE).await,
                    Err(refusal) => return respond::on_to(&respond::with_note(&back, refusal.code())),
                }
            }
            respond::on_to(&respond::with_note(&back, "in_progress"))
        };
        tokio::spawn(done.in_current_span())
            .await
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    fn hash(&self, back: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(back);
        for (name, value) in &self.fields {
            for part in [name, value] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Does it, remembers what came of it, and says it.
async fn finished<F>(app: &App, person: PersonId, ticket: Ticket, back: &str, work: F) -> Response
where
    F: Future<Output = Result<Came, Refusal>> + Send,
{
    let (status, body) = match work.await {
        Ok(Came::To(path)) => (303, path),
        Ok(Came::Page(text)) => (200, text),
        // Asked for before the same form is sent again.
        Err(Refusal::StepUp { .. }) => (503, respond::once_more(back)),
        Err(refusal) => {
            journal::refused(person, &refusal);
            (status_of(&refusal), respond::with_note(back, refusal.code()))
        }
    };
    if let Err(refusal) = app.service.answer_finish(ticket, status, body.as_bytes()).await {
        tracing::error!(code = refusal.code(), "an answer could not be remembered");
    }
    body_of(status, body)
}

/// A refusal of our own making is forgotten, so that the form can be sent again.
fn status_of(refusal: &Refusal) -> u16 {
    if refusal.sort() == Sort::Unavailable { 503 } else { 303 }
}

fn body_of(status: u16, body: String) -> Response {
    if status == 200 { respond::text(StatusCode::OK, body) } else { respond::on_to(&body) }
}

/// Whether a browser says that the form stood on a page of ours. One that says nothing is refused.
fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        // Behind a proxy that changes the host, the origin says nothing; this a page cannot forge.
        return site == "same-origin";
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let from = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    from.is_some() && from == headers.get(HOST).and_then(|host| host.to_str().ok())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::is_own;

    #[test]
    fn form_of_another_site_is_refused() {
        for (sent, own) in [
            (&[][..], false),
            (&[("origin", "https://a.example"), ("host", "a.example")][..], true),
            (&[("origin", "https://b.example"), ("host", "a.example")][..], false),
            (&[("origin", "null"), ("host", "a.example")][..], false),
            (
                &[("sec-fetch-site", "same-origin"), ("origin", "https://a.example"), ("host", "inner")][..],
                true,
            ),
            (
                &[("sec-fetch-site", "same-site"), ("origin", "https://a.example"), ("host", "a.example")][..],
                false,
            ),
            (&[("sec-fetch-site", "cross-site")][..], false),
            (&[("sec-fetch-site", "none")][..], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_own(&headers), own, "{sent:?}");
        }
    }
}
