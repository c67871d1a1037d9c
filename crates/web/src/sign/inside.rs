//! Pages for whoever is signed in. The session's cookie becomes the caller that a token would give, asked anew each time.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use countersign_service::caller::Caller;
use countersign_service::person::Person;
use countersign_service::sign::{Session, SignedIn};
use http::Method;
use http::request::Parts;

use super::respond;
use super::visit::Visit;
use crate::app::App;

/// A visit of somebody who is signed in. Whoever is not is led to the door, and back afterwards.
pub(crate) struct Inside {
    pub(crate) visit: Visit,
    /// As who they call.
    pub(crate) caller: Caller,
    /// Who they are.
    pub(crate) person: Person,
    /// By which session.
    pub(crate) session: Session,
    pub(super) signed: SignedIn,
}

impl FromRequestParts<App> for Inside {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        match visit.signed_in.clone() {
            Some(signed) => {
                let SignedIn { caller, person, session, .. } = signed.clone();
                Ok(Self { visit, caller, person, session, signed })
            }
            // A form is not sent again by itself: its page is opened anew.
            None if parts.method != Method::GET => {
                Err(respond::on_to(&visit, &visit.to("/sign-in"), Vec::new()))
            }
            None => {
                let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
                Err(respond::to_door(&visit, here))
            }
        }
    }
}
