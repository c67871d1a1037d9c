//! What people do about a request besides voting: take it back, say who is meant, move its date, settle what is stuck.

use std::collections::BTreeMap;

use countersign_core::id::RequestId;
use countersign_core::request::{Command, Outcome, State};
use countersign_core::subject::Requester;
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::jobs::{JobError, wish};
use crate::person;
use crate::ports::store::{Change, Loaded, Needs, SealedChange};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::{ask, facts, field, judge, picture::Picture};

/// A free text, sealed and committed to.
pub(crate) type Said = Option<(countersign_core::id::Commitment, SealedChange)>;

impl Service {
    /// The requester takes it back.
    pub async fn withdraw(&self, caller: &Caller, id: RequestId) -> Result<Picture, Refusal> {
        let (holder, by) = match caller {
            Caller::Subject(own) if *own == id => (None, None),
            Caller::Subject(_) => return Err(Refusal::NotFound("request")),
            Caller::Token(holder) => {
                caller.may(Act::Submit)?;
                (Some(holder.clone()), Some(holder.person))
            }
        };
        self.change(id, holder, move |history, loaded| {
            let asking = &history.state().dossier().submitted().asking;
            let own =
                by.is_none_or(|by| asking.persons.contains(&by) && asking.requester != Requester::Subject);
            if !own {
                return Err(Refusal::NotFound("request"));
            }
            history.decide(Command::Withdraw { by }, loaded.now)?;
            Ok(judge::ended(history, loaded.now))
        })
        .await?;
        self.picture(id).await
    }

