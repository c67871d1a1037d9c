//! `/v1/requests/{id}/package`: the export, part by part, for the verified requester alone.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};

use crate::app::App;
use crate::extract::At;
use crate::problem::Problem;

/// Fetches the package of an export
///
/// A ZIP. Its parts are sealed in the store and opened one after the other, so that no export has to fit into memory.
#[utoipa::path(
    get, path = "/v1/requests/{id}/package", tag = "requests", operation_id = "fetchPackage",
    params(("id" = String, Path, description = "The request's id.")),
    responses((status = 200, description = "The package.", content_type = "application/zip", body = Vec<u8>))
)]
pub(in crate::api) async fn package(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
) -> Result<Response, Problem> {
    let package = app.service.package(&caller, id).await?;
    let (size, parts) = (package.size, package.parts);
    let stream = stream::try_unfold((app, caller, 0), move |(app, caller, n)| async move {
        if n >= parts {
            return Ok::<_, std::io::Error>(None);
        }
        // The head of the answer is gone: breaking off is all that is left to say that this is not the whole.
        let part = app.service.package_part(&caller, id, n).await.map_err(|refusal| {
            tracing::warn!(code = refusal.code(), "a package was broken off");
            std::io::Error::other("a part of the package could not be read")
        })?;
        Ok(Some((part, (app, caller, n + 1))))
    });
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_LENGTH, size.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file_name(&package.name))),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// The name, with anything that could end the quoted string replaced.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}
