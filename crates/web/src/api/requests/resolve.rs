//! `/v1/requests/{id}/resolve`: say who is meant.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, Sent, Unique};
use crate::problem::Problem;
use crate::view::request::Request;

/// Who is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolution {
    /// Identities by kind, enough to tell the one who is meant from the others.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"account": "42"}))]
    subject: Unique<String>,
}

/// Settles who of several people is meant
///
/// What fits none of them, or several, settles nothing, and `unresolved` still says how many match.
#[utoipa::path(
    post, path = "/v1/requests/{id}/resolve", tag = "requests", operation_id = "resolveRequest",
    params(("id" = String, Path, description = "The request's id.")), request_body = Resolution,
    responses((status = 200, description = "Done; the request as it now stands.", body = Request))
)]
pub(in crate::api) async fn resolve(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    Sent(body): Sent<Resolution>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.resolve(&caller, id, body.subject.0).await?;
    Ok(Json(picture.into()))
}
