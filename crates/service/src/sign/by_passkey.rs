//! Signing in by a passkey, without typing who one is; and proving once more to be there.

use serde_json::Value;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, PasskeyAuthentication, PublicKeyCredential,
};

use super::ceremony::{self, Purpose};
use super::passkey::{self, held, not_proved};
use super::session::{self, Entered, Means, SignedIn};
use super::site::Site;
use super::{flood, joined, provider};
use crate::app::Service;
use crate::person;
use crate::ports::store::{Change, Needs};
use crate::refusal::Refusal;

impl Service {
    /// Asks a browser for any passkey that it has for this site. Answers with what its script is handed.
    ///
    /// # Errors
    /// When too much was asked from there.
    pub async fn begin_sign_in(&self, site: &Site, word: &str, client: &str) -> Result<Value, Refusal> {
        self.count(flood::SIGN_IN, client).await?;
        let (asked, state) = site.0.start_discoverable_authentication().map_err(not_proved)?;
        self.begin_ceremony(Purpose::SignIn, word, &state).await?;
        let mut asked = serde_json::to_value(asked).map_err(|_| Refusal::Unavailable)?;
        // A button was pressed: the browser asks at once.
        asked.as_object_mut().map(|asked| asked.remove("mediation"));
        Ok(asked)
    }

    /// Lets in whoever proved to hold a passkey.
    ///
    /// # Errors
    /// When nothing was proved. Nobody is told what was wrong.
    pub async fn sign_in_by_passkey(
        &self,
        site: &Site,
        word: &str,
        answer: &str,
        device: &str,
    ) -> Result<Entered, Refusal> {
        let state: DiscoverableAuthentication = self.ceremony(Purpose::SignIn, word).await?;
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(not_proved)?;
        let (user, credential) = site.0.identify_discoverable_authentication(&answer).map_err(not_proved)?;
        let need_key = passkey::need(&self.keys, credential);
        let known = self.store.load(Needs { records: vec![need_key.clone()], ..Needs::default() }).await?;
        let (known, ..) = held(&known)?.pop().ok_or(Refusal::NotProved)?;
        let key = DiscoverableKey::from(&known.key);
        let proof = site.0.finish_discoverable_authentication_v2(&answer, state, &key).map_err(not_proved)?;
        if !proof.user_verified() || user.as_bytes() != known.person.as_bytes() {
            return Err(Refusal::NotProved);
        }
        let fresh = self.fresh_session(device).await?;
        let settings = self.settings().await?;
        let (keys, id, entered) = (self.keys.clone(), known.person, fresh.secret.clone());
        let records = vec![need_key, person::need(id), ceremony::need(&self.keys, Purpose::SignIn, word)];
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            let _: DiscoverableAuthentication = ceremony::standing(loaded)?;
            let (mut known, at, version) = held(loaded)?.pop().ok_or(Refusal::NotProved)?;
            let people = person::loaded(&keys, loaded)?;
            let found = people.get(&known.person).filter(|(person, _)| person.active && person.id == id);
            let (person, _) = found.ok_or(Refusal::NotProved)?;
            // Else a device would outlive their leave from the company.
            if provider::comes_by(person, settings.oidc.as_ref()) {
                return Err(Refusal::NotProved);
            }
            known.key.update_credential(&proof);
            known.used_at = Some(loaded.now);
            let mut records = ceremony::end(loaded);
            records.push(known.put(at, version)?);
            records.push(fresh.begin(id, Means::Passkey, true, loaded.now)?);
            records.push(joined::put(person, loaded.now)?);
            Ok((Change { records, ..Change::default() }, ()))
        })
        .await?;
        Ok(Entered { secret: entered, person: id })
    }

    /// Asks whoever is signed in for one of their passkeys.
    ///
    /// # Errors
    /// When they have none.
    pub async fn begin_again(&self, site: &Site, signed: &SignedIn, word: &str) -> Result<Value, Refusal> {
        let loaded = self.store.load(self.needs_of(signed)).await?;
        let keys: Vec<_> = held(&loaded)?.into_iter().map(|(held, ..)| held.key).collect();
        if keys.is_empty() {
            return Err(Refusal::NotFound("passkey"));
        }
        let (asked, state) = site.0.start_passkey_authentication(&keys).map_err(not_proved)?;
        self.begin_ceremony(Purpose::Again, word, &state).await?;
        serde_json::to_value(asked).map_err(|_| Refusal::Unavailable)
    }

    /// Notes in the session that its holder is there.
    ///
    /// # Errors
    /// When nothing was proved.
    pub async fn prove_again_by_passkey(
        &self,
        site: &Site,
        signed: &SignedIn,
        word: &str,
        answer: &str,
    ) -> Result<(), Refusal> {
        let state: PasskeyAuthentication = self.ceremony(Purpose::Again, word).await?;
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(not_proved)?;
        let proof = site.0.finish_passkey_authentication(&answer, &state).map_err(not_proved)?;
        if !proof.user_verified() {
            return Err(Refusal::NotProved);
        }
        let need_key = passkey::need(&self.keys, proof.cred_id());
        let need_ceremony = ceremony::need(&self.keys, Purpose::Again, word);
        let records = vec![signed.holder().need(), need_key, need_ceremony];
        let signed = signed.clone();
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            let _: PasskeyAuthentication = ceremony::standing(loaded)?;
            // One that was removed meanwhile proves nothing.
            let (mut known, at, version) = held(loaded)?.pop().ok_or(Refusal::NotProved)?;
            if known.person != signed.person.id {
                return Err(Refusal::NotProved);
            }
            known.key.update_credential(&proof);
            known.used_at = Some(loaded.now);
            let mut records = ceremony::end(loaded);
            records.push(known.put(at, version)?);
            records.push(session::proved(&signed, loaded)?);
            Ok((Change { records, ..Change::default() }, ()))
        })
        .await
        .map(drop)
    }
}
