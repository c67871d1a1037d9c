//! `/v1/requests/{id}/extend`: move the law's date.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, Sent};
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::request::Request;

/// A later date.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    /// The new date; later than the present one.
    due_at: Moment,
    /// Why, in words; kept sealed.
    reason: Option<String>,
}

/// Moves the law's date
#[utoipa::path(
    post, path = "/v1/requests/{id}/extend", tag = "requests", operation_id = "extendRequest",
    params(("id" = String, Path, description = "The request's id.")), request_body = Extension,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn extend(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    Sent(body): Sent<Extension>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.extend(&caller, id, body.due_at.0, body.reason).await?;
    Ok(Json(picture.into()))
}
