//! `/v1/clock`: whether the clock is believed. `/v1/clock/confirm`: an operator says that it is right.

use axum::Json;
use axum::extract::State;
use countersign_core::time::Timestamp;
use countersign_service::ClockView as Seen;
use countersign_service::caller::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{MaybeSent, Nothing};
use crate::problem::Problem;
use crate::view::moment::Moment;

/// What the clock tells, and whether it is believed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClockView {
    /// `sound` or `in_doubt`; in doubt, nothing is released that waits for time.
    #[schema(example = "sound")]
    state: &'static str,
    /// What it tells now.
    now: Moment,
    /// The latest time that was believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<Moment>,
    /// In doubt: what it should have told when it jumped.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Moment>,
    /// In doubt: what it told.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Moment>,
}

impl From<Seen> for ClockView {
    fn from(seen: Seen) -> Self {
        let moment = |at: Timestamp| Moment::from(at);
        Self {
            state: if seen.doubt.is_some() { "in_doubt" } else { "sound" },
            now: moment(seen.now),
            mark: seen.mark.map(moment),
            expected: seen.doubt.map(|doubt| moment(doubt.expected)),
            told: seen.doubt.map(|doubt| moment(doubt.told)),
        }
    }
}

/// Reads whether the clock is believed
#[utoipa::path(
    get, path = "/v1/clock", tag = "administration", operation_id = "readClock",
    responses((status = 200, description = "The clock.", body = ClockView))
)]
pub(super) async fn read(caller: Caller, State(app): State<App>) -> Result<Json<ClockView>, Problem> {
    Ok(Json(app.service.clock(&caller).await?.into()))
}

/// Says that the clock is right
///
/// Waits go on from here; everything open is judged again.
#[utoipa::path(
    post, path = "/v1/clock/confirm", tag = "administration", operation_id = "confirmClock",
    request_body = Nothing,
    responses((status = 200, description = "It is believed again.", body = ClockView))
)]
pub(super) async fn confirm(
    caller: Caller,
    State(app): State<App>,
    _body: MaybeSent<Nothing>,
) -> Result<Json<ClockView>, Problem> {
    Ok(Json(app.service.confirm_clock(&caller).await?.into()))
}
