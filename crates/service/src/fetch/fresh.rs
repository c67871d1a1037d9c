//! Proof once more, of a request that has ended with a package: it changes nothing in the request's history, and opens the
//! package for a while.

use countersign_core::id::RequestId;
use countersign_core::request::{Command, Ending, State};
use countersign_core::subject::Proof;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::Holder;
use crate::jobs::unpack::{self, Packed};
use crate::jobs::wish;
use crate::person;
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::verify::{self, Checked};
use crate::totp;

/// The kind of record.
const KIND: &str = "fresh_proof";
/// Longer than the settings let any proof be fresh.
const LIVES_MS: i64 = 2 * 86_400_000;

#[derive(Serialize, Deserialize)]
struct Fresh {
    method: String,
    at: Timestamp,
}

pub(crate) fn need(id: RequestId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(id.to_string()))
}

/// Whether there is something that a proof would open: a package, until it ends. Needs its record.
pub(crate) fn opens(history: &History, loaded: &Loaded) -> Result<bool, Refusal> {
    let ended =
        matches!(history.state(), State::Ended(_, Ending::Completed { outcome, .. }) if outcome.package);
    let Some(found) = loaded.of_kind(unpack::KIND).next().filter(|_| ended) else { return Ok(false) };
    let packed: Packed = record::read(found)?;
    Ok(packed.form == unpack::FORM && loaded.now < packed.until)
}

/// When the requester proved themselves after the end.
pub(super) fn again(loaded: &Loaded) -> Result<Option<Timestamp>, Refusal> {
    loaded.of_kind(KIND).next().map(|found| record::read::<Fresh>(found).map(|fresh| fresh.at)).transpose()
}

/// When the subject did on the way there.
pub(super) fn in_history(history: &History) -> Option<Timestamp> {
    history.state().dossier().proofs().iter().map(|proof| proof.at).max()
}

pub(crate) fn put(id: RequestId, method: &str, at: Timestamp) -> Result<RecordChange, Refusal> {
    Ok(RecordChange::Put {
        kind: KIND.to_owned(),
        id: id.to_string(),
        body: record::bytes(&Fresh { method: method.to_owned(), at })?,
        terms: Vec::new(),
        expires_at: Some(at.plus_ms(LIVES_MS)),
        expect: None,
    })
}

/// A right proof, with what else it changes: an event of the request's life, or after its end the key to its package.
/// Needs the package's record.
pub(crate) fn proved(
    mut history: History,
    proof: Proof,
    loaded: &Loaded,
    mut records: Vec<RecordChange>,
) -> Result<Change, Refusal> {
    let (id, now) = (history.state().dossier().id(), loaded.now);
    if opens(&history, loaded)? {
        records.push(put(id, &proof.method, now)?);
        return Ok(Change { records, ..Change::default() });
    }
    history.decide(Command::Verify { proof }, now)?;
    let jobs = vec![wish("advance", id.to_string(), now)];
    Ok(Change { request: Some(history.into_change()), records, jobs, ..Change::default() })
}

impl Service {
    /// A one-time password of a requester who is a person of ours: of their own device, for the package that they asked for.
    pub(crate) async fn check_own_device(
        &self,
        holder: &Holder,
        id: RequestId,
        code: &str,
    ) -> Result<Checked, Refusal> {
        let (keys, chance) = (self.keys.clone(), std::sync::Arc::clone(&self.chance));
        let (holder, code) = (holder.clone(), code.to_owned());
        let records = vec![holder.need(), person::need(holder.person), verify::need(id, "own_totp")];
        let (_, checked) = self
            .act(Needs { request: Some(id), records, ..Needs::default() }, move |loaded| {
                holder.recheck(loaded)?;
                let people = person::loaded(&keys, loaded)?;
                let Some((person, version)) =
                    people.get(&holder.person).filter(|(person, _)| person.active && person.totp.is_some())
                else {
                    return Ok((Change::default(), Checked::Unknown));
                };
                let (standing, standing_version) = verify::tries(loaded)?;
                let Some(standing) = standing else { return Ok((Change::default(), Checked::Gone)) };
                let Some(next) = totp::accept(person, &code, loaded.now) else {
                    let (change, left) = verify::wrong(id, "own_totp", standing, standing_version)?;
                    return Ok((change, Checked::Wrong { left }));
                };
                let records = vec![next.put(&keys, &*chance, Some(*version))?, put(id, "totp", loaded.now)?];
                Ok((Change { records, ..Change::default() }, Checked::Right))
            })
            .await?;
        Ok(checked)
    }
}
