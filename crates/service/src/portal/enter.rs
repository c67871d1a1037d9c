//! Proof by the mail: its code, or its link. Either takes the request over, so that whoever typed somebody else's
//! address is left with nothing once that person answers.

use countersign_core::id::{Blind, RequestId};
use countersign_core::request::{Command, State};
use countersign_core::subject::{self, Committed};
use subtle::ConstantTimeEq;

use super::{access, is_ours};
use crate::app::Service;
use crate::fetch::fresh;
use crate::jobs::{unpack, wish};
use crate::keys::mac;
use crate::ports::store::{Change, Needs};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::verify;

/// What was in the mail.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// Eight digits.
    Code(&'a str),
    /// The secret of the link.
    Link(&'a str),
}

enum Entered {
    Right { turn: u32 },
    Wrong { left: u32 },
    Gone,
}

impl Service {
    /// Proves by the mail, and takes the request over. Answers with the new key to it. `form` is the sent form's own
    /// name: sent twice, it is answered twice.
    ///
    /// # Errors
    /// The code is wrong, or neither code nor link stands any more.
    pub async fn enter(&self, id: RequestId, proof: Proof<'_>, form: &str) -> Result<String, Refusal> {
        let (tried, by_code) = match proof {
            Proof::Code(code) => {
                verify::check_digits(code, verify::CODE_DIGITS)?;
                (verify::hash(&self.keys, id, code), true)
            }
            Proof::Link(secret) => (verify::hash_link(&self.keys, id, secret), false),
        };
        let used_by = Blind::from_bytes(mac(&self.keys.index, &[b"used", tried.as_bytes(), form.as_bytes()]));
        let key = self.data_key(id).await?.ok_or(Refusal::NoChallenge)?;
        let identity = self.stated(&key, id, "email").await?;
        let identity = Committed { value: key.commit_identity(&identity), kind: identity.kind };
        let records = vec![verify::need(id, "email"), access::need(id), unpack::need(id)];
        let (_, entered) = self
            .act(Needs { request: Some(id), records, ..Needs::default() }, move |loaded| {
                let record = loaded.request.as_ref().ok_or(Refusal::NoChallenge)?;
                let mut history = History::read(record)?;
                let (turn, turn_version) = access::turn(loaded)?;
                let (Some(standing), version) = verify::challenge(loaded)? else {
                    return Ok((Change::default(), Entered::Gone));
                };
                if standing.used_by == Some(used_by) {
                    return Ok((Change::default(), Entered::Right { turn }));
                }
                let wanted = if by_code { standing.code_to_try() } else { standing.link };
                let Some(wanted) = wanted.filter(|_| loaded.now < standing.expires_at && is_ours(&history))
                else {
                    return Ok((Change::default(), Entered::Gone));
                };
                if !bool::from(wanted.as_bytes().ct_eq(tried.as_bytes())) {
                    // A link has too many digits to be guessed; only tries at the code are counted.
                    if !by_code {
                        return Ok((Change::default(), Entered::Gone));
                    }
                    let (change, left) = verify::wrong(id, "email", standing, version)?;
                    return Ok((change, Entered::Wrong { left }));
                }
                let used = standing.used(Some(used_by));
                let mut change = Change {
                    records: vec![
                        verify::put(id, "email", &used, version)?,
                        access::put(id, turn + 1, turn_version)?,
                    ],
                    ..Change::default()
                };
                let proofs = history.state().dossier().proofs();
                let proved = proofs.iter().any(|proof| proof.method == "email");
                if fresh::opens(&history, loaded)? {
                    change.records.push(fresh::put(id, "email", loaded.now)?);
                }
                if matches!(history.state(), State::Waiting(_)) && !proved {
                    let method = "email".to_owned();
                    let proof = subject::Proof { method, identity: identity.clone(), at: loaded.now };
                    history.decide(Command::Verify { proof }, loaded.now)?;
                    change.request = Some(history.into_change());
                    change.jobs.push(wish("advance", id.to_string(), loaded.now));
                }
                Ok((change, Entered::Right { turn: turn + 1 }))
            })
            .await?;
        match entered {
            Entered::Wrong { left } => Err(verify::told_wrong(id, left)),
            Entered::Gone => Err(Refusal::NoChallenge),
            Entered::Right { turn } => {
                self.advance_now(id).await;
                Ok(self.keys.subject_token_at(id, turn))
            }
        }
    }

    /// What a link would prove, if it stands: the action that was asked for. Looking changes nothing.
    ///
    /// # Errors
    /// The link does not stand any more.
    pub async fn link_stands(&self, id: RequestId, secret: &str) -> Result<String, Refusal> {
        let tried = verify::hash_link(&self.keys, id, secret);
        let records = vec![verify::need(id, "email")];
        let loaded = self.store.load(Needs { request: Some(id), records, ..Needs::default() }).await?;
        let record = loaded.request.as_ref().ok_or(Refusal::NoChallenge)?;
        let (standing, _) = verify::challenge(&loaded)?;
        let standing = standing.filter(|standing| loaded.now < standing.expires_at);
        let link = standing.and_then(|standing| standing.link).ok_or(Refusal::NoChallenge)?;
        let stands = bool::from(link.as_bytes().ct_eq(tried.as_bytes()));
        stands.then(|| record.row.action.clone()).ok_or(Refusal::NoChallenge)
    }
}
