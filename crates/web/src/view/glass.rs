//! A broken glass on the wire: who broke it, why, and what somebody else thought of it.

use countersign_core::request::Glass;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment::Moment;

/// The glass was broken: the request is judged by other policies than usual. This never goes away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GlassView {
    /// By whom: a person's id.
    by: String,
    /// When.
    at: Moment,
    /// Why, in words, for those who review it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Whose members were told, and may review it.
    seats: Vec<String>,
    /// Until when it is to be reviewed.
    review_due: Moment,
    /// What somebody else thought of it, once they said so.
    review: Option<ReviewView>,
}

/// A review.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewView {
    /// Whose: a person's id.
    by: String,
    /// When.
    at: Moment,
    /// Whether it was right.
    justified: bool,
}

impl GlassView {
    pub(crate) fn of(glass: Glass, reason: Option<String>) -> Self {
        let review = glass.review.map(|review| ReviewView {
            by: review.by.to_string(),
            at: review.at.into(),
            justified: review.justified,
        });
        Self {
            by: glass.by.to_string(),
            at: glass.at.into(),
            reason,
            seats: glass.seats,
            review_due: glass.review_due.into(),
            review,
        }
    }
}
