//! What is known of a provider: the addresses that it publishes about itself, and its keys. Kept for a while; a key that is
//! not known is looked for again, but not at everybody's wish.

use std::sync::Arc;

use countersign_core::time::Timestamp;
use serde::Deserialize;
use url::Url;

use super::Provider;
use crate::app::Service;
use crate::jws::{Flaw, NoKey, Signed, SigningKeys};
use crate::person::Person;
use crate::ports::provider::Unreached;
use crate::refusal::Refusal;
use crate::settings::Oidc;

/// For how long what was read counts: also a key that was withdrawn opens nothing after that.
const LIVES_MS: i64 = 15 * 60_000;
/// How soon keys are read again because somebody named one that is not known.
const AGAIN_MS: i64 = 10_000;

/// What a provider publishes about itself.
#[derive(Deserialize)]
pub(super) struct Published {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    jwks_uri: String,
    pub(super) end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// What was read, and when.
pub(super) struct Known {
    published: Arc<Published>,
    keys: SigningKeys,
    read_at: Timestamp,
    /// When the keys were read because somebody named one that was not known.
    looked_again_at: Option<Timestamp>,
}

impl Published {
    /// Whether it speaks as we do. Every address that is going to be used was looked at.
    fn check(&self, issuer: &str) -> Result<(), Unreached> {
        let odd = |what: &str| Err(Unreached(what.to_owned()));
        if self.issuer != issuer {
            return odd("says in its description to be another one than the settings name");
        }
        let used = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        let tls = issuer.starts_with("https://");
        for address in used.into_iter().chain(&self.end_session_endpoint) {
            let safe = Url::parse(address)
                .is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && !tls));
            if !safe {
                return odd("publishes an address without TLS");
            }
        }
        if self
            .code_challenge_methods_supported
            .as_ref()
            .is_some_and(|all| !all.iter().any(|it| it == "S256"))
        {
            return odd("does not know PKCE with S256");
        }
        if self.by_basic().is_none() {
            return odd(
                "takes a client's secret neither by `client_secret_basic` nor by `client_secret_post`",
            );
        }
        Ok(())
    }

    /// Whether the secret goes into a header, or else into the form.
    pub(super) fn by_basic(&self) -> Option<bool> {
        let Some(methods) = &self.token_endpoint_auth_methods_supported else { return Some(true) };
        let takes = |name: &str| methods.iter().any(|it| it == name);
        match (takes("client_secret_basic"), takes("client_secret_post")) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }
}

impl Provider {
    async fn read(&self, issuer: &str, now: Timestamp) -> Result<Known, Unreached> {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let bytes = self.wire.document(&url).await?;
        let published: Published = serde_json::from_slice(&bytes)
            .map_err(|_| Unreached("publishes no description that can be read".to_owned()))?;
        published.check(issuer)?;
        let keys = self.keys(&published).await?;
        Ok(Known { published: Arc::new(published), keys, read_at: now, looked_again_at: None })
    }

    async fn keys(&self, published: &Published) -> Result<SigningKeys, Unreached> {
        let bytes = self.wire.document(&published.jwks_uri).await?;
        SigningKeys::read(&bytes).ok_or_else(|| Unreached("publishes no keys that can be read".to_owned()))
    }

    /// What it publishes, and its keys.
    pub(super) async fn known(
        &self,
        issuer: &str,
        now: Timestamp,
    ) -> Result<(Arc<Published>, SigningKeys), Unreached> {
        let mut known = self.known.lock().await;
        let fresh = known
            .as_ref()
            .filter(|it| it.published.issuer == issuer && (0..LIVES_MS).contains(&now.since_ms(it.read_at)));
        if let Some(it) = fresh {
            return Ok((Arc::clone(&it.published), it.keys.clone()));
        }
        let read = self.read(issuer, now).await?;
        let both = (Arc::clone(&read.published), read.keys.clone());
        *known = Some(read);
        Ok(both)
    }

    /// Its keys, read anew unless that was done a moment ago.
    async fn keys_again(&self, now: Timestamp) -> Result<Option<SigningKeys>, Unreached> {
        let mut known = self.known.lock().await;
        let long_ago = |it: &Known| it.looked_again_at.is_none_or(|at| now.since_ms(at) >= AGAIN_MS);
        let Some(it) = known.as_mut().filter(|it| long_ago(it)) else {
            return Ok(known.as_ref().map(|it| it.keys.clone()));
        };
        it.looked_again_at = Some(now);
        it.keys = self.keys(&it.published).await?;
        Ok(Some(it.keys.clone()))
    }

    /// Checks the signature of a token of its.
    pub(super) async fn check(&self, issuer: &str, token: &str, now: Timestamp) -> Result<Signed, Refusal> {
        let (_, keys) = self.known(issuer, now).await?;
        let checked = match keys.check(token) {
            Err(NoKey::Unknown) => match self.keys_again(now).await? {
                Some(keys) => keys.check(token),
                None => Err(NoKey::Unknown),
            },
            checked => checked,
        };
        checked.map_err(|no_key| match no_key {
            NoKey::Unknown => refused(Flaw("its key is not one of the provider's")),
            NoKey::Flawed(flaw) => refused(flaw),
        })
    }
}

impl From<Unreached> for Refusal {
    fn from(why: Unreached) -> Self {
        tracing::warn!(%why, "nobody can sign in by the identity provider now");
        Refusal::Source(why.to_string())
    }
}

/// What is wrong with a token is for the log; whoever sent it is told nothing.
pub(super) fn refused(flaw: Flaw) -> Refusal {
    tracing::warn!(%flaw, "a token of the identity provider was refused");
    Refusal::NotProved
}

impl Service {
    /// The provider that the settings name, and this node's way there.
    pub(super) async fn provider(&self) -> Result<(Oidc, &Provider), Refusal> {
        let settings = self.settings().await?;
        match (&settings.oidc, &self.provider) {
            (Some(oidc), Some(provider)) => Ok((oidc.clone(), provider)),
            (Some(_), None) => Err(Refusal::NotReady(
                "this node has no `[oidc]` in its configuration, so nobody signs in by the provider here"
                    .to_owned(),
            )),
            (None, _) => Err(Refusal::NotFound("way to sign in")),
        }
    }

    /// Whether a person signs in by the provider, and by nothing else.
    pub async fn comes_by_provider(&self, person: &Person) -> bool {
        self.provider().await.is_ok_and(|(oidc, _)| super::comes_by(person, Some(&oidc)))
    }

    /// What the provider is called, if people can sign in by one here.
    pub async fn provider_name(&self) -> Option<String> {
        self.provider().await.ok().map(|(oidc, _)| oidc.name)
    }
}
