//! What the service refuses, as problems: one status for each sort.

use countersign_service::refusal::{Refusal, Sort};
use countersign_service::settings::Mistake;
use http::StatusCode;

use super::{MistakeView, Problem};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.sort() {
            Sort::Unauthenticated => StatusCode::UNAUTHORIZED,
            Sort::Forbidden => StatusCode::FORBIDDEN,
            Sort::NotFound => StatusCode::NOT_FOUND,
            Sort::Conflict => StatusCode::CONFLICT,
            Sort::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Sort::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Sort::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status.is_server_error() {
            tracing::warn!(code = refusal.code(), "refused for a reason of our own");
        }
        let mut problem = Problem::new(status, refusal.code(), refusal.to_string());
        match refusal {
            Refusal::Invalid { at, .. } => problem.0.at = Some(at),
            Refusal::WrongCode { left } => problem.0.left = Some(left),
            Refusal::Mistakes(mistakes) => {
                problem.0.mistakes = mistakes.into_iter().map(Into::into).collect()
            }
            _ => {}
        }
        problem
    }
}

impl From<Mistake> for MistakeView {
    fn from(mistake: Mistake) -> Self {
        let Mistake { file, line, column, message, snippet } = mistake;
        Self { file, line, column, message, snippet }
    }
}
