//! `/v1/requests`: submit one, list them.

pub(super) mod abandon;
pub(super) mod accept;
pub(super) mod comments;
pub(super) mod evidence;
pub(super) mod extend;
pub(super) mod glass;
pub(super) mod one;
pub(super) mod package;
pub(super) mod resolve;
pub(super) mod retry;
pub(super) mod verifications;
pub(super) mod votes;
pub(super) mod withdraw;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_service::caller::Caller;
use countersign_service::ports::store::Status;
use countersign_service::requests::ask::{Ask, AskedBy};
use countersign_service::requests::picture::ListQuery;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Submitter;
use crate::extract::{Asked, Sent, Unique};
use crate::idempotency;
use crate::problem::Problem;
use crate::view::page::{self, Page};
use crate::view::request::{Request, RequestRow};

/// What is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submission {
    /// `access`, `export`, `erase`, `purge`, or one that the settings declare.
    #[schema(example = "export")]
    action: String,
    /// On whose behalf.
    #[serde(default)]
    requester: RequesterWord,
    /// Identities of the subject by kind: `email`, `phone`, `account`, …
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"email": "ana@example.test"}))]
    subject: Unique<String>,
    /// A dataset, as `source/name`, for actions on one.
    dataset: Option<String>,
    /// What the action wants to know beside.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    parameters: Unique<String>,
    /// Why, in words; kept sealed.
    reason: Option<String>,
    /// By what right an agent asks; kept sealed.
    mandate: Option<String>,
}

/// On whose behalf something is asked.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RequesterWord {
    /// The person whose data it is; the caller only carries it in.
    Subject,
    /// The caller.
    #[default]
    Caller,
    /// The caller, with a mandate of the subject.
    Agent,
}

/// Which requests to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// In any of these states, with commas between.
    #[param(example = "waiting,released")]
    status: Option<String>,
    /// Of this action.
    action: Option<String>,
    /// Waiting for this: `me`, or a word such as `vote:privacy`.
    #[param(example = "me")]
    waiting_for: Option<String>,
    /// Whose glass was broken: `any`, or where its review is: `due`, `overdue`, `done`.
    #[param(inline)]
    glass: Option<GlassWord>,
    /// About the subject of this identity: kind, colon, value.
    #[param(example = "email:ana@example.test")]
    subject: Option<String>,
    /// `newest` first, which is the default, or `oldest`.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many: 1 to 200, 50 if nobody says.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Where the review of a broken glass is.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GlassWord {
    /// Wherever it is.
    Any,
    /// Not due yet.
    Due,
    /// Its time is over.
    Overdue,
    /// Done.
    Done,
}

impl GlassWord {
    fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Due => "due",
            Self::Overdue => "overdue",
            Self::Done => "done",
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first: for a queue.
    Oldest,
}

/// Submits a request
///
/// Sent again with the same `Idempotency-Key` it gives the same request and not a second.
#[utoipa::path(
    post, path = "/v1/requests", tag = "requests", operation_id = "submitRequest", request_body = Submission,
    responses((status = 201, description = "It was taken in.", body = Request,
        headers(("location" = String, description = "Where the request is."))))
)]
pub(super) async fn submit(
    Submitter(caller): Submitter,
    State(app): State<App>,
    headers: HeaderMap,
    Sent(submission): Sent<Submission>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers)?;
    let receipt = app.service.submit(&caller, submission.into_ask(key)).await?;
    let location = [(LOCATION, format!("/v1/requests/{}", receipt.picture.row.id))];
    let again = receipt.again;
    let request = Request::with_token(receipt.picture, receipt.subject_token);
    let answer = (StatusCode::CREATED, location, Json(request)).into_response();
    Ok(if again { idempotency::replayed(answer) } else { answer })
}

/// Lists requests
///
/// A caller who may not list all of them gets their own.
#[utoipa::path(
    get, path = "/v1/requests", tag = "requests", operation_id = "listRequests", params(ListParams),
    responses((status = 200, description = "A page of them.", body = Page<RequestRow>))
)]
pub(super) async fn list(
    caller: Caller,
    State(app): State<App>,
    Asked(params): Asked<ListParams>,
) -> Result<Json<Page<RequestRow>>, Problem> {
    let query = params.into_query()?;
    let limit = query.limit as usize;
    let rows = app.service.list(&caller, query).await?;
    let cursor = rows.last().filter(|_| rows.len() >= limit);
    let cursor = cursor.map(|row| page::after_request(row.submitted_at, row.id));
    Ok(Json(Page { items: rows.into_iter().map(Into::into).collect(), cursor }))
}

impl Submission {
    fn into_ask(self, idempotency_key: Option<String>) -> Ask {
        let Submission { action, requester, subject, dataset, parameters, reason, mandate } = self;
        let by = match requester {
            RequesterWord::Subject => AskedBy::Subject,
            RequesterWord::Caller => AskedBy::Caller,
            RequesterWord::Agent => AskedBy::Agent,
        };
        let (subject, parameters) = (subject.0, parameters.0);
        Ask { action, by, subject, dataset, parameters, reason, mandate, idempotency_key }
    }
}

impl ListParams {
    fn into_query(self) -> Result<ListQuery, Problem> {
        let ListParams { status, action, waiting_for, glass, subject, order, cursor, limit } = self;
        Ok(ListQuery {
            status: status.as_deref().map_or(Ok(Vec::new()), statuses)?,
            action,
            waiting_for,
            seats: None,
            glass: glass.map(|glass| glass.word().to_owned()),
            subject: subject.as_deref().map(identity).transpose()?,
            after: cursor.as_deref().map(page::request_after).transpose()?,
            limit: page::length(limit)?,
            oldest_first: order == Order::Oldest,
        })
    }
}

fn statuses(words: &str) -> Result<Vec<Status>, Problem> {
    let known = || Status::ALL.map(Status::name).join(", ");
    let status = |word| {
        Status::of_name(word)
            .ok_or_else(|| wrong("status", format!("`status` is any of {}, with commas between", known())))
    };
    words.split(',').map(status).collect()
}

fn identity(text: &str) -> Result<(String, String), Problem> {
    let parts = text.split_once(':').filter(|(kind, value)| !kind.is_empty() && !value.trim().is_empty());
    parts
        .map(|(kind, value)| (kind.to_owned(), value.to_owned()))
        .ok_or_else(|| wrong("subject", "`subject` is a kind, a colon and a value: `email:…`".to_owned()))
}

fn wrong(at: &str, detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_query", detail).at(at)
}
