//! `/v1/requests/{id}`: read one.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;

use crate::app::App;
use crate::extract::At;
use crate::problem::Problem;
use crate::view::request::Request;

/// Reads a request
///
/// With the verdict of this moment: what is missing, and by which policies.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "requests", operation_id = "readRequest",
    params(("id" = String, Path, description = "The request's id.")),
    responses((status = 200, description = "The request.", body = Request))
)]
pub(in crate::api) async fn read(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.read(&caller, id).await?;
    Ok(Json(picture.into()))
}
