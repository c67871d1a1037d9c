//! Tokens: minted once, shown once, taken back at once.

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::app::Service;
use crate::caller::{Act, Caller, Holder, Role};
use crate::ports::store::{Change, Find, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::second::{self, Second, What};
use crate::token::{self, Token};

/// A token to mint.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// For whom; the caller if not said.
    pub person: Option<PersonId>,
    /// For a service of this name, which the caller answers for.
    pub service: Option<String>,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Where its requests come in.
    pub channel: String,
    /// What it may attest.
    pub attests: BTreeSet<String>,
    /// When it runs out.
    pub expires_at: Option<Timestamp>,
}

/// A token that was minted. The secret is shown this once.
pub struct Minted {
    /// Its public name.
    pub label: String,
    /// What its holder sends.
    pub secret: String,
}

const CHANNELS: [&str; 4] = ["api", "cli", "portal", "gateway"];

#[derive(Serialize)]
struct TokenEntry<'a> {
    v: u8,
    at: Timestamp,
    token: &'a str,
    did: &'static str,
    person: PersonId,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    roles: &'a BTreeSet<Role>,
    attests: &'a BTreeSet<String>,
    by: PersonId,
}

impl Service {
    /// Mints a token. Administrators mint for services, and for themselves; nobody mints for another person.
    pub async fn mint_token(&self, caller: &Caller, new: NewToken) -> Result<Minted, Refusal> {
        let holder = caller.may(Act::ManageTokens)?.clone();
        check_token(&new, &holder)?;
        let secret = Token::secret(&*self.chance);
        let label = format!("t{}", hex::encode(crate::ports::chance::bytes::<6>(&*self.chance)));
        let key = Token::key(&self.keys, &secret);
        let by = holder.person;
        let named = label.clone();
        // Whoever may name anybody is vouched for by two; who mints for the act answers for the token.
        let attests = (!new.attests.is_empty()).then(|| fingerprint(&new));
        let mut needs = Needs { records: vec![holder.need()], ..Needs::default() };
        needs.records.extend(attests.iter().flat_map(second::need));
        let (_, minted) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let with = match &attests {
                    None => Change::default(),
                    Some(what) => match second::ask(loaded, &holder, what)? {
                        Second::Noted(change) => return Ok((change, false)),
                        Second::Go(with) => with,
                    },
                };
                let token = Token {
                    label: named.clone(),
                    person: by,
                    service: new.service.clone(),
                    roles: new.roles.clone(),
                    channel: new.channel.clone(),
                    attests: new.attests.clone(),
                    minted_at: loaded.now,
                    expires_at: new.expires_at,
                    revoked_at: None,
                    used_at: None,
                };
                let change = Change {
                    records: vec![token.put(key.clone(), Some(0))?],
                    entries: vec![token_entry(&token, loaded.now, "minted", by)?],
                    ..Change::default()
                };
                Ok((second::along(with, change), true))
            })
            .await?;
        if minted { Ok(Minted { label, secret }) } else { Err(Refusal::NeedsSecond) }
    }

    /// Takes a token back, at once and for good.
    pub async fn revoke_token(&self, caller: &Caller, label: &str) -> Result<(), Refusal> {
        let holder = caller.may(Act::ManageTokens)?.clone();
        let find = Find::Term(record::term("label", label));
        // The caller's own token is loaded beside the one that is meant.
        let what = What::Revoke { label: label.to_owned() };
        let mut needs = Needs { records: second::need(&what), ..Needs::default() };
        needs.records.extend([holder.need(), (token::KIND.to_owned(), find)]);
        let label = label.to_owned();
        let (_, revoked) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                for found in loaded.of_kind(token::KIND) {
                    let token: Token = record::read(found)?;
                    if token.label != label {
                        continue;
                    }
                    if token.revoked_at.is_some() {
                        return Ok((Change::default(), true));
                    }
                    // Else one of two could make themselves the only one.
                    let others = token.roles.contains(&Role::Administrator) && token.person != holder.person;
                    let with = match second::ask(loaded, &holder, &what)? {
                        Second::Noted(change) if others => return Ok((change, false)),
                        Second::Go(with) if others => with,
                        Second::Noted(_) | Second::Go(_) => Change::default(),
                    };
                    let token = Token { revoked_at: Some(loaded.now), ..token };
                    let change = Change {
                        records: vec![token.put(found.id.clone(), Some(found.version))?],
                        entries: vec![token_entry(&token, loaded.now, "revoked", holder.person)?],
                        ..Change::default()
                    };
                    return Ok((second::along(with, change), true));
                }
                Err(Refusal::NotFound("token"))
            })
            .await?;
        if revoked { Ok(()) } else { Err(Refusal::NeedsSecond) }
    }

    /// Every token, without its secret.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<Token>, Refusal> {
        caller.may(Act::ManageTokens)?;
        let uses = self.uses().await?;
        let mut tokens = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.page(token::KIND, after.as_deref(), 200).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            for record in &page {
                let token: Token = record::read(record)?;
                tokens.push(Token { used_at: uses.get(&record.id).copied(), ..token });
            }
        }
        Ok(tokens)
    }
}

/// The entry of the ledger about a token: its name, never its secret.
pub(crate) fn token_entry(
    token: &Token,
    at: Timestamp,
    did: &'static str,
    by: PersonId,
) -> Result<Vec<u8>, Refusal> {
    record::bytes(&TokenEntry {
        v: 1,
        at,
        token: &token.label,
        did,
        person: token.person,
        service: token.service.as_deref(),
        roles: &token.roles,
        attests: &token.attests,
        by,
    })
}

/// A token that attests, with everything that could differ.
fn fingerprint(new: &NewToken) -> What {
    let NewToken { person: _, service, roles, channel, attests, expires_at } = new;
    let shape = format!("{:?}", (service, roles, channel, attests, expires_at));
    What::Token { shape: hex::encode(Sha256::digest(shape)) }
}

fn check_token(new: &NewToken, by: &Holder) -> Result<(), Refusal> {
    if new.person.is_some_and(|person| person != by.person) {
        return Err(Refusal::invalid("person", "is the caller: nobody mints a token for another person"));
    }
    if new.roles.is_empty() {
        return Err(Refusal::invalid(
            "roles",
            "are at least one of submitter, reviewer, operator, auditor, administrator",
        ));
    }
    if !CHANNELS.contains(&&*new.channel) {
        return Err(Refusal::invalid("channel", format!("is one of {}", CHANNELS.join(", "))));
    }
    match &new.service {
        Some(name) => {
            let named = (1..=64).contains(&name.len())
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
            if !named {
                return Err(Refusal::invalid("service", "is 1 to 64 of a–z, 0–9, `-` and `_`"));
            }
            if new.roles.iter().any(|role| !matches!(role, Role::Submitter | Role::Auditor)) {
                return Err(Refusal::invalid("roles", "of a service are submitter and auditor"));
            }
        }
        // A reviewer who administers would be both sides of the table.
        None if new.roles.contains(&Role::Reviewer) => {
            return Err(Refusal::invalid("roles", "of an administrator do not include reviewer"));
        }
        None => {}
    }
    if new.attests.iter().any(|name| name != "identity") {
        return Err(Refusal::invalid("attests", "knows `identity` only"));
    }
    if !new.attests.is_empty() && new.service.is_none() {
        return Err(Refusal::invalid(
            "attests",
            "is for services: a customer's own application, a support desk",
        ));
    }
    Ok(())
}
