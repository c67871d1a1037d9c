//! `/v1/people/{id}/seats/{seat}`: give a seat, and take it away.

use axum::Json;
use axum::extract::State;
use countersign_core::id::PersonId;
use countersign_service::caller::Caller;

use super::PersonView;
use crate::app::App;
use crate::extract::{AtBoth, MaybeSent, Name, Nothing};
use crate::problem::Problem;

/// Gives a person a seat
#[utoipa::path(
    put, path = "/v1/people/{id}/seats/{seat}", tag = "administration", operation_id = "giveSeat",
    params(
        ("id" = String, Path, description = "The person's id."),
        ("seat" = String, Path, description = "A group that the settings have."),
    ),
    request_body = Nothing,
    responses((status = 200, description = "They hold it.", body = PersonView))
)]
pub(in crate::api) async fn give(
    caller: Caller,
    State(app): State<App>,
    AtBoth(id, Name(seat)): AtBoth<PersonId, Name>,
    _body: MaybeSent<Nothing>,
) -> Result<Json<PersonView>, Problem> {
    let person = app.service.set_seat(&caller, id, &seat, true).await?;
    Ok(Json(person.into()))
}

/// Takes a seat away
///
/// Votes that were cast for it count no longer.
#[utoipa::path(
    delete, path = "/v1/people/{id}/seats/{seat}", tag = "administration", operation_id = "takeSeat",
    params(
        ("id" = String, Path, description = "The person's id."),
        ("seat" = String, Path, description = "The group."),
    ),
    responses((status = 200, description = "They do not hold it.", body = PersonView))
)]
pub(in crate::api) async fn take(
    caller: Caller,
    State(app): State<App>,
    AtBoth(id, Name(seat)): AtBoth<PersonId, Name>,
) -> Result<Json<PersonView>, Problem> {
    let person = app.service.set_seat(&caller, id, &seat, false).await?;
    Ok(Json(person.into()))
}
