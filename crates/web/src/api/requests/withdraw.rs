//! `/v1/requests/{id}/withdraw`: the requester takes it back.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;

use crate::app::App;
use crate::extract::{At, MaybeSent, Nothing};
use crate::problem::Problem;
use crate::view::request::Request;

/// Withdraws a request
#[utoipa::path(
    post, path = "/v1/requests/{id}/withdraw", tag = "requests", operation_id = "withdrawRequest",
    params(("id" = String, Path, description = "The request's id.")), request_body = Nothing,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn withdraw(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    _body: MaybeSent<Nothing>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.withdraw(&caller, id).await?;
    Ok(Json(picture.into()))
}
