//! Who sits at the console: a person of ours, with what their roles allow. Whoever is not signed in is led to where one is.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::caller::{Act, Caller, Holder};
use countersign_service::console::Standing;
use countersign_service::refusal::Refusal;
use http::request::Parts;
use maud::{Markup, html};

use super::respond;
use crate::app::App;
use crate::sign::Inside;

/// Somebody at the console.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) holder: Holder,
    pub(super) who: Standing,
    pub(super) query: BTreeMap<String, String>,
    /// The way out.
    pub(super) leave: Markup,
}

impl FromRequestParts<App> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Inside { visit, caller, .. } = Inside::from_request_parts(parts, app).await?;
        let leave = html! {
            form.inline method="post" action=(visit.to("/sign-out")) {
                (visit.fields())
                button.quiet type="submit" { "Sign out" }
            }
        };
        let Caller::Token(holder) = &caller else { return Err(respond::not_theirs()) };
        let holder = holder.clone();
        let who = match app.service.standing_of(&caller).await {
            Ok(who) => who,
            Err(Refusal::NotAllowed(_)) => return Err(respond::not_theirs()),
            Err(refusal) => return Err(crate::problem::Problem::from(refusal).into_response()),
        };
        let query =
            Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri).map(|it| it.0).unwrap_or_default();
        Ok(Self { app: app.clone(), caller, holder, who, query, leave })
    }
}

impl Desk {
    /// Whether one of their roles allows it; what it does not allow is not shown.
    pub(super) fn may(&self, act: Act) -> bool {
        self.holder.may(act)
    }

    /// The store's time.
    pub(super) fn now(&self) -> Timestamp {
        self.who.now
    }

    /// A value of the query; empty if it is not there.
    pub(super) fn asked(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    /// What every form carries: its own name, and the proof that we made it for this session.
    pub(super) fn fields(&self) -> Markup {
        let form = self.app.service.random_word();
        let token = self.app.service.form_token(&self.holder.key, &form);
        html! {
            input type="hidden" name="form" value=(form);
            input type="hidden" name="token" value=(token);
        }
    }
}

/// The request that a path names, for somebody at the console.
pub(super) struct Of(pub(super) Desk, pub(super) RequestId);

impl FromRequestParts<App> for Of {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let desk = Desk::from_request_parts(parts, app).await?;
        match id(parts, app).await {
            Some(id) => Ok(Self(desk, id)),
            None => Err(respond::none(&desk)),
        }
    }
}

/// The first part of a path that is not fixed, as an id.
pub(super) async fn id(parts: &mut Parts, app: &App) -> Option<RequestId> {
    let params = RawPathParams::from_request_parts(parts, app).await.ok()?;
    params.iter().next().and_then(|(_, id)| id.parse().ok())
}
