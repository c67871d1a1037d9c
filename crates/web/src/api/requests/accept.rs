//! `/v1/requests/{id}/accept`: declare a stuck one done as it is.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, MaybeSent};
use crate::problem::Problem;
use crate::view::request::Request;

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    /// Why, in words; kept sealed.
    reason: Option<String>,
}

/// Accepts a stuck request as it is
#[utoipa::path(
    post, path = "/v1/requests/{id}/accept", tag = "requests", operation_id = "acceptRequest",
    params(("id" = String, Path, description = "The request's id.")), request_body = Acceptance,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn accept(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    MaybeSent(body): MaybeSent<Acceptance>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.accept(&caller, id, body.reason).await?;
    Ok(Json(picture.into()))
}
