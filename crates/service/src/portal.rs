//! What a subject does at our own portal: ask, prove who they are, come back. Nobody has called with a token here:
//! that a request came in by the portal is said by this module alone, and nothing in it speaks for a person of ours.

mod access;
mod enter;
pub(crate) mod flood;
mod form;
mod seen;
mod submit;

use countersign_core::subject::Requester;

use crate::record::History;

pub use enter::Proof;
pub use seen::Seen;
pub(crate) use submit::WayBack;
pub use submit::{Asked, Door, Taken};

/// Whether a request came in at the portal: by the subject, and carried in by nobody. One that somebody's token
/// carried in is that application's to show.
fn is_ours(history: &History) -> bool {
    let asking = &history.state().dossier().submitted().asking;
    asking.requester == Requester::Subject && asking.persons.is_empty()
}
