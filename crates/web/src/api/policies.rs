//! `/v1/policies/try`: what other policies would say.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Sent, Unique};
use crate::problem::Problem;
use crate::view::verdict::VerdictView;

/// Policies to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// The id of the request to judge.
    request: String,
    /// Cedar text by file name (`erase.cedar`), instead of the active policies.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    policies: Unique<String>,
}

/// Tries policies on a request
///
/// Changes nothing.
#[utoipa::path(
    post, path = "/v1/policies/try", tag = "administration", operation_id = "tryPolicies", request_body = Trial,
    responses((status = 200, description = "What they would say now.", body = VerdictView))
)]
pub(super) async fn try_out(
    caller: Caller,
    State(app): State<App>,
    Sent(trial): Sent<Trial>,
) -> Result<Json<VerdictView>, Problem> {
    let request: RequestId = trial.request.parse().map_err(|why| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("`request`: {why}")).at("request")
    })?;
    let verdict = app.service.try_policies(&caller, request, trial.policies.0).await?;
    Ok(Json(verdict.into()))
}
