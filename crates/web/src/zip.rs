//! The answer that hands a package over, part by part, so that no export has to fit into memory.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use countersign_service::refusal::Refusal;
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};

use crate::app::App;

/// The package of a request. Its parts are sealed in the store and opened one after the other.
pub(crate) async fn answer(app: App, caller: Caller, id: RequestId) -> Result<Response, Refusal> {
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
