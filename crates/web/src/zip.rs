//! The answer that hands a package over, part by part, so that no export has to fit into memory.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_service::Package;
use countersign_service::caller::Caller;
use countersign_service::refusal::Refusal;
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, Method};

use crate::app::App;

/// The package of a request. Its parts are sealed in the store and opened one after the other. Whoever only looks
/// (`HEAD`) fetches nothing.
pub(crate) async fn answer(
    app: App,
    caller: Caller,
    id: RequestId,
    method: &Method,
) -> Result<Response, Refusal> {
    if method == Method::HEAD {
        let package = app.service.package(&caller, id).await?;
        return Ok((heads(&package), Body::empty()).into_response());
    }
    let fetch = app.service.fetch_package(&caller, id).await?;
    let heads = heads(&fetch.package);
    let parts = fetch.package.parts;
    let stream = stream::try_unfold((app, fetch, 0), move |(app, fetch, n)| async move {
        if n >= parts {
            return Ok::<_, std::io::Error>(None);
        }
        // The head of the answer is gone: breaking off is all that is left to say that this is not the whole.
        let part = app.service.package_part(&fetch, n).await.map_err(|refusal| {
            tracing::warn!(code = refusal.code(), "a package was broken off");
            std::io::Error::other("a part of the package could not be read")
        })?;
        Ok(Some((part, (app, fetch, n + 1))))
    });
    Ok((heads, Body::from_stream(stream)).into_response())
}

fn heads(package: &Package) -> [(HeaderName, String); 3] {
    [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_LENGTH, package.size.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file_name(&package.name))),
    ]
}

/// The name, with anything that could end the quoted string replaced.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}
