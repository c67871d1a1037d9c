//! A subject's proof by passkey: one that somebody whom the sources hold as the subject set up before the request was made,
//! asked for after the survey (`docs/decisions/033-a-subjects-passkey.md`). Its page and its words are the door's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::id::RequestId;
use countersign_core::request as core;
use countersign_core::subject::Proof;
use countersign_core::time::Timestamp;
use serde_json::{Value, json};
use webauthn_rs::prelude::{DiscoverableAuthentication, DiscoverableKey, PublicKeyCredential};

use super::ceremony::{self, Purpose};
use super::passkey::{self, Held, held, not_proved};
use super::site::Site;
use crate::app::Service;
use crate::caller::Caller;
use crate::fetch::fresh;
use crate::jobs::unpack;
use crate::person;
use crate::ports::store::{Change, Needs};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::facts;
use crate::requests::picture::Picture;
use crate::requests::verify::{self, Checked};

/// The method, as policies name it.
const METHOD: &str = "passkey";

/// What a browser is asked, and until when it may answer.
pub struct AskedOf {
    /// What its script is handed.
    pub options: Value,
    /// Until when.
    pub until: Timestamp,
}

impl Service {
    /// Asks a browser for a passkey of whoever a request is about.
    ///
    /// # Errors
    /// Before anybody was looked for; when there is no passkey that counts, or were too many wrong answers; where browsers
    /// know no passkeys.
    pub async fn begin_proof(
        &self,
        site: Option<&Site>,
        caller: &Caller,
        id: RequestId,
    ) -> Result<AskedOf, Refusal> {
        let (site, history) = self.may_prove_by_passkey(site, caller, id).await?;
        let records = vec![verify::need(id, METHOD), unpack::need(id)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        if !matches!(history.state(), core::State::Waiting(_)) && !fresh::opens(&history, &loaded)? {
            return Err(Refusal::Rule(core::Refusal::TooLate));
        }
        verify::tries(&loaded)?.0.ok_or(Refusal::NoChallenge)?;
        let keys = self.passkeys_of(&history).await?;
        if keys.is_empty() {
            return Err(Refusal::NotEnrolled);
        }
        let (asked, state) = site.0.start_discoverable_authentication().map_err(not_proved)?;
        let until = self.begin_ceremony(Purpose::Prove, &id.to_string(), &state).await?;
        let mut options = serde_json::to_value(asked).map_err(|_| Refusal::Unavailable)?;
        // A button was pressed: the browser asks at once, and for one of these.
        options.as_object_mut().map(|options| options.remove("mediation"));
        let known =
            |held: &Held| json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(held.key.cred_id()) });
        options["publicKey"]["allowCredentials"] = keys.iter().map(known).collect();
        Ok(AskedOf { options, until })
    }

    /// Proves intent by what a browser answered. What was asked is used up by any answer; a wrong one is counted.
    ///
    /// # Errors
    /// When nothing was asked, nothing is proved, or too many answers were wrong. Nobody is told what was wrong with one.
    pub async fn prove_by_passkey(
        &self,
        site: Option<&Site>,
        caller: &Caller,
        id: RequestId,
        answer: &str,
    ) -> Result<Picture, Refusal> {
        let (site, history) = self.may_prove_by_passkey(site, caller, id).await?;
        let site = site.clone();
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(not_proved)?;
        let key = self.key_to_prove(id).await?;
        let mut records = facts::need_people(&history);
        records.extend([verify::need(id, METHOD), unpack::need(id)]);
        records.push(ceremony::need(&self.keys, Purpose::Prove, &id.to_string()));
        records.push(passkey::need(&self.keys, answer.get_credential_id()));
        let keys = self.keys.clone();
        let needs = Needs { request: Some(id), records, ..Needs::default() };
        let (_, checked) = self
            .act(needs, move |loaded| {
                let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
                let (Some(tries), version) = verify::tries(loaded)? else {
                    return Ok((Change::default(), Checked::Gone));
                };
                let state: DiscoverableAuthentication = ceremony::standing(loaded)?;
                // INVARIANT: it is gone with this answer, whatever that proves.
                let mut records = ceremony::end(loaded);
                let people = person::loaded(&keys, loaded)?;
                let known = held(loaded)?.pop().filter(|(held, ..)| counts(held, &history));
                let right = known.and_then(|(known, at, version)| {
                    let (person, _) = people.get(&known.person).filter(|(person, _)| person.active)?;
                    let identity = verify::held_identity(person, &history, &key)?;
                    let used = used(&site, &answer, state, known, loaded.now)?;
                    Some((used, at, version, identity))
                });
                let Some((used, at, used_version, identity)) = right else {
                    let (mut change, left) = verify::wrong(id, METHOD, tries, version)?;
                    change.records.append(&mut records);
                    return Ok((change, Checked::Wrong { left }));
                };
                records.push(used.put(at, used_version)?);
                let proof = Proof { method: METHOD.to_owned(), identity, at: loaded.now };
                Ok((fresh::proved(history, proof, loaded, records)?, Checked::Right))
            })
            .await?;
        self.came_to(caller, id, checked).await
    }

    /// Whether somebody whom the sources hold as the subject set one up before the request was made.
    pub(crate) async fn has_passkey(&self, history: &History) -> Result<bool, Refusal> {
        Ok(history.state().dossier().survey().is_some() && !self.passkeys_of(history).await?.is_empty())
    }

    /// Those of whoever the sources hold as the subject that count for a request.
    async fn passkeys_of(&self, history: &History) -> Result<Vec<Held>, Refusal> {
        let records = facts::need_people(history);
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let people = person::loaded(&self.keys, &loaded)?;
        let active = people.values().filter(|(person, _)| person.active);
        let records = active.map(|(person, _)| passkey::need_of(person.id)).collect();
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let all = held(&loaded)?.into_iter().map(|(held, ..)| held);
        Ok(all.filter(|held| counts(held, history)).collect())
    }

    async fn may_prove_by_passkey<'a>(
        &self,
        site: Option<&'a Site>,
        caller: &Caller,
        id: RequestId,
    ) -> Result<(&'a Site, History), Refusal> {
        if self.may_prove(caller, id).await?.is_some() {
            return Err(Refusal::invalid("method", "is `totp` for a package that one of ours asked for"));
        }
        let nowhere = || Refusal::invalid("method", "`passkey` needs that this server has a name, and HTTPS");
        let site = site.ok_or_else(nowhere)?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        // Before that it is not known who is meant, and nobody is told who has one.
        if history.state().dossier().survey().is_none() {
            return Err(Refusal::Rule(core::Refusal::TooEarly));
        }
        Ok((site, history))
    }
}

/// Set up before the request was made: whoever took a mailbox over would else make one of their own, and prove by it.
fn counts(held: &Held, history: &History) -> bool {
    held.enrolled_at < history.state().dossier().submitted_at()
}

/// The passkey after a right answer, with its counter as the device says it.
fn used(
    site: &Site,
    answer: &PublicKeyCredential,
    state: DiscoverableAuthentication,
    mut known: Held,
    now: Timestamp,
) -> Option<Held> {
    if answer.get_user_unique_id().is_some_and(|user| user != known.person.as_bytes()) {
        return None;
    }
    let key = DiscoverableKey::from(&known.key);
    let proof = site.0.finish_discoverable_authentication_v2(answer, state, &key).map_err(not_proved).ok()?;
    if !proof.user_verified() {
        return None;
    }
    known.key.update_credential(&proof);
    known.used_at = Some(now);
    Some(known)
}
