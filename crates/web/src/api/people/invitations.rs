//! `/v1/people/{id}/invitation`: the link that lets a person in once.

use axum::Json;
use axum::extract::State;
use countersign_core::id::PersonId;
use countersign_service::caller::Caller;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, MaybeSent, Nothing};
use crate::problem::Problem;
use crate::view::moment::Moment;

/// An invitation. Shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationView {
    /// Where its person opens it. Whoever has it comes in as them: hand it over yourself.
    link: String,
    /// Until when it works, if nobody used it.
    expires_at: Moment,
}

/// Invites a person
///
/// Makes the one link by which they sign in for the first time, or again when they lost what they signed in with. An
/// earlier link works no longer. Where there are two administrators, both have to ask.
#[utoipa::path(
    post, path = "/v1/people/{id}/invitation", tag = "administration", operation_id = "invite",
    params(("id" = String, Path, description = "The person's id.")), request_body = Nothing,
    responses((status = 201, description = "They are invited.", body = InvitationView))
)]
pub(in crate::api) async fn invite(
    caller: Caller,
    State(app): State<App>,
    At(id): At<PersonId>,
    _body: MaybeSent<Nothing>,
) -> Result<(StatusCode, Json<InvitationView>), Problem> {
    let invited = app.service.invite(&caller, id).await?;
    let link = format!("{}/sign-in/invitation/{}", app.options.sign_in.url, invited.secret);
    Ok((StatusCode::CREATED, Json(InvitationView { link, expires_at: invited.expires_at.into() })))
}
