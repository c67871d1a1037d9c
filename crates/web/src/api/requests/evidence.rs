//! `/v1/requests/{id}/evidence`: proofs for an auditor.

use axum::Json;
use axum::extract::State;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::At;
use crate::problem::Problem;
use crate::view::notice::NoticeView;

/// Everything that the ledger holds of a request, each entry with its proof.
#[derive(Serialize, ToSchema)]
pub(crate) struct EvidenceView {
    /// The request's id.
    request: String,
    /// Its entries, in order.
    entries: Vec<ProofView>,
    /// The checkpoint that the proofs lead to: a signed note.
    checkpoint: String,
    /// The verifier key of the ledger. Compare it with one that you have from elsewhere.
    vkey: String,
    /// Who outside is to be told of it or was (GDPR, Art. 19). That somebody was told is an entry of the ledger of its own.
    notices: Vec<NoticeView>,
}

/// An entry and its proof.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProofView {
    /// The entry's index in the ledger.
    index: u64,
    /// The entry, byte for byte as it was hashed: JSON as text.
    entry: String,
    /// The proof that it is under the checkpoint: a `.tlog-proof` file.
    proof: String,
}

/// Reads a request's evidence
#[utoipa::path(
    get, path = "/v1/requests/{id}/evidence", tag = "requests", operation_id = "readEvidence",
    params(("id" = String, Path, description = "The request's id.")),
    responses((status = 200, description = "Entries and proofs.", body = EvidenceView))
)]
pub(in crate::api) async fn evidence(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
) -> Result<Json<EvidenceView>, Problem> {
    let evidence = app.service.evidence(&caller, id).await?;
    let entries = evidence.entries.into_iter().map(|proof| {
        let entry = String::from_utf8(proof.entry).map_err(|_| Problem::internal())?;
        Ok(ProofView { index: proof.index, entry, proof: proof.proof })
    });
    Ok(Json(EvidenceView {
        request: id.to_string(),
        entries: entries.collect::<Result<_, Problem>>()?,
        checkpoint: evidence.checkpoint,
        vkey: evidence.vkey,
        notices: evidence.notices.into_iter().map(Into::into).collect(),
    }))
}
