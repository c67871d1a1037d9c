//! `/v1/people/{id}/sessions`: where a person is signed in.

use axum::Json;
use axum::extract::State;
use countersign_core::id::PersonId;
use countersign_service::caller::Caller;
use countersign_service::sign::Session;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, AtBoth, Name};
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::page::Page;

/// A session, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its public name, to end it by.
    id: String,
    /// How it began: `invitation`, `passkey`, `totp`, `oidc`.
    means: String,
    /// The browser, in a few words.
    device: String,
    /// When it began.
    began_at: Moment,
    /// When it was used last, roughly.
    seen_at: Moment,
    /// When it is over in any case.
    ends_at: Moment,
}

/// Lists a person's sessions
///
/// One's own, and for administrators anybody's.
#[utoipa::path(
    get, path = "/v1/people/{id}/sessions", tag = "administration", operation_id = "listSessions",
    params(("id" = String, Path, description = "The person's id.")),
    responses((status = 200, description = "Those that stand, the latest first.", body = Page<SessionView>))
)]
pub(in crate::api) async fn list(
    caller: Caller,
    State(app): State<App>,
    At(id): At<PersonId>,
) -> Result<Json<Page<SessionView>>, Problem> {
    let sessions = app.service.sessions_of(&caller, id).await?;
    Ok(Json(Page { items: sessions.into_iter().map(Into::into).collect(), cursor: None }))
}

/// Ends all of a person's sessions
#[utoipa::path(
    delete, path = "/v1/people/{id}/sessions", tag = "administration", operation_id = "endSessions",
    params(("id" = String, Path, description = "The person's id.")),
    responses((status = 204, description = "They are signed out everywhere."))
)]
pub(in crate::api) async fn end_all(
    caller: Caller,
    State(app): State<App>,
    At(id): At<PersonId>,
) -> Result<StatusCode, Problem> {
    app.service.end_sessions(&caller, id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session
#[utoipa::path(
    delete, path = "/v1/people/{id}/sessions/{session}", tag = "administration", operation_id = "endSession",
    params(
        ("id" = String, Path, description = "The person's id."),
        ("session" = String, Path, description = "The session's public name."),
    ),
    responses((status = 204, description = "It opens nothing any more."))
)]
pub(in crate::api) async fn end(
    caller: Caller,
    State(app): State<App>,
    AtBoth(id, Name(session)): AtBoth<PersonId, Name>,
) -> Result<StatusCode, Problem> {
    app.service.end_sessions(&caller, id, Some(&session)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        Self {
            id: session.label,
            means: session.means.word().to_owned(),
            device: session.device,
            began_at: session.began_at.into(),
            seen_at: session.seen_at.into(),
            ends_at: session.ends_at.into(),
        }
    }
}
