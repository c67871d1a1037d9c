//! What a form must have before anything is done with it: a browser says that it stood on a page of ours, and it carries
//! the token that was made for this browser, or once somebody is signed in, for their session.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::ORIGIN;

use super::respond;
use super::visit::Visit;
use crate::app::App;
use crate::portal::guard;

/// A form that was sent from a page of ours.
pub(crate) struct Filled {
    fields: BTreeMap<String, String>,
}

impl Filled {
    /// A field, without blanks around it; `None` if it is empty.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The digits in a field. People write codes with blanks and dashes.
    pub(super) fn digits(&self, name: &str) -> String {
        let written = self.fields.get(name).map(String::as_str).unwrap_or_default();
        written.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.')).collect()
    }
}

impl FromRequest<App> for Filled {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, app).await.map_err(IntoResponse::into_response)?;
        if !says_own(&parts.headers) || !guard::is_own(&parts.headers, &app.options.sign_in.url) {
            return Err(respond::old_form(&visit));
        }
        let request = Request::from_parts(parts, body);
        let Ok(Form(fields)) = Form::<BTreeMap<String, String>>::from_request(request, app).await else {
            return Err(respond::old_form(&visit));
        };
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if !app.service.is_form_token(&visit.word, field("form"), field("token")) {
            return Err(respond::old_form(&visit));
        }
        Ok(Self { fields })
    }
}

/// Whether the browser says at all where the form stood. Staff have browsers that do; what says nothing is refused.
fn says_own(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key(guard::SEC_FETCH_SITE)
}
