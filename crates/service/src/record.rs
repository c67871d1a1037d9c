//! Between our types and the store's bytes: a history is read and grown here, and nowhere else.
//! The form of an event has a number; a golden file holds one of each, so that a changed form is seen.

use countersign_core::id::RequestId;
use countersign_core::request::{Command, Event, State};
use countersign_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::store::{
    EventRecord, IndexTerm, NewEvent, Record, RecordChange, RequestChange, RequestRecord, Row, Status,
};
use crate::refusal::Refusal;

/// The form in which events are written.
const FORM: u32 = 1;

/// A request as it was loaded, and what is being added to it.
#[derive(Clone, Debug)]
pub struct History {
    id: RequestId,
    state: State,
    version: u64,
    changed_at: Timestamp,
    started_at: Option<Timestamp>,
    released_leaf: Option<u64>,
    terms: Vec<IndexTerm>,
    new: Vec<NewEvent>,
    new_terms: Vec<(String, Vec<Vec<u8>>)>,
}

impl History {
    /// A new request.
    pub fn begin(id: RequestId, at: Timestamp, event: &Event) -> Result<Self, Refusal> {
        let state = State::begin(id, at, event).map_err(damaged)?;
        let mut history = Self {
            id,
            state,
            version: 0,
            changed_at: at,
            started_at: None,
            released_leaf: None,
            terms: Vec::new(),
            new: Vec::new(),
            new_terms: Vec::new(),
        };
        history.write(at, event)?;
        Ok(history)
    }

    /// A stored request.
    pub fn read(record: &RequestRecord) -> Result<Self, Refusal> {
        let id = record.row.id;
        let mut released_leaf = None;
        let mut events = Vec::with_capacity(record.events.len());
        for stored in &record.events {
            let event = event(stored)?;
            if matches!(event, Event::Released { .. }) {
                released_leaf = stored.leaf;
            }
            events.push((stored.at, event));
        }
        let state = State::replay(id, events.iter().map(|(at, event)| (*at, event))).map_err(damaged)?;
        Ok(Self {
            id,
            state,
            version: record.row.version,
            changed_at: record.row.changed_at,
            started_at: record.row.started_at,
            released_leaf,
            terms: record.terms.clone(),
            new: Vec::new(),
            new_terms: Vec::new(),
        })
    }

    /// Where it stands, with what was added.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The number of its events, without those that are being added.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The ledger index of its latest release, as loaded; `None` also while that waits to enter the ledger.
    pub fn released_leaf(&self) -> Option<u64> {
        self.released_leaf
    }

    /// The loaded terms of an index.
    pub fn terms<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.terms.iter().filter(move |term| term.name == name).map(|term| &*term.value)
    }

    /// Decides, and adds what was decided. Answers how many events that were.
    pub fn decide(&mut self, command: Command, now: Timestamp) -> Result<usize, Refusal> {
        let events = self.state.decide(command, now)?;
        for event in &events {
            // The same `next` as on replay: an event that it refused would make the history unreadable.
            self.state = self.state.clone().next(now, event).map_err(damaged)?;
            self.write(now, event)?;
        }
        Ok(events.len())
    }

    /// Replaces the terms of an index.
    pub fn find_under(&mut self, name: &str, values: Vec<Vec<u8>>) {
        self.new_terms.retain(|(standing, _)| standing != name);
        self.new_terms.push((name.to_owned(), values));
    }

    /// Whether events or terms were added.
    pub fn is_touched(&self) -> bool {
        !self.new.is_empty() || !self.new_terms.is_empty()
    }

    /// What the store has to write.
    pub fn into_change(self) -> RequestChange {
        RequestChange { row: self.row(), events: self.new, terms: self.new_terms }
    }

    /// The row as it will stand.
    pub fn row(&self) -> Row {
        let dossier = self.state.dossier();
        let status = status(&self.state);
        Row {
            id: self.id,
            version: self.version + self.new.len() as u64,
            status,
            action: dossier.submitted().action.clone(),
            channel: dossier.submitted().channel.clone(),
            submitted_at: dossier.submitted_at(),
            due_at: dossier.due_at(),
            expires_at: matches!(status, Status::Waiting | Status::Released).then(|| dossier.expires_at()),
            started_at: self.started_at,
            changed_at: self.changed_at,
        }
    }

    fn write(&mut self, at: Timestamp, event: &Event) -> Result<(), Refusal> {
        let seq = self.version + self.new.len() as u64 + 1;
        let body = bytes(event)?;
        let entry = entry(self.id, seq, at, &body);
        if matches!(event, Event::RunStarted { .. }) {
            self.started_at = Some(at);
        }
        self.changed_at = at;
        self.new.push(NewEvent { kind: event.kind().to_owned(), form: FORM, body, entry });
        Ok(())
    }
}

/// An entry of the ledger about a request: JSON with the event as it is stored.
pub fn entry(request: RequestId, seq: u64, at: Timestamp, event: &[u8]) -> Vec<u8> {
    let head =
        format!("{{\"v\":1,\"request\":\"{request}\",\"seq\":{seq},\"at\":{},\"event\":", at.as_millis());
    [head.as_bytes(), event, b"}"].concat()
}

/// A stored event.
pub fn event(stored: &EventRecord) -> Result<Event, Refusal> {
    if stored.form != FORM {
        return Err(Refusal::Damaged(format!(
            "an event has form {}, and this version knows {FORM}",
            stored.form
        )));
    }
    serde_json::from_slice(&stored.body).map_err(|_| {
        Refusal::Damaged(format!("event {} of kind `{}` is not readable", stored.seq, stored.kind))
    })
}

/// The column for a state.
pub fn status(state: &State) -> Status {
    use countersign_core::request::Name;
    match state.name() {
        Name::Waiting => Status::Waiting,
        Name::Released => Status::Released,
        Name::Running => Status::Running,
        Name::Stuck => Status::Stuck,
        Name::Completed => Status::Completed,
        Name::Denied => Status::Denied,
        Name::Withdrawn => Status::Withdrawn,
        Name::Expired => Status::Expired,
        Name::Abandoned => Status::Abandoned,
    }
}

/// A body for the store.
pub fn bytes(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|_| Refusal::Damaged("a record cannot be written".to_owned()))
}

/// The body of a record.
pub fn read<T: DeserializeOwned>(record: &Record) -> Result<T, Refusal> {
    serde_json::from_slice(&record.body)
        .map_err(|_| Refusal::Damaged(format!("a record of kind `{}` is not readable", record.kind)))
}

/// Writes a record of which `expect` stands.
pub fn put(
    kind: &str,
    id: impl Into<String>,
    body: &impl Serialize,
    terms: Vec<IndexTerm>,
    expect: Option<u64>,
) -> Result<RecordChange, Refusal> {
    Ok(RecordChange::Put {
        kind: kind.to_owned(),
        id: id.into(),
        body: bytes(body)?,
        terms,
        expires_at: None,
        expect,
    })
}

/// A term.
pub fn term(name: &str, value: impl AsRef<[u8]>) -> IndexTerm {
    IndexTerm { name: name.to_owned(), value: value.as_ref().to_vec() }
}

fn damaged(broken: countersign_core::request::BrokenHistory) -> Refusal {
    Refusal::Damaged(broken.to_string())
}
