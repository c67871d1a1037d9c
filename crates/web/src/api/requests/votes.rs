//! `/v1/requests/{id}/votes`: countersign, or refuse to.

use axum::Json;
use axum::extract::State;
use countersign_core::id::{Digest, RequestId};
use countersign_core::plan::Counts;
use countersign_service::caller::Caller;
use countersign_service::requests::vote::Ballot;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, Sent, Unique};
use crate::problem::Problem;
use crate::view::request::Request;

/// A vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BallotBody {
    /// For or against.
    vote: Choice,
    /// For which seat.
    #[schema(example = "privacy")]
    seat: String,
    /// The digest that the voter saw: 64 hexadecimal digits. Needed to approve.
    digest: Option<String>,
    /// The most rows that the voter signs, by source and table, instead of those seen and a tenth more.
    #[schema(value_type = Option<std::collections::BTreeMap<String, std::collections::BTreeMap<String, u64>>>)]
    ceiling: Option<Unique<Unique<u64>>>,
    /// Why, in words; kept sealed.
    reason: Option<String>,
}

/// For or against.
#[derive(Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Choice {
    /// For.
    Approve,
    /// Against: the request ends.
    Deny,
}

/// Casts a vote
///
/// Refused with 403 when it is not the caller's to cast, and with 409 when the digest is stale, the request has ended
/// or the caller has voted already.
#[utoipa::path(
    post, path = "/v1/requests/{id}/votes", tag = "requests", operation_id = "vote",
    params(("id" = String, Path, description = "The request's id.")), request_body = BallotBody,
    responses((status = 200, description = "It stands; the request as it now is.", body = Request))
)]
pub(in crate::api) async fn vote(
    caller: Caller,
    State(app): State<App>,
    At(id): At<RequestId>,
    Sent(body): Sent<BallotBody>,
) -> Result<Json<Request>, Problem> {
    let picture = app.service.vote(&caller, id, body.into_ballot()?).await?;
    Ok(Json(picture.into()))
}

impl BallotBody {
    fn into_ballot(self) -> Result<Ballot, Problem> {
        let BallotBody { vote, seat, digest, ceiling, reason } = self;
        let approve = vote == Choice::Approve;
        let digest = match digest {
            Some(digest) => digest.parse::<Digest>().map_err(|why| wrong(why.to_string()))?,
            None if approve => {
                return Err(wrong("an approval names the digest that its voter saw".to_owned()));
            }
            // A denial is bound to no digest.
            None => Digest::from_bytes([0; 32]),
        };
        Ok(Ballot { approve, seat, digest, ceiling: ceiling.map(counts), reason })
    }
}

fn counts(ceiling: Unique<Unique<u64>>) -> Counts {
    let mut counts = Counts::default();
    for (source, tables) in &ceiling.0 {
        for (table, rows) in &tables.0 {
            counts.add(source, table, *rows);
        }
    }
    counts
}

fn wrong(why: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("`digest`: {why}")).at("digest")
}
