//! `/v1/limits`: how full each action is.

use axum::Json;
use axum::extract::State;
use countersign_service::caller::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// How full an action is.
#[derive(Serialize, ToSchema)]
pub(crate) struct LimitView {
    /// The action.
    action: String,
    /// Requests that wait.
    waiting: u64,
    /// Requests that were released and have their place.
    released: u64,
    /// Requests that run.
    running: u64,
    /// Requests that are stuck, and keep their place.
    stuck: u64,
    /// Requests whose run started today, in the configured time zone.
    started_today: u64,
}

/// Reads how full each action is
#[utoipa::path(
    get, path = "/v1/limits", tag = "administration", operation_id = "readLimits",
    responses((status = 200, description = "Each action.", body = Vec<LimitView>))
)]
pub(super) async fn limits(caller: Caller, State(app): State<App>) -> Result<Json<Vec<LimitView>>, Problem> {
    let gauges = app.service.limits(&caller).await?;
    let view = gauges.into_iter().map(|gauge| LimitView {
        action: gauge.action,
        waiting: gauge.waiting,
        released: gauge.released,
        running: gauge.running,
        stuck: gauge.stuck,
        started_today: gauge.started_today,
    });
    Ok(Json(view.collect()))
}
