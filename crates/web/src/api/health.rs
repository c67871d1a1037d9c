//! `/healthz` and `/readyz`: whether this node lives, and whether it can judge.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;
use crate::serve::Closing;

/// It lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// It can judge.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadyView {
    /// `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// The version of the active settings.
    settings_version: u64,
    /// Entries in the ledger.
    ledger_size: u64,
    /// Entries under the newest checkpoint.
    checkpoint_size: u64,
}

/// Whether this node lives
#[utoipa::path(
    get, path = "/healthz", tag = "node", operation_id = "health",
    responses((status = 200, description = "It does.", body = Alive))
)]
pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// Whether this node can judge
///
/// It answers 503 with the reason when its store does not answer or takes no changes, when it cannot load the active
/// settings, and from the moment when it is asked to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "node", operation_id = "ready",
    responses((status = 200, description = "It can.", body = ReadyView))
)]
pub(super) async fn ready(
    State(app): State<App>,
    closing: Option<Extension<Closing>>,
) -> Result<Json<ReadyView>, Problem> {
    if closing.is_some_and(|Extension(Closing(closing))| *closing.borrow()) {
        return Err(Problem::stopping());
    }
    let ready = app.service.ready().await?;
    Ok(Json(ReadyView {
        status: "ready",
        settings_version: ready.settings_version,
        ledger_size: ready.ledger_size,
        checkpoint_size: ready.checkpoint_size,
    }))
}