    /// A person says which of several people is meant, by further identities.
    pub async fn resolve(
        &self,
        caller: &Caller,
        id: RequestId,
        subject: BTreeMap<String, String>,
    ) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::Resolve)?.clone();
        let stated = ask::normalised(&subject)?;
        let key = self.data_key(id).await?.ok_or(Refusal::NotFound("request"))?;
        let plain = record::bytes(&stated)?;
        let choice = key.commit(field::CHOICE, &plain);
        let sealed = SealedChange::Field {
            request: id,
            field: field::CHOICE.to_owned(),
            sealed: key.seal(field::CHOICE, &plain, &*self.chance),
        };
        let keys = self.keys.clone();
        let person = holder.person;
        self.change(id, Some(holder), move |history, loaded| {
            let people = person::loaded(&keys, loaded)?;
            let (person, _) = people.get(&person).ok_or(Refusal::NotAllowed(Act::Resolve.words()))?;
            let by = person.actor(&keys, &facts::blinds(history));
            history.decide(Command::Resolve { by, choice }, loaded.now)?;
            Ok(Change { sealed: vec![sealed.clone()], ..again(history, id, loaded.now) })
        })
        .await?;
        self.advance_now(id).await;
        self.picture(id).await
    }

    /// Moves the law's date to a later one.
    pub async fn extend(
        &self,
        caller: &Caller,
        id: RequestId,
        due_at: Timestamp,
        reason: Option<String>,
    ) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::Extend)?.clone();
        let by = holder.person;
        let said = self.say(id, "extend", reason).await?;
        self.change(id, Some(holder), move |history, loaded| {
            let reason = said.as_ref().map(|(commitment, _)| *commitment);
            history.decide(Command::Extend { by, due_at, reason }, loaded.now)?;
            Ok(with(history, &said))
        })
        .await?;
        self.picture(id).await
    }

    /// Adds a remark.
    pub async fn comment(&self, caller: &Caller, id: RequestId, text: String) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::Comment)?.clone();
        let by = holder.person;
        let said = self.say(id, "comment", Some(text)).await?;
        self.change(id, Some(holder), move |history, loaded| {
            let (text, _) = said.as_ref().ok_or(Refusal::NotFound("request"))?;
            history.decide(Command::Comment { by, text: *text }, loaded.now)?;
            Ok(with(history, &said))
        })
        .await?;
        self.picture(id).await
    }

    /// Declares a stuck request done as it is.
    pub async fn accept(
        &self,
        caller: &Caller,
        id: RequestId,
        reason: Option<String>,
    ) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::Settle)?.clone();
        self.close_steps(id).await?;
        let by = holder.person;
        let said = self.say(id, "accept", reason).await?;
        self.change(id, Some(holder), move |history, loaded| {
            let State::Stuck(stuck) = history.state() else {
                return Err(Refusal::Rule(countersign_core::request::Refusal::TooEarly));
            };
            // What was signed and is not done counts as left.
            let mut outcome = Outcome::default();
            let dossier = history.state().dossier();
            for (source, table, rows) in stuck.survey().counts.iter() {
                if dossier.is_done(source) {
                    outcome.touched.add(source, table, rows);
                } else {
                    let parts = dossier.touched(source).of(source, table);
                    outcome.touched.add(source, table, parts);
                    outcome.left.add(source, table, rows.saturating_sub(parts));
                }
            }
            let reason = said.as_ref().map(|(commitment, _)| *commitment);
            history.decide(Command::Accept { by, outcome, reason }, loaded.now)?;
            let sealed = said.iter().map(|(_, field)| field.clone()).collect();
            Ok(Change { sealed, ..judge::ended(history, loaded.now) })
        })
        .await?;
        self.picture(id).await
    }

    /// Gives a stuck request up.
    pub async fn abandon(
        &self,
        caller: &Caller,
        id: RequestId,
        reason: Option<String>,
    ) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::Settle)?.clone();
        self.close_steps(id).await?;
        let by = holder.person;
        let said = self.say(id, "abandon", reason).await?;
        self.change(id, Some(holder), move |history, loaded| {
            let reason = said.as_ref().map(|(commitment, _)| *commitment);
            history.decide(Command::Abandon { by, reason }, loaded.now)?;
            let sealed = said.iter().map(|(_, field)| field.clone()).collect();
            Ok(Change { sealed, ..judge::ended(history, loaded.now) })
        })
        .await?;
        self.picture(id).await
    }

    /// Before a stuck request ends, what nobody knows of it is closed: else it could still happen afterwards. As long
    /// as the source does not answer, that is refused. Of a request that is not stuck nothing is touched: a run that
    /// goes on is nobody's to close.
    // INVARIANT 6: a run ends with every step done or void.
    pub(crate) async fn close_steps(&self, id: RequestId) -> Result<(), Refusal> {
        let run = match self.history(id).await?.state() {
            State::Stuck(stuck) => stuck.run(),
            _ => return Ok(()),
        };
        self.void_steps_of(id, run).await.map_err(|error| match error {
            JobError::Retry(refusal) | JobError::GiveUp(refusal) => refusal,
        })
    }

    /// One change of one request, by a token that is looked at again in the same transaction.
    pub(crate) async fn change(
        &self,
        id: RequestId,
        holder: Option<Holder>,
        decide: impl FnMut(&mut History, &Loaded) -> Result<Change, Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        self.change_with(Needs { request: Some(id), ..Needs::default() }, holder, decide).await
    }

    /// The same over more than the request.
    pub(crate) async fn change_with(
        &self,
        mut needs: Needs,
        holder: Option<Holder>,
        mut decide: impl FnMut(&mut History, &Loaded) -> Result<Change, Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        if let Some(holder) = &holder {
            needs.records.extend([holder.need(), person::need(holder.person)]);
        }
        self.act(needs, move |loaded| {
            if let Some(holder) = &holder {
                holder.recheck(loaded)?;
            }
            let mut history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            Ok((decide(&mut history, loaded)?, ()))
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn say(&self, id: RequestId, what: &str, text: Option<String>) -> Result<Said, Refusal> {
        let Some(text) = text else { return Ok(None) };
        ask::check_text(if what == "comment" { "text" } else { "reason" }, &text)?;
        let Some(key) = self.data_key(id).await? else {
            self.history(id).await?;
            let gone = "what we kept about this request is destroyed; nothing is added to it any more";
            return Err(Refusal::Standing(gone.to_owned()));
        };
        let commitment = key.commit(what, text.as_bytes());
        let name = field::said(what, &commitment);
        let sealed = key.seal(&name, text.as_bytes(), &*self.chance);
        Ok(Some((commitment, SealedChange::Field { request: id, field: name, sealed })))
    }
}

fn with(history: &History, said: &Said) -> Change {
    Change {
        request: Some(history.clone().into_change()),
        sealed: said.iter().map(|(_, field)| field.clone()).collect(),
        ..Change::default()
    }
}

fn again(history: &History, id: RequestId, now: Timestamp) -> Change {
    Change {
        request: Some(history.clone().into_change()),
        jobs: vec![wish("advance", id.to_string(), now)],
        ..Change::default()
    }
}
