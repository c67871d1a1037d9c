//! `/v1/requests/{id}/abandon`: give a stuck one up.

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
pub(crate) struct Abandonment {
    /// Why, in words; kept sealed.
    reason: Option<String>,
}

/// Abandons a stuck request
#[utoipa::path(
    post, path = "/v1/requests/{id}/abandon", tag = "requests", operation_id = "abandonRequest",
    params(("id" = String, Path, description = "The request's id.")), request_body = Abandonment,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn abandon(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    MaybeSent(body): MaybeSent<Abandonment>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.abandon(&caller, id, body.reason).await?;
    Ok(Json(picture.into()))
}
