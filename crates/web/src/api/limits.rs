//! `/v1/limits`: how full each action is. `/v1/limits/{action}/resume`: a person says that a paused one may go on.

use axum::Json;
use axum::extract::State;
use countersign_service::GaugeView;
use countersign_service::caller::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, MaybeSent, Name, Nothing};
use crate::problem::Problem;
use crate::view::moment::Moment;

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
    /// Whether it is paused after repeated failures, and nothing of it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PausedView>,
}

/// An action that is paused.
#[derive(Serialize, ToSchema)]
pub(crate) struct PausedView {
    /// Since when.
    since: Moment,
    /// After so many failures.
    failures: u32,
}

impl From<GaugeView> for LimitView {
    fn from(gauge: GaugeView) -> Self {
        let paused = gauge.paused;
        Self {
            action: gauge.action,
            waiting: gauge.waiting,
            released: gauge.released,
            running: gauge.running,
            stuck: gauge.stuck,
            started_today: gauge.started_today,
            paused: paused.map(|it| PausedView { since: it.since.into(), failures: it.failures }),
        }
    }
}

/// Reads how full each action is
#[utoipa::path(
    get, path = "/v1/limits", tag = "administration", operation_id = "readLimits",
    responses((status = 200, description = "Each action.", body = Vec<LimitView>))
)]
pub(super) async fn limits(caller: Caller, State(app): State<App>) -> Result<Json<Vec<LimitView>>, Problem> {
    Ok(Json(app.service.limits(&caller).await?.into_iter().map(Into::into).collect()))
}

/// Resumes a paused action
///
/// What waited for that is judged again. A person does this, no program.
#[utoipa::path(
    post, path = "/v1/limits/{action}/resume", tag = "administration", operation_id = "resumeAction",
    params(("action" = String, Path, description = "Which action.")),
    request_body = Nothing,
    responses((status = 200, description = "It goes on.", body = LimitView))
)]
pub(super) async fn resume(
    caller: Caller,
    At(Name(action)): At<Name>,
    State(app): State<App>,
    _body: MaybeSent<Nothing>,
) -> Result<Json<LimitView>, Problem> {
    Ok(Json(app.service.resume(&caller, &action).await?.into()))
}
