//! The call to vote, and the reminder: one message for each person whom a request waits for, looked at again at the
//! moment of sending it.

use std::collections::BTreeSet;

use countersign_core::id::{PersonId, RequestId};
use countersign_core::request::State;

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::person;
use crate::ports::notifier::{About, Message};
use crate::ports::store::{Change, Find, Needs};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::reviewers::{self, Notice};
use crate::settings::Pace;

impl Service {
    /// `request/seat`: notes for each of the seat that they are to be told, and when.
    pub(crate) async fn call(&self, key: &str) -> Result<Worked, JobError> {
        let (id, seat) =
            key.split_once('/').ok_or_else(|| Refusal::Damaged("a call to vote names no seat".to_owned()))?;
        let id: RequestId = id.parse().map_err(|_| damaged())?;
        let settings = self.settings().await?;
        let seats = if seat == "any" { settings.groups.clone() } else { BTreeSet::from([seat.to_owned()]) };
        let people = self.people_of(&seats).await?;
        let keys = self.keys.clone();
        self.act(needs(id, &people), move |loaded| {
            let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            let dossier = history.state().dossier();
            let Some(round) = reviewers::round(dossier) else { return Ok((Change::default(), ())) };
            let choice = reviewers::choices(&settings, loaded)?;
            let mut change = Change::default();
            for (person, _) in person::loaded(&keys, loaded)?.values() {
                let Some(seat) = reviewers::waits_for(&keys, &history, person) else { continue };
                let before = reviewers::notice_of(loaded, id, person.id)?;
                // Called for another seat of theirs, or by a try of this job that died before its end was recorded.
                if before.as_ref().is_some_and(|before| before.round == round) {
                    continue;
                }
                let reminded_at = before.and_then(|before| before.reminded_at);
                let (round, ends_at) = (round.clone(), dossier.expires_at());
                let notice =
                    Notice { request: id, person: person.id, round, ends_at, told_at: None, reminded_at };
                change.records.push(notice.put()?);
                let choice = choice(person.id);
                change.jobs.push(match choice.pace {
                    Pace::AtOnce => wish("mail_vote", format!("{id}/{seat}/{}", person.id), loaded.now),
                    Pace::Digest => wish("digest", person.id.to_string(), choice.next_at(loaded.now)),
                });
            }
            // Whoever is called after that moment has just been told.
            let remind_at = reviewers::remind_at(&settings, dossier).filter(|at| *at > loaded.now);
            change.jobs.extend(remind_at.map(|at| wish("remind", id.to_string(), at)));
            Ok((change, ()))
        })
        .await?;
        Ok(Worked::Done)
    }

