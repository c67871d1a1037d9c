//! `/v1/requests/{id}/break-glass`: let it be judged by the policies kept for emergencies. `/v1/requests/{id}/review`: what
//! somebody else thinks of that.

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

/// Why the usual policies are not waited for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Emergency {
    /// In words; kept sealed, for those who review it.
    reason: String,
}

/// What somebody thinks of a broken glass.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Review {
    /// For which seat.
    #[schema(example = "privacy")]
    seat: String,
    /// Whether it was right.
    justified: bool,
    /// In words; kept sealed.
    text: Option<String>,
}

/// Breaks the glass
///
/// From then on the request is judged by the policies that the settings keep for that, under every forbid of the others. Every
/// officer of the seats concerned is told, the mark stays for good, and somebody else has to review it.
#[utoipa::path(
    post, path = "/v1/requests/{id}/break-glass", tag = "requests", operation_id = "breakGlass",
    params(("id" = String, Path, description = "The request's id.")), request_body = Emergency,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn break_it(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    Sent(body): Sent<Emergency>,
) -> Result<Json<Request>, Problem> {
    Ok(Json(app.service.break_glass(&caller, id, body.reason).await?.into()))
}

/// Reviews a broken glass
///
/// Never by who broke it, nor by anybody who stands on the side that asked. A review is final.
#[utoipa::path(
    post, path = "/v1/requests/{id}/review", tag = "requests", operation_id = "reviewGlass",
    params(("id" = String, Path, description = "The request's id.")), request_body = Review,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn review(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    Sent(body): Sent<Review>,
) -> Result<Json<Request>, Problem> {
    let Review { seat, justified, text } = body;
    Ok(Json(app.service.review_glass(&caller, id, seat, justified, text).await?.into()))
}
