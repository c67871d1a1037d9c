//! Spans of a request's life, for whoever exports them: jobs, judgements, what is asked of sources, transactions. They hold
//! ids of requests, names from the settings, numbers and words of ours, never a value of a person, and cost nothing where
//! nobody listens. Who exports them, and where to, is not known here.

use countersign_core::id::RequestId;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, info_span};

use crate::ports::source::SourceError;
use crate::ports::store::Job;

/// What all spans are found by: their target. No line of the log has it.
pub const SPANS: &str = "countersign_span";

/// That a request began: what every other span about it belongs to.
pub(crate) fn request(id: RequestId, action: &str) {
    drop(info_span!(target: SPANS, "request", request = %id, action));
}

/// A job, from its claim until what it came to is known.
pub(crate) fn job(job: &Job) -> Span {
    let request = about(job).map(display);
    info_span!(target: SPANS, "job", kind = &*job.kind, request, attempts = job.attempts, outcome = Empty)
}

/// Policy is asked about a request.
pub(crate) fn judgement(id: RequestId) -> Span {
    info_span!(target: SPANS, "judgement", request = %id, status = Empty)
}

/// Something that changes our state, from the queue to the commit.
pub(crate) fn transaction() -> Span {
    info_span!(target: SPANS, "transaction")
}

/// Something that is asked of a source.
pub(crate) async fn at_source<T>(
    what: &'static str,
    source: &str,
    asked: impl Future<Output = Result<T, SourceError>>,
) -> Result<T, SourceError> {
    let span = info_span!(target: SPANS, "source", operation = what, source, failed = Empty);
    let answer = asked.instrument(span.clone()).await;
    if answer.is_err() {
        span.record("failed", true);
    }
    answer
}

/// The request that a job is about. Keys of other kinds name people, votes or actions.
fn about(job: &Job) -> Option<RequestId> {
    let kinds = ["advance", "run", "wake", "forget", "package_end", "mail_code", "mail_outcome"];
    kinds.contains(&&*job.kind).then(|| job.key.parse().ok()).flatten()
}
