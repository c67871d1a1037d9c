//! `/v1/requests/{id}/retry`: try a stuck one again.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;

use crate::app::App;
use crate::extract::{At, MaybeSent, Nothing};
use crate::problem::Problem;
use crate::view::request::Request;

/// Tries a stuck request again
///
/// Judged again, and in a new run.
#[utoipa::path(
    post, path = "/v1/requests/{id}/retry", tag = "requests", operation_id = "retryRequest",
    params(("id" = String, Path, description = "The request's id.")), request_body = Nothing,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn retry(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    _body: MaybeSent<Nothing>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.retry(&caller, id).await?;
    Ok(Json(picture.into()))
}
