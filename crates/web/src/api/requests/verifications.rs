//! `/v1/requests/{id}/verifications`: start a proof of intent, and prove it.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use countersign_service::requests::verify::Started;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, AtBoth, Name, Sent};
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::request::Request;

/// The method that a browser answers for, at this door's own name.
const PASSKEY: &str = "passkey";

/// How the requester wants to prove themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Method {
    /// `email`, `totp`, `passkey` or `statement`.
    #[schema(example = "email")]
    method: String,
}

/// A proof.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    /// What was sent to the requester, what their device shows, the signed statement of the application where they are
    /// signed in, or what their browser answered for a passkey, as JSON text (`PublicKeyCredential.toJSON()`).
    #[schema(example = "493817")]
    code: String,
}

/// A proof that was started.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartedView {
    /// By which method.
    method: String,
    /// Until when it can be answered; null for a method that has no sent code.
    expires_at: Option<Moment>,
    /// For `passkey`: what `navigator.credentials.get` is asked, bytes in base64url. On a page at this server's own origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

/// Starts a verification
///
/// Sends a code where the method has one to send; makes the challenge where a browser has to answer one.
#[utoipa::path(
    post, path = "/v1/requests/{id}/verifications", tag = "requests", operation_id = "startVerification",
    params(("id" = String, Path, description = "The request's id.")), request_body = Method,
    responses((status = 201, description = "It was started.", body = StartedView))
)]
pub(in crate::api) async fn start(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    Sent(body): Sent<Method>,
) -> Result<(StatusCode, Json<StartedView>), Problem> {
    let (started, passkey) = if body.method == PASSKEY {
        let asked = app.service.begin_proof(app.site.as_deref(), &caller, id).await?;
        (Started { method: body.method, expires_at: Some(asked.until) }, Some(asked.options))
    } else {
        (app.service.start_verification(&caller, id, &body.method).await?, None)
    };
    let Started { method, expires_at } = started;
    Ok((StatusCode::CREATED, Json(StartedView { method, expires_at: expires_at.map(Into::into), passkey })))
}

/// Proves by a code
#[utoipa::path(
    put, path = "/v1/requests/{id}/verifications/{method}", tag = "requests", operation_id = "prove",
    params(
        ("id" = String, Path, description = "The request's id."),
        ("method" = String, Path, description = "`email`, `totp`, `passkey` or `statement`."),
    ),
    request_body = Code,
    responses((status = 200, description = "The code was right; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn prove(
    caller: Caller,
    State(app): State<App>,
    AtBoth(id, Name(method)): AtBoth<RequestId, Name>,
    Sent(body): Sent<Code>,
) -> Result<Json<Request>, Problem> {
    let picture = if method == PASSKEY {
        app.service.prove_by_passkey(app.site.as_deref(), &caller, id, &body.code).await?
    } else {
        app.service.verify(&caller, id, &method, &body.code).await?
    };
    Ok(Json(picture.into()))
}