    /// Whoever has not voted when most of the time is over.
    pub(crate) async fn remind(&self, id: RequestId) -> Result<Worked, JobError> {
        let settings = self.settings().await?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await;
        let loaded = loaded.map_err(Refusal::from)?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let State::Waiting(dossier) = history.state() else { return Ok(Worked::Done) };
        let Some(at) = reviewers::remind_at(&settings, dossier) else { return Ok(Worked::Done) };
        // Somebody moved the law's date, or other settings were entered.
        if at > loaded.now {
            return Ok(Worked::Later(at.since_ms(loaded.now)));
        }
        let people = self.people_of(&reviewers::seats_asked(&settings, &history)).await?;
        let keys = self.keys.clone();
        self.act(needs(id, &people), move |loaded| {
            let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            let mut jobs = Vec::new();
            for (person, _) in person::loaded(&keys, loaded)?.values() {
                let reminded = reviewers::notice_of(loaded, id, person.id)?
                    .is_some_and(|notice| notice.reminded_at.is_some());
                if let Some(seat) = reviewers::waits_for(&keys, &history, person).filter(|_| !reminded) {
                    jobs.push(wish("mail_reminder", format!("{id}/{seat}/{}", person.id), loaded.now));
                }
            }
            Ok((Change { jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(Worked::Done)
    }

    /// `request/seat/person`.
    pub(crate) async fn mail_vote(&self, key: &str) -> Result<Worked, JobError> {
        self.tell(key, false).await
    }

    /// `request/seat/person`.
    pub(crate) async fn mail_reminder(&self, key: &str) -> Result<Worked, JobError> {
        self.tell(key, true).await
    }

    async fn tell(&self, key: &str, reminder: bool) -> Result<Worked, JobError> {
        let mut parts = key.splitn(3, '/');
        let id: RequestId = parts.next().and_then(|id| id.parse().ok()).ok_or_else(damaged)?;
        let voter: PersonId = parts.nth(1).and_then(|id| id.parse().ok()).ok_or_else(damaged)?;
        let loaded = self.store.load(needs(id, &[voter])).await.map_err(Refusal::from)?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let dossier = history.state().dossier();
        let people = person::loaded(&self.keys, &loaded)?;
        let (Some((person, _)), Some(round)) = (people.get(&voter), reviewers::round(dossier)) else {
            return Ok(Worked::Done);
        };
        let said = reviewers::notice_of(&loaded, id, voter)?.is_some_and(|notice| {
            let said = if reminder { notice.reminded_at } else { notice.told_at };
            said.is_some() && (reminder || notice.round == round)
        });
        let Some(seat) = reviewers::waits_for(&self.keys, &history, person).filter(|_| !said) else {
            return Ok(Worked::Done);
        };
        let Some(to) = person.email().map(str::to_owned) else { return Ok(Worked::Done) };
        let about = About::CallToVote {
            request: id,
            action: dossier.submitted().action.clone(),
            seat,
            due_at: dossier.due_at(),
            again: dossier.runs() > 0,
            reminder,
            link: self.console_page(&format!("/requests/{id}")),
        };
        let language = reviewers::reads(&*self.settings().await?, &loaded, voter)?;
        let kind = if reminder { "reminder" } else { "call" };
        let name = reviewers::name_of(&self.keys, voter, &[kind, &id.to_string(), &round]);
        self.deliver(Message { name: Some(name), ..Message::new(to, about, language) }).await?;
        let ends_at = dossier.expires_at();
        let notice = Notice { request: id, person: voter, round, ends_at, told_at: None, reminded_at: None };
        self.note_told(voter, vec![notice], reminder).await?;
        Ok(Worked::Done)
    }

    /// Notes that somebody was told of all these, so that they are not told again.
    pub(crate) async fn note_told(
        &self,
        person: PersonId,
        notices: Vec<Notice>,
        reminder: bool,
    ) -> Result<(), Refusal> {
        let records = notices.iter().map(|notice| reviewers::need_notice(notice.request, person)).collect();
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            let mut records = Vec::new();
            for notice in &notices {
                let before = reviewers::notice_of(loaded, notice.request, person)?;
                // They were called anew while this was said: that has to be said too.
                if before.as_ref().is_some_and(|before| before.round != notice.round) {
                    continue;
                }
                let reminded = reminder.then_some(loaded.now);
                let reminded_at = before.and_then(|before| before.reminded_at).or(reminded);
                records.push(Notice { told_at: Some(loaded.now), reminded_at, ..notice.clone() }.put()?);
            }
            Ok((Change { records, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }

    /// Whoever holds one of these seats.
    async fn people_of(&self, seats: &BTreeSet<String>) -> Result<Vec<PersonId>, Refusal> {
        let find = |seat: &String| (person::KIND.to_owned(), Find::Term(record::term("seat", seat)));
        let needs = Needs { records: seats.iter().map(find).collect(), ..Needs::default() };
        let loaded = self.store.load(needs).await?;
        Ok(person::loaded(&self.keys, &loaded)?.into_keys().collect())
    }
}

fn needs(id: RequestId, people: &[PersonId]) -> Needs {
    let of = |person: &PersonId| {
        [person::need(*person), reviewers::need_choice(*person), reviewers::need_notice(id, *person)]
    };
    Needs { request: Some(id), records: people.iter().flat_map(of).collect(), ..Needs::default() }
}

fn damaged() -> Refusal {
    Refusal::Damaged("a call to vote names no request or nobody".to_owned())
}
