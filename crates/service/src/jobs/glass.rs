//! After the glass was broken: every officer of the seats concerned is told at once, and again when the review is overdue.

use countersign_core::id::{PersonId, RequestId};

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::person;
use crate::ports::notifier::{About, Message};
use crate::ports::store::{Change, Find, Needs};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::glass::{INDEX, OVERDUE, words};
use crate::reviewers;

impl Service {
    /// `request/broken` or `request/overdue`.
    pub(crate) async fn glass(&self, key: &str) -> Result<Worked, JobError> {
        let (id, what) = split(key)?;
        let history = self.history(id).await?;
        let Some(glass) = history.state().dossier().glass() else { return Ok(Worked::Done) };
        let find = |seat: &String| (person::KIND.to_owned(), Find::Term(record::term("seat", seat)));
        let needs =
            Needs { request: Some(id), records: glass.seats.iter().map(find).collect(), ..Needs::default() };
        let (keys, what) = (self.keys.clone(), what.to_owned());
        self.act(needs, move |loaded| {
            let mut history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            let reviewed = history.state().dossier().glass().is_none_or(|glass| glass.review.is_some());
            if what == OVERDUE && reviewed {
                return Ok((Change::default(), ()));
            }
            let people = person::loaded(&keys, loaded)?;
            let jobs =
                people.keys().map(|person| wish("mail_glass", format!("{id}/{what}/{person}"), loaded.now));
            let mut change = Change { jobs: jobs.collect(), ..Change::default() };
            if what == OVERDUE {
                tracing::warn!(request = %id, "the review of a broken glass is overdue");
                history.find_under(INDEX, words(OVERDUE));
                change.request = Some(history.into_change());
            }
            Ok((change, ()))
        })
        .await?;
        Ok(Worked::Done)
    }

    /// `request/broken/person` or `request/overdue/person`.
    pub(crate) async fn mail_glass(&self, key: &str) -> Result<Worked, JobError> {
        let (id, rest) = split(key)?;
        let (what, officer) = rest.split_once('/').ok_or_else(damaged)?;
        let officer: PersonId = officer.parse().map_err(|_| damaged())?;
        let records = vec![person::need(officer), reviewers::need_choice(officer)];
        let needs = Needs { request: Some(id), records, ..Needs::default() };
        let loaded = self.store.load(needs).await.map_err(Refusal::from)?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let dossier = history.state().dossier();
        let Some(glass) = dossier.glass() else { return Ok(Worked::Done) };
        let overdue = what == OVERDUE;
        let people = person::loaded(&self.keys, &loaded)?;
        let person = people.get(&officer).map(|(person, _)| person).filter(|person| person.active);
        let Some(to) = person.and_then(|person| person.email()).map(str::to_owned) else {
            return Ok(Worked::Done);
        };
        if overdue && glass.review.is_some() {
            return Ok(Worked::Done);
        }
        let language = reviewers::reads(&*self.settings().await?, &loaded, officer)?;
        let action = dossier.submitted().action.clone();
        let link = self.console_page(&format!("/requests/{id}"));
        let about = About::GlassBroken { request: id, action, review_due: glass.review_due, overdue, link };
        self.deliver(Message::new(to, about, language)).await
    }
}

fn split(key: &str) -> Result<(RequestId, &str), JobError> {
    let (id, rest) = key.split_once('/').ok_or_else(damaged)?;
    Ok((id.parse().map_err(|_| damaged())?, rest))
}

fn damaged() -> Refusal {
    Refusal::Damaged("a notice of broken glass names no request or nobody".to_owned())
}
