//! `/v1/legal-holds/{id}`: keep a subject's data, and let it go again.

use axum::Json;
use axum::extract::State;
use countersign_service::caller::Caller;
use countersign_service::ports::store::Status;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, Name, Sent, Unique};
use crate::problem::Problem;

/// A legal hold to be placed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHold {
    /// Identities of the subject whose data must be kept, by kind.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"email": "ana@example.test"}))]
    subject: Unique<String>,
}

/// A legal hold that stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldView {
    /// Its name.
    id: String,
    /// How many root keys it covers.
    roots: usize,
    /// Open requests on the same subject that run at this moment: what they have done is done, and the hold stops
    /// them before their next step.
    running: Vec<String>,
    /// Every open request on the same subject.
    open: Vec<OpenView>,
}

/// An open request that a hold met.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenView {
    /// Its id.
    id: String,
    /// Where it stands.
    status: &'static str,
}

/// Places a legal hold
///
/// The same again changes nothing.
#[utoipa::path(
    put, path = "/v1/legal-holds/{id}", tag = "administration", operation_id = "placeLegalHold",
    params(("id" = String, Path, description = "The hold's name: of a case, never of a person.")),
    request_body = NewHold,
    responses((status = 200, description = "It stands.", body = HoldView))
)]
pub(super) async fn place(
    caller: Caller,
    State(app): State<App>,
    At(Name(id)): At<Name>,
    Sent(hold): Sent<NewHold>,
) -> Result<Json<HoldView>, Problem> {
    let placed = app.service.place_hold(&caller, &id, &hold.subject.0).await?;
    let running = placed.open.iter().filter(|(_, status)| *status == Status::Running);
    Ok(Json(HoldView {
        running: running.map(|(request, _)| request.to_string()).collect(),
        open: placed
            .open
            .iter()
            .map(|(id, status)| OpenView { id: id.to_string(), status: status.name() })
            .collect(),
        roots: placed.roots,
        id,
    }))
}

/// Lifts a legal hold
#[utoipa::path(
    delete, path = "/v1/legal-holds/{id}", tag = "administration", operation_id = "liftLegalHold",
    params(("id" = String, Path, description = "The hold's name.")),
    responses((status = 204, description = "It does not stand any more."))
)]
pub(super) async fn lift(
    caller: Caller,
    State(app): State<App>,
    At(Name(id)): At<Name>,
) -> Result<StatusCode, Problem> {
    app.service.lift_hold(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
