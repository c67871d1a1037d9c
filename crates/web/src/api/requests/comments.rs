//! `/v1/requests/{id}/comments`: add a remark.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, Sent};
use crate::problem::Problem;
use crate::view::request::Request;

/// A remark.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comment {
    /// In words; kept sealed.
    text: String,
}

/// Adds a remark
#[utoipa::path(
    post, path = "/v1/requests/{id}/comments", tag = "requests", operation_id = "commentOnRequest",
    params(("id" = String, Path, description = "The request's id.")), request_body = Comment,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn comment(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    Sent(body): Sent<Comment>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.comment(&caller, id, body.text).await?;
    Ok(Json(picture.into()))
}
