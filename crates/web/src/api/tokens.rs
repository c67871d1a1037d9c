//! `/v1/tokens`: mint, list, take back.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use countersign_core::id::PersonId;
use countersign_service::caller::{Caller, Role};
use countersign_service::token::Token;
use countersign_service::{Minted, NewToken};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{At, Name, Sent};
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::page::Page;

/// A token to be minted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenBody {
    /// The person's id; the caller if not said. Nobody mints for another person.
    person: Option<String>,
    /// The program's name, for a token of a program; the caller answers for it.
    #[schema(example = "support-desk")]
    service: Option<String>,
    /// What it may do.
    roles: BTreeSet<RoleWord>,
    /// Where its requests come in: `api`, `cli`, `portal`, `gateway`.
    #[serde(default = "api")]
    #[schema(default = "api")]
    channel: String,
    /// What it may attest: `identity`.
    #[serde(default)]
    attests: BTreeSet<String>,
    /// When it runs out; never if not said.
    expires_at: Option<Moment>,
}

/// What a token may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleWord {
    /// Submits requests, and follows its own.
    Submitter,
    /// Reads what waits for its seats, and votes.
    Reviewer,
    /// Reads all, and settles what is stuck.
    Operator,
    /// Reads all, changes nothing.
    Auditor,
    /// Settings, people, tokens, legal holds; holds no seat.
    Administrator,
}

/// A token that was minted.
#[derive(Serialize, ToSchema)]
pub(crate) struct MintedView {
    /// Its public name, to take it back by.
    id: String,
    /// What its holder sends. Shown this once.
    token: String,
}

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// Its public name.
    id: String,
    /// The person's id; for a program, who minted it.
    person: String,
    /// The program's name, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// What it may do.
    roles: BTreeSet<RoleWord>,
    /// Where its requests come in.
    channel: String,
    /// What it may attest.
    attests: BTreeSet<String>,
    /// When it was made.
    minted_at: Moment,
    /// When it runs out; null for never.
    expires_at: Option<Moment>,
    /// When it was taken back; null if it was not.
    revoked_at: Option<Moment>,
    /// When it was used last, to the hour; null if it never was.
    last_used_at: Option<Moment>,
}

/// Mints a token
#[utoipa::path(
    post, path = "/v1/tokens", tag = "administration", operation_id = "mintToken", request_body = NewTokenBody,
    responses((status = 201, description = "It was minted.", body = MintedView))
)]
pub(super) async fn mint(
    caller: Caller,
    State(app): State<App>,
    Sent(body): Sent<NewTokenBody>,
) -> Result<(StatusCode, Json<MintedView>), Problem> {
    let Minted { label, secret } = app.service.mint_token(&caller, body.into_new()?).await?;
    Ok((StatusCode::CREATED, Json(MintedView { id: label, token: secret })))
}

/// Lists tokens
#[utoipa::path(
    get, path = "/v1/tokens", tag = "administration", operation_id = "listTokens",
    responses((status = 200, description = "All of them, without their secrets.", body = Page<TokenView>))
)]
pub(super) async fn list(caller: Caller, State(app): State<App>) -> Result<Json<Page<TokenView>>, Problem> {
    let tokens = app.service.tokens(&caller).await?;
    Ok(Json(Page { items: tokens.into_iter().map(Into::into).collect(), cursor: None }))
}

/// Takes a token back
///
/// At once and for good.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "administration", operation_id = "revokeToken",
    params(("id" = String, Path, description = "The token's public name.")),
    responses((status = 204, description = "It opens nothing any more."))
)]
pub(super) async fn revoke(
    caller: Caller,
    State(app): State<App>,
    At(Name(id)): At<Name>,
) -> Result<StatusCode, Problem> {
    app.service.revoke_token(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn api() -> String {
    "api".to_owned()
}

impl NewTokenBody {
    fn into_new(self) -> Result<NewToken, Problem> {
        let NewTokenBody { person, service, roles, channel, attests, expires_at } = self;
        let person = person.map(|id| id.parse::<PersonId>()).transpose().map_err(|why| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("`person`: {why}")).at("person")
        })?;
        let roles = roles.into_iter().map(Into::into).collect();
        Ok(NewToken { person, service, roles, channel, attests, expires_at: expires_at.map(|at| at.0) })
    }
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.label,
            person: token.person.to_string(),
            service: token.service,
            roles: token.roles.into_iter().map(Into::into).collect(),
            channel: token.channel,
            attests: token.attests,
            minted_at: token.minted_at.into(),
            expires_at: token.expires_at.map(Into::into),
            revoked_at: token.revoked_at.map(Into::into),
            last_used_at: token.used_at.map(Into::into),
        }
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Submitter => Role::Submitter,
            RoleWord::Reviewer => Role::Reviewer,
            RoleWord::Operator => Role::Operator,
            RoleWord::Auditor => Role::Auditor,
            RoleWord::Administrator => Role::Administrator,
        }
    }
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Submitter => RoleWord::Submitter,
            Role::Reviewer => RoleWord::Reviewer,
            Role::Operator => RoleWord::Operator,
            Role::Auditor => RoleWord::Auditor,
            Role::Administrator => RoleWord::Administrator,
        }
    }
}
