//! A request with what people said about it, in order: each event with the name of whoever did it and the sealed text that
//! went with it, opened for whoever may read the request.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::{Commitment, PersonId, RequestId};
use countersign_core::request::{By, Event};
use countersign_core::subject::Requester;
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::caller::Caller;
use crate::person;
use crate::ports::store::Needs;
use crate::record;
use crate::refusal::Refusal;
use crate::requests::field;
use crate::requests::picture::Picture;
use crate::seal::DataKey;

/// Something that happened to a request.
#[derive(Clone, Debug)]
pub struct Telling {
    /// When.
    pub at: Timestamp,
    /// The index of its entry in the ledger, once it has one.
    pub leaf: Option<u64>,
    /// What.
    pub event: Event,
    /// By whom, if it was a person.
    pub by: Option<PersonId>,
    /// What they said. Sealed; gone with the request's key.
    pub said: Option<String>,
}

/// A request as people see it at the console.
#[derive(Clone, Debug)]
pub struct Told {
    /// The request.
    pub picture: Picture,
    /// Whom the requester named: kind, and as much of the value as tells one person from another.
    pub subject: Vec<(String, String)>,
    /// Names of everybody who did something about it.
    pub names: BTreeMap<PersonId, String>,
    /// What happened, in order.
    pub history: Vec<Telling>,
}

impl Told {
    /// The name of a person.
    pub fn name(&self, person: PersonId) -> Option<&str> {
        self.names.get(&person).map(|name| &**name)
    }
}

impl Service {
    /// A request with what people said about it, for whoever may see it.
    ///
    /// # Errors
    /// When the caller may not see this request, or there is none.
    pub async fn told(&self, caller: &Caller, id: RequestId) -> Result<Told, Refusal> {
        let picture = self.read(caller, id).await?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let record = loaded.request.ok_or(Refusal::NotFound("request"))?;
        let key = self.data_key(id).await?;
        let mut history = Vec::with_capacity(record.events.len());
        for stored in &record.events {
            let event = record::event(stored)?;
            let said = match (&key, commitment(&event)) {
                (Some(key), Some((what, commitment))) => self.said_under(key, id, what, commitment).await?,
                _ => None,
            };
            history.push(Telling { at: stored.at, leaf: stored.leaf, by: person_of(&event), event, said });
        }
        let mut subject = Vec::new();
        if let Some(key) = &key
            && let Some(plain) = self.field(key, id, field::SUBJECT).await?
        {
            let stated: field::Stated = serde_json::from_slice(&plain).unwrap_or_default();
            subject.extend(stated.into_iter().map(|(kind, value)| (kind, masked(&value))));
        }
        let mut people: BTreeSet<PersonId> = history.iter().filter_map(|it| it.by).collect();
        people.extend(match &picture.requester {
            Requester::Agent { person } | Requester::Staff { person } => Some(*person),
            Requester::Subject | Requester::Service { .. } | Requester::Schedule { .. } => None,
        });
        let names = self.names(people).await?;
        Ok(Told { picture, subject, names, history })
    }

    /// The names of people, as far as there are any.
    pub(crate) async fn names(
        &self,
        people: BTreeSet<PersonId>,
    ) -> Result<BTreeMap<PersonId, String>, Refusal> {
        let needs = Needs { records: people.into_iter().map(person::need).collect(), ..Needs::default() };
        let loaded = self.store.load(needs).await?;
        let people = person::loaded(&self.keys, &loaded)?;
        Ok(people.into_iter().map(|(id, (person, _))| (id, person.name)).collect())
    }

    async fn said_under(
        &self,
        key: &DataKey,
        id: RequestId,
        what: &str,
        commitment: Commitment,
    ) -> Result<Option<String>, Refusal> {
        let text = self.field(key, id, &field::said(what, &commitment)).await?;
        Ok(text.and_then(|text| String::from_utf8(text).ok()))
    }
}

/// Under what an event's text is sealed.
fn commitment(event: &Event) -> Option<(&'static str, Commitment)> {
    match event {
        Event::Approved { vote } => vote.reason.map(|reason| ("vote", reason)),
        Event::Denied { reason, .. } => reason.map(|reason| ("vote", reason)),
        Event::Extended { reason, .. } => reason.map(|reason| ("extend", reason)),
        Event::Accepted { reason, .. } => reason.map(|reason| ("accept", reason)),
        Event::Abandoned { reason, .. } => reason.map(|reason| ("abandon", reason)),
        Event::Commented { text, .. } => Some(("comment", *text)),
        Event::GlassReviewed { text, .. } => text.map(|text| ("review", text)),
        _ => None,
    }
}

fn person_of(event: &Event) -> Option<PersonId> {
    match event {
        Event::Approved { vote } => Some(vote.by),
        Event::Denied { by: By::Person { person, .. }, .. } => Some(*person),
        Event::Resolved { by, .. }
        | Event::Extended { by, .. }
        | Event::Accepted { by, .. }
        | Event::Abandoned { by, .. }
        | Event::Commented { by, .. }
        | Event::GlassBroken { by, .. }
        | Event::GlassReviewed { by, .. } => Some(*by),
        Event::RunStarted { by, .. } | Event::Withdrawn { by } => *by,
        _ => None,
    }
}

/// As much of an identity as tells one person from another who is known already: `d•••@example.test`, `•••005`.
fn masked(value: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    match value.split_once('@') {
        Some((name, domain)) => format!("{}•••@{domain}", first(name)),
        None => {
            let all: Vec<char> = value.chars().collect();
            let shown = all.len().saturating_sub(3).max(all.len() / 2);
            format!("•••{}", all[shown..].iter().collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn identity_is_shown_in_part() {
        assert_eq!(masked("dan.004@example.test"), "d•••@example.test");
        assert_eq!(masked("C-000005"), "•••005");
        assert_eq!(masked("7"), "•••7");
        assert_eq!(masked("42"), "•••2");
        assert_eq!(masked(""), "•••");
        assert_eq!(masked("@"), "•••@");
    }
}
