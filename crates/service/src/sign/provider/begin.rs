//! The way to the provider: what was asked there is kept here, for the browser that asks, and may be answered once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::app::Service;
use crate::keys::{Keys, mac};
use crate::portal::Door;
use crate::ports::chance;
use crate::ports::provider::Unreached;
use crate::ports::store::{Change, Find, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::sign::flood;

const KIND: &str = "asked_provider";
/// How long somebody may take at the provider.
const LIVES_MS: i64 = 15 * 60_000;

/// What is begun.
pub struct Begin<'a> {
    /// What the browser's forms are tied to: only it can come back with the answer.
    pub word: &'a str,
    /// The page to go on to.
    pub return_to: Option<&'a str>,
    /// Whether somebody who is signed in proves anew to be there.
    pub again: bool,
}

/// What was asked of the provider and is not answered yet.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) again: bool,
    pub(super) issuer: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) redirect_uri: String,
    pub(super) return_to: Option<String>,
    pub(super) begun_at: Timestamp,
}

/// By the browser too: whoever has the state alone, or brings it to another browser, finds nothing.
fn id(keys: &Keys, word: &str, state: &str) -> String {
    hex::encode(mac(&keys.index, &[b"asked_provider", word.as_bytes(), state.as_bytes()]))
}

/// A page of ours at the provider's disposal.
pub(super) fn page(door: &Door, path: &str) -> String {
    format!("{}{path}", door.url.trim_end_matches('/'))
}

impl Service {
    /// Where to send a browser so that its user signs in at the provider, or proves there anew to be there.
    ///
    /// # Errors
    /// When there is no provider, it cannot be reached, or too much was asked from there.
    pub async fn begin_at_provider(&self, door: &Door, begin: Begin<'_>) -> Result<String, Refusal> {
        let (oidc, provider) = self.provider().await?;
        self.count(flood::SIGN_IN, &door.client).await?;
        let now = self.store.load(Needs::default()).await?.now;
        let (published, _) = provider.known(&oidc.issuer, now).await?;
        let random = || URL_SAFE_NO_PAD.encode(chance::bytes::<32>(&*self.chance));
        let state = random();
        let asked = Asked {
            again: begin.again,
            issuer: oidc.issuer.clone(),
            nonce: random(),
            verifier: random(),
            redirect_uri: page(door, "/sign-in/oidc/back"),
            return_to: begin.return_to.map(str::to_owned),
            begun_at: now,
        };
        let odd = |_| Unreached("publishes an address that is none".to_owned());
        let mut url = Url::parse(&published.authorization_endpoint).map_err(odd)?;
        let scope = std::iter::once("openid").chain(oidc.scopes.iter().map(String::as_str));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &oidc.client_id)
            .append_pair("redirect_uri", &asked.redirect_uri)
            .append_pair("scope", &scope.collect::<Vec<_>>().join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &asked.nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&asked.verifier)))
            .append_pair("code_challenge_method", "S256");
        if asked.again {
            url.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
        }
        let (id, body) = (id(&self.keys, begin.word, &state), record::bytes(&asked)?);
        self.act(Needs::default(), move |loaded| {
            let put = RecordChange::Put {
                kind: KIND.to_owned(),
                id: id.clone(),
                body: body.clone(),
                terms: Vec::new(),
                expires_at: Some(loaded.now.plus_ms(LIVES_MS)),
                expect: Some(0),
            };
            Ok((Change { records: vec![put], ..Change::default() }, ()))
        })
        .await?;
        Ok(url.into())
    }

    /// What was asked from this browser under this state, which is used up by asking for it.
    pub(super) async fn take_asked(&self, word: &str, state: &str) -> Result<Asked, Refusal> {
        let id = id(&self.keys, word, state);
        let needs = Needs { records: vec![(KIND.to_owned(), Find::Id(id.clone()))], ..Needs::default() };
        let (_, asked) = self
            .act(needs, move |loaded| {
                let fresh = |at: Option<Timestamp>| at.is_some_and(|at| loaded.now < at);
                let found = loaded.of_kind(KIND).next().filter(|found| fresh(found.expires_at));
                let asked: Asked = record::read(found.ok_or(Refusal::NoChallenge)?)?;
                // It was loaded, so that of two who come with it at the same moment one finds it gone.
                let end = RecordChange::Delete { kind: KIND.to_owned(), id: id.clone() };
                Ok((Change { records: vec![end], ..Change::default() }, asked))
            })
            .await?;
        Ok(asked)
    }
}
