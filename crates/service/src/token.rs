//! Tokens of people and services: shown once, kept as a keyed hash.

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::caller::{Holder, Role};
use crate::keys::{Keys, mac};
use crate::ports::chance::{self, Chance};
use crate::ports::store::{Find, RecordChange};
use crate::record;
use crate::refusal::Refusal;

/// The kind of record.
pub const KIND: &str = "token";

const PREFIX: &str = "cs_";

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
        })
    }
}
