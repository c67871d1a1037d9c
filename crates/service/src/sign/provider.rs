//! Signing in by the company's identity provider (OpenID Connect: authorization code with PKCE), proving there once more to
//! be here, and its word that somebody signed out. Whoever comes in so holds what their groups give, and nothing else
//! (`docs/decisions/028-seats-by-groups.md`).

mod begin;
mod claims;
mod enter;
mod known;
mod leave;
mod person;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::ports::provider::IdentityProvider;
use known::Known;

pub use begin::Begin;
pub use enter::{Came, Returned};
pub(crate) use person::comes_by;

/// How this node reaches the identity provider that the settings name.
pub struct Provider {
    wire: Arc<dyn IdentityProvider>,
    secret: Zeroizing<String>,
    known: tokio::sync::Mutex<Option<Known>>,
}

impl Provider {
    /// A way to the provider, and what this installation shows there to be itself.
    pub fn new(wire: Arc<dyn IdentityProvider>, secret: String) -> Self {
        Self { wire, secret: Zeroizing::new(secret), known: tokio::sync::Mutex::default() }
    }
}

/// Why somebody whom the provider vouches for is not let in all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlet {
    /// Their groups give them nothing here, or they were removed here.
    NothingGiven,
    /// The provider does not vouch for their address.
    Unverified,
    /// They administer: nobody does so by another's word.
    Administers,
    /// Their address is that of more than one person, or of one whom the provider knows otherwise.
    Unclear,
}

impl Unlet {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Unlet::NothingGiven => "nothing_given",
            Unlet::Unverified => "unverified",
            Unlet::Administers => "administers",
            Unlet::Unclear => "unclear",
        }
    }
}
