//! `/v1/settings`: the one versioned set.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use countersign_service::Applied;
use countersign_service::caller::Caller;
use countersign_service::settings::Bundle;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Sent, Unique};
use crate::problem::Problem;

/// Settings to be entered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSettings {
    /// Text by path: `settings.toml`, `policies/*.cedar`, `maps/*.toml`.
    #[schema(value_type = BTreeMap<String, String>)]
    files: Unique<String>,
    /// The version on which these rest; refused if another is active by now.
    expected_version: Option<u64>,
    /// Only says what would change.
    #[serde(default)]
    dry_run: bool,
}

/// The active settings.
#[derive(Serialize, ToSchema)]
pub(crate) struct SettingsView {
    /// The version.
    version: u64,
    /// SHA-256 of the set, in hex.
    hash: String,
    /// Text by path.
    files: BTreeMap<String, String>,
    /// What works but may surprise.
    warnings: Vec<String>,
}

/// What came of entering settings.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppliedView {
    /// The version that is active now, or would be.
    version: u64,
    /// What changed, or would.
    changes: Vec<String>,
    /// What works but may surprise.
    warnings: Vec<String>,
    /// Whether it was only tried.
    dry_run: bool,
}

/// Reads the active settings
#[utoipa::path(
    get, path = "/v1/settings", tag = "administration", operation_id = "readSettings",
    responses((status = 200, description = "The active set.", body = SettingsView))
)]
pub(super) async fn read(caller: Caller, State(app): State<App>) -> Result<Json<SettingsView>, Problem> {
    let settings = app.service.read_settings(&caller).await?;
    Ok(Json(SettingsView {
        version: settings.version,
        hash: settings.hash.clone(),
        files: settings.bundle.files.clone(),
        warnings: settings.warnings.clone(),
    }))
}

/// Enters settings
///
/// Every mistake is answered with 422 and its place in the files; then nothing changed.
#[utoipa::path(
    post, path = "/v1/settings", tag = "administration", operation_id = "applySettings", request_body = NewSettings,
    responses((status = 200, description = "They are active, or would be.", body = AppliedView))
)]
pub(super) async fn apply(
    caller: Caller,
    State(app): State<App>,
    Sent(new): Sent<NewSettings>,
) -> Result<Json<AppliedView>, Problem> {
    let bundle = Bundle { files: new.files.0 };
    let applied = app.service.apply(&caller, bundle, new.expected_version, new.dry_run).await?;
    let Applied { version, changes, warnings, dry_run } = applied;
    Ok(Json(AppliedView { version, changes, warnings, dry_run }))
}
