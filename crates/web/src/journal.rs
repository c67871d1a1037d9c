//! What whoever watches a node is told in the log of people at its doors: who came in, who did not, what was refused to whom,
//! which forms were none of ours. Random ids and codes; never a name, an address or what was typed.

use countersign_core::id::PersonId;
use countersign_service::refusal::{Refusal, Sort};
use countersign_service::sign::Entered;

/// Somebody tried to come in.
pub(crate) fn came(by: &str, tried: Result<&Entered, &Refusal>) {
    match tried {
        Ok(Entered { person, .. }) => tracing::info!(%person, by, "somebody signed in"),
        Err(refusal) => tracing::warn!(code = refusal.code(), by, "somebody did not get in"),
    }
}

/// Somebody who is in tried to prove once more to be there.
pub(crate) fn proved(person: PersonId, by: &str, tried: Result<(), &Refusal>) {
    match tried {
        Ok(()) => tracing::info!(%person, by, "somebody proved to be there"),
        Err(refusal) => {
            tracing::warn!(%person, code = refusal.code(), by, "somebody did not prove to be there")
        }
    }
}

/// Somebody who is in sent a form, and was refused what it asks.
pub(crate) fn refused(person: PersonId, refusal: &Refusal) {
    if matches!(refusal.sort(), Sort::Unauthenticated | Sort::Forbidden) {
        tracing::warn!(%person, code = refusal.code(), "refused at the console");
    }
}

/// A form came that no page of ours made for whoever sent it, or that stood open for too long.
pub(crate) fn foreign_form(door: &str) {
    tracing::warn!(door, "a form was refused that is none of ours, or too old");
}
