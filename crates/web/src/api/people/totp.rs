//! `/v1/people/{id}/totp`: enrol one-time passwords.

use axum::Json;
use axum::extract::State;
use countersign_core::id::PersonId;
use countersign_service::caller::Caller;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, MaybeSent, Nothing};
use crate::problem::Problem;

/// A second factor that was enrolled. Shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolledView {
    /// The shared secret, in base 32.
    secret: String,
    /// The same as an `otpauth:` address, for a QR code.
    url: String,
}

/// Enrols one-time passwords
///
/// RFC 6238: six digits, 30 seconds. It proves nothing for requests that were made before. Where there are two
/// administrators, both have to ask, except for oneself; the secret is shown to whoever asks last.
#[utoipa::path(
    post, path = "/v1/people/{id}/totp", tag = "administration", operation_id = "enrolTotp",
    params(("id" = String, Path, description = "The person's id.")), request_body = Nothing,
    responses((status = 201, description = "It was enrolled.", body = EnrolledView))
)]
pub(in crate::api) async fn enroll(
    caller: Caller,
    State(app): State<App>,
    At(id): At<PersonId>,
    _body: MaybeSent<Nothing>,
) -> Result<(StatusCode, Json<EnrolledView>), Problem> {
    let enrolled = app.service.enroll_totp(&caller, id).await?;
    Ok((StatusCode::CREATED, Json(EnrolledView { secret: enrolled.secret, url: enrolled.url })))
}
