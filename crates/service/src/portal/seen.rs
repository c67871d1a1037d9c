//! A request as its subject sees it at the portal.

use countersign_core::id::RequestId;
use countersign_core::request::Ending;
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::caller::Caller;
use crate::fetch::Package;
use crate::person;
use crate::ports::store::{Needs, Status};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::facts;
use crate::requests::picture::Picture;

/// A request as its subject sees it.
pub struct Seen {
    /// The request.
    pub picture: Picture,
    /// The address that was typed. Personal.
    pub email: Option<String>,
    /// Whether a device of theirs shows one-time passwords that count for this request; not told before proof.
    pub device: bool,
    /// Whether they set up a passkey that counts for this request; not told before proof, nor before anybody was looked for.
    pub passkey: bool,
    /// What there is to fetch.
    pub package: Option<Package>,
    /// The store's time.
    pub now: Timestamp,
}

impl Service {
    /// What the subject sees of their request.
    ///
    /// # Errors
    /// When the caller is not the subject of this request.
    pub async fn seen(&self, caller: &Caller, id: RequestId) -> Result<Seen, Refusal> {
        let picture = self.read(caller, id).await?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let proved = !picture.proofs.is_empty();
        let email = match self.data_key(id).await? {
            Some(key) => self.stated(&key, id, "email").await.ok().map(|identity| identity.value),
            None => None,
        };
        let ends_with_package =
            matches!(&picture.ending, Some(Ending::Completed { outcome, .. }) if outcome.package);
        let package = if ends_with_package { self.package(caller, id).await.ok() } else { None };
        let device = proved && self.has_device(&history).await?;
        let passkey = proved && self.has_passkey(&history).await?;
        Ok(Seen { picture, email, device, passkey, package, now: loaded.now })
    }

    /// Where it stands, and how often it changed: what a page asks that looks again by itself.
    ///
    /// # Errors
    /// When the caller is not the subject of this request.
    pub async fn standing(&self, caller: &Caller, id: RequestId) -> Result<(Status, u64), Refusal> {
        self.may_see(caller, id).await?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let row = loaded.request.ok_or(Refusal::NotFound("request"))?.row;
        Ok((row.status, row.version))
    }

    /// Whether somebody whom the sources hold as the subject enrolled a device before the request was made.
    async fn has_device(&self, history: &History) -> Result<bool, Refusal> {
        let submitted_at = history.state().dossier().submitted_at();
        let records = facts::need_people(history);
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let people = person::loaded(&self.keys, &loaded)?;
        Ok(people.values().any(|(person, _)| {
            person.active && person.totp.as_ref().is_some_and(|totp| totp.enrolled_at < submitted_at)
        }))
    }
}
