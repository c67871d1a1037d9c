//! `/v1/people/{id}`: remove a person; and `/v1/people/{id}/roles`.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use countersign_core::id::PersonId;
use countersign_service::caller::Caller;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::PersonView;
use crate::api::tokens::RoleWord;
use crate::app::App;
use crate::extract::{At, Sent};
use crate::problem::Problem;

/// What a person may do when they sign in, beside what follows from their seats.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolesBody {
    /// `submitter`, `operator`, `auditor`; those that are not named are taken away.
    roles: BTreeSet<RoleWord>,
}

/// Removes a person
///
/// Their sessions, tokens and ways in end at once, and votes of theirs count no longer where nothing has run. Removing
/// another administrator needs a second one; the last one stays.
#[utoipa::path(
    delete, path = "/v1/people/{id}", tag = "administration", operation_id = "removePerson",
    params(("id" = String, Path, description = "The person's id.")),
    responses((status = 204, description = "They may act no more."))
)]
pub(in crate::api) async fn remove(
    caller: Caller,
    State(app): State<App>,
    At(id): At<PersonId>,
) -> Result<StatusCode, Problem> {
    app.service.remove_person(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says what a person may do when they sign in
///
/// Where there are two administrators, both have to ask. It holds from their next call on.
#[utoipa::path(
    put, path = "/v1/people/{id}/roles", tag = "administration", operation_id = "setRoles",
    params(("id" = String, Path, description = "The person's id.")), request_body = RolesBody,
    responses((status = 200, description = "They may.", body = PersonView))
)]
pub(in crate::api) async fn roles(
    caller: Caller,
    State(app): State<App>,
    At(id): At<PersonId>,
    Sent(body): Sent<RolesBody>,
) -> Result<Json<PersonView>, Problem> {
    let roles = body.roles.into_iter().map(Into::into).collect();
    Ok(Json(app.service.set_roles(&caller, id, roles).await?.into()))
}
