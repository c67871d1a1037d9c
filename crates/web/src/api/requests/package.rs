//! `/v1/requests/{id}/package`: the export, part by part, for the verified requester alone.

use axum::extract::State;
use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use http::Method;

use crate::app::App;
use crate::extract::At;
use crate::problem::Problem;
use crate::zip;

/// Fetches the package of an export
///
/// A ZIP. Its parts are sealed in the store and opened one after the other, so that no export has to fit into memory.
/// It needs a proof that is not old (403 `proof_too_old`: start a verification of the same request again), and can be
/// fetched as often as the settings say; each `GET` counts, a `HEAD` does not.
#[utoipa::path(
    get, path = "/v1/requests/{id}/package", tag = "requests", operation_id = "fetchPackage",
    params(("id" = String, Path, description = "The request's id.")),
    responses((status = 200, description = "The package.", content_type = "application/zip", body = Vec<u8>))
)]
pub(in crate::api) async fn package(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    method: Method,
) -> Result<Response, Problem> {
    Ok(zip::answer(app, caller, id, &method).await?)
}
