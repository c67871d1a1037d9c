//! A person approves or denies.

use countersign_core::id::{Digest, RequestId};
use countersign_core::plan::Counts;
use countersign_core::request::Command;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::jobs::wish;
use crate::person;
use crate::ports::store::{Change, Needs, SealedChange};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::{ask, facts, field, judge, picture::Picture};
use crate::sign::step_up;

/// What a voter sends.
#[derive(Clone, Debug)]
pub struct Ballot {
    /// For or against.
    pub approve: bool,
    /// For which seat.
    pub seat: String,
    /// Of what: the digest that the voter saw.
    pub digest: Digest,
    /// The most rows per table that the voter signs, if not those seen and a tenth more.
    pub ceiling: Option<Counts>,
    /// Why. Sealed.
    pub reason: Option<String>,
}

impl Service {
    /// Records a vote, and takes the request as far as it then goes.
    pub async fn vote(&self, caller: &Caller, id: RequestId, ballot: Ballot) -> Result<Picture, Refusal> {
        match self.vote_once(caller, id, ballot.clone()).await {
            // Other settings were entered, here or on another node.
            Err(Refusal::Again) => {
                self.reload().await?;
                self.vote_once(caller, id, ballot).await
            }
            voted => voted,
        }
    }

    async fn vote_once(&self, caller: &Caller, id: RequestId, ballot: Ballot) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::Vote)?.clone();
        // A program has no seat, whoever minted its token.
        if holder.service.is_some() {
            return Err(Refusal::NotAllowed(Act::Vote.words()));
        }
        if let Some(reason) = &ballot.reason {
            ask::check_text("reason", reason)?;
        }
        let settings = self.settings().await?;
        let key = self.data_key(id).await?;
        let reason = match (&ballot.reason, &key) {
            (None, _) => None,
            (Some(_), None) => return Err(Refusal::NotFound("request")),
            (Some(reason), Some(key)) => {
                let commitment = key.commit("reason", reason.as_bytes());
                let name = field::said("vote", &commitment);
                let sealed = key.seal(&name, reason.as_bytes(), &*self.chance);
                let field = SealedChange::Field { request: id, field: name, sealed };
                Some((commitment, field))
            }
        };
        let needs = Needs {
            request: Some(id),
            records: vec![holder.need(), person::need(holder.person)],
            ..Needs::default()
        };
        let keys = self.keys.clone();
        self.act(needs, move |loaded| {
            holder.recheck(loaded)?;
            let mut history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            step_up::check(&settings, &history.state().dossier().submitted().action, &holder, loaded)?;
            let people = person::loaded(&keys, loaded)?;
            let (voter, _) = people.get(&holder.person).ok_or(Refusal::NotAllowed(Act::Vote.words()))?;
            let by = voter.actor(&keys, &facts::blinds(&history));
            let (commitment, sealed) = match &reason {
                Some((commitment, field)) => (Some(*commitment), vec![field.clone()]),
                None => (None, Vec::new()),
            };
            let command = if ballot.approve {
                let Ballot { seat, digest, ceiling, .. } = ballot.clone();
                Command::Approve { by, seat, digest, ceiling, reason: commitment }
            } else {
                Command::Deny { by, seat: ballot.seat.clone(), reason: commitment }
            };
            history.decide(command, loaded.now)?;
            let mut voters: Vec<Vec<u8>> = history.terms("voter").map(<[u8]>::to_vec).collect();
            voters.push(holder.person.as_bytes().to_vec());
            voters.sort();
            voters.dedup();
            history.find_under("voter", voters);
            let mut change = if ballot.approve {
                let jobs = vec![wish("advance", id.to_string(), loaded.now)];
                Change { request: Some(history.into_change()), jobs, ..Change::default() }
            } else {
                judge::ended(&mut history, loaded.now)
            };
            change.sealed = sealed;
            Ok((change, ()))
        })
        .await?;
        self.advance_now(id).await;
        self.picture(id).await
    }
}
