//! The company's identity provider, as far as HTTP reaches it. What is asked of it and what its answers mean is no matter
//! of this port.

use async_trait::async_trait;

/// It gave no answer that can be used. The text names no address, and nothing that was sent or received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the identity provider {0}")]
pub struct Unreached(pub String);

/// Calls an identity provider: no redirect is followed, no answer is taken that is longer than is sensible.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// A document at an address.
    ///
    /// # Errors
    /// When it did not come, or not with the status 200.
    async fn document(&self, url: &str) -> Result<Vec<u8>, Unreached>;

    /// What a form is answered with. `login`: name and password, as HTTP's basic authentication takes them.
    ///
    /// # Errors
    /// As [`IdentityProvider::document`].
    async fn form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        login: Option<(&str, &str)>,
    ) -> Result<Vec<u8>, Unreached>;
}
