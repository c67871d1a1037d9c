//! Tokens of people and services: shown once, kept as a keyed hash.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Holder, Role};
use crate::keys::{Keys, mac};
use crate::ports::chance::{self, Chance};
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;

/// The kind of record.
pub const KIND: &str = "token";

const PREFIX: &str = "cs_";

/// The kind of record that says when a token was used last, apart from the token, so that calls do not rewrite it.
const USE_KIND: &str = "token_use";
/// How exactly that is known: a call does not become a write.
const USE_MS: i64 = 3_600_000;

/// When a token was used last.
#[derive(Serialize, Deserialize)]
struct Use {
    at: Timestamp,
}

/// What a token stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// Its public name.
    pub label: String,
    /// The person; for a service, who minted it.
    pub person: PersonId,
    /// The service, if it is one.
    pub service: Option<String>,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// `api`, `cli`, `portal` or `gateway`.
    pub channel: String,
    /// What it may attest: `identity`, …
    pub attests: BTreeSet<String>,
    /// When it was made.
    pub minted_at: Timestamp,
    /// When it runs out.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the hour, where somebody asked for that.
    #[serde(skip)]
    pub used_at: Option<Timestamp>,
}

impl Token {
    /// A new secret, which only its holder is ever shown.
    pub fn secret(chance: &dyn Chance) -> String {
        format!("{PREFIX}{}", hex::encode(chance::bytes::<32>(chance)))
    }

    /// Under what a secret is kept.
    pub fn key(keys: &Keys, secret: &str) -> String {
        hex::encode(mac(&keys.index, &[b"token", secret.as_bytes()]))
    }

    /// What to load for a secret; nothing for what cannot be one of ours.
    pub fn need(keys: &Keys, secret: &str) -> Option<(String, Find)> {
        let ours = secret.len() == PREFIX.len() + 64 && secret.starts_with(PREFIX);
        ours.then(|| (KIND.to_owned(), Find::Id(Self::key(keys, secret))))
    }

    /// What to load for when a secret was used last.
    pub(crate) fn need_use(key: &str) -> (String, Find) {
        (USE_KIND.to_owned(), Find::Id(key.to_owned()))
    }

    /// The record.
    pub fn put(&self, key: String, expect: Option<u64>) -> Result<RecordChange, Refusal> {
        let terms = vec![record::term("label", &self.label), record::term("person", self.person.as_bytes())];
        record::put(KIND, key, self, terms, expect)
    }

    /// Who calls with it, unless it ran out or was taken back.
    pub fn holder(&self, key: &str, now: Timestamp) -> Option<Holder> {
        let ran_out = self.expires_at.is_some_and(|at| at <= now);
        if ran_out || self.revoked_at.is_some() {
            return None;
        }
        Some(Holder {
            key: key.to_owned(),
            label: self.label.clone(),
            person: self.person,
            service: self.service.clone(),
            roles: self.roles.clone(),
            channel: self.channel.clone(),
            attests: self.attests.clone(),
            session: false,
        })
    }
}

impl Service {
    /// Notes that a token is used, unless that was noted within the hour.
    pub(crate) async fn note_use(&self, key: &str, loaded: &Loaded) {
        let noted = loaded.of_kind(USE_KIND).next().and_then(|record| record::read::<Use>(record).ok());
        if noted.is_some_and(|noted| loaded.now.since_ms(noted.at) < USE_MS) {
            return;
        }
        let key = key.to_owned();
        let noted = self
            .act(Needs::default(), move |loaded| {
                let put = record::put(USE_KIND, key.clone(), &Use { at: loaded.now }, Vec::new(), None)?;
                Ok((Change { records: vec![put], ..Change::default() }, ()))
            })
            .await;
        if let Err(refusal) = noted {
            // Nobody is kept out because this could not be written down.
            tracing::warn!(%refusal, "the use of a token was not noted");
        }
    }

    /// When each token was used last.
    pub(crate) async fn uses(&self) -> Result<BTreeMap<String, Timestamp>, Refusal> {
        let (mut uses, mut after) = (BTreeMap::new(), None::<String>);
        loop {
            let page = self.store.page(USE_KIND, after.as_deref(), 200).await?;
            let Some(last) = page.last() else { return Ok(uses) };
            after = Some(last.id.clone());
            for record in &page {
                uses.insert(record.id.clone(), record::read::<Use>(record)?.at);
            }
        }
    }
}
