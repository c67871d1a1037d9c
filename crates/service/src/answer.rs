//! Answers that are remembered by their `Idempotency-Key`: the same call again is answered and not done again.

use countersign_core::id::RequestId;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::Caller;
use crate::keys::{Keys, mac};
use crate::ports::chance::Chance;
use crate::ports::store::{Change, Find, IndexTerm, Needs, Record, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::seal;

/// The kind of record.
pub(crate) const KIND: &str = "answer";
const LIVES_MS: i64 = 24 * 3_600_000;
/// A call that never answered, because its node died, may be sent again after this.
const BUSY_MS: i64 = 60_000;

#[derive(Serialize, Deserialize)]
struct Answer {
    fingerprint: String,
    since: i64,
    status: Option<u16>,
    body: String,
    /// Whose key it is sealed under, so that it dies with the request's other copies.
    #[serde(default)]
    request: Option<RequestId>,
}

/// Under what the answers about a request are found.
pub(crate) fn term(request: RequestId) -> IndexTerm {
    record::term("request", request.as_bytes())
}

/// The name of an answer as a field of its request.
fn field(id: &str) -> String {
    format!("answer/{id}")
}

/// The right to answer under a key.
#[derive(Clone, Debug)]
pub struct Ticket {
    id: String,
    fingerprint: String,
    about: Option<RequestId>,
}

/// What stands under a key.
#[derive(Debug)]
pub enum Begun {
    /// Nothing: do it, then say so with the ticket.
    Fresh(Ticket),
    /// It was done: this was the answer.
    Replay {
        /// The status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// It is being done.
    Busy,
}

impl Service {
    /// Looks under a key. `about` is the request that the call speaks of, `fingerprint` is of method, path and body.
    pub async fn answer_begin(
        &self,
        caller: &Caller,
        about: Option<RequestId>,
        key: &str,
        fingerprint: &[u8],
    ) -> Result<Begun, Refusal> {
        let whose = match caller {
            Caller::Subject(request) => request.to_string(),
            Caller::Token(holder) => holder.key.clone(),
        };
        let id = hex::encode(mac(&self.keys.index, &[b"answer", whose.as_bytes(), key.as_bytes()]));
        let fingerprint = hex::encode(mac(&self.keys.index, &[b"fingerprint", fingerprint]));
        let needs = Needs { records: vec![(KIND.to_owned(), Find::Id(id.clone()))], ..Needs::default() };
        let ticket = Ticket { id: id.clone(), fingerprint: fingerprint.clone(), about };
        let keys = self.keys.clone();
        let data_key = match about {
            Some(request) => self.data_key(request).await?,
            None => None,
        };
        let (_, begun) = self
            .act(needs, move |loaded| {
                let standing = loaded.of_kind(KIND).next();
                if let Some(record) = standing {
                    let answer: Answer = record::read(record)?;
                    if answer.fingerprint != fingerprint {
                        return Err(Refusal::KeyReused);
                    }
                    if let Some(status) = answer.status {
                        let sealed = hex::decode(&answer.body).unwrap_or_default();
                        let body = match (&answer.request, &data_key) {
                            (None, _) => seal::open_from_store(&keys, &id, &sealed),
                            (Some(_), Some(key)) => key.open(&field(&id), &sealed),
                            (Some(_), None) => {
                                let gone =
                                    "what was answered is destroyed with all that we kept about the request";
                                return Err(Refusal::Standing(gone.to_owned()));
                            }
                        };
                        let body = body.map_err(|_| Refusal::Damaged("a remembered answer".to_owned()))?;
                        return Ok((Change::default(), Begun::Replay { status, body }));
                    }
                    if loaded.now.as_millis() - answer.since < BUSY_MS {
                        return Ok((Change::default(), Begun::Busy));
                    }
                }
                let since = loaded.now.as_millis();
                let answer = Answer {
                    fingerprint: fingerprint.clone(),
                    since,
                    status: None,
                    body: String::new(),
                    request: None,
                };
                let expect = Some(standing.map_or(0, |record| record.version));
                let put = put(&id, &answer, loaded.now.plus_ms(LIVES_MS), expect)?;
                Ok((Change { records: vec![put], ..Change::default() }, Begun::Fresh(ticket.clone())))
            })
            .await?;
        Ok(begun)
    }

    /// Remembers an answer. A server's own failure is forgotten, so that it can be tried again.
    pub async fn answer_finish(&self, ticket: Ticket, status: u16, body: &[u8]) -> Result<(), Refusal> {
        let data_key = match ticket.about {
            Some(request) => self.data_key(request).await?,
            None => None,
        };
        let request = ticket.about.filter(|_| data_key.is_some());
        let sealed = hex::encode(match &data_key {
            Some(key) => key.seal(&field(&ticket.id), body, &*self.chance),
            None => seal::seal_for_store(&self.keys, &ticket.id, body, &*self.chance),
        });
        self.act(Needs::default(), move |loaded| {
            let change = if status >= 500 {
                RecordChange::Delete { kind: KIND.to_owned(), id: ticket.id.clone() }
            } else {
                let answer = Answer {
                    fingerprint: ticket.fingerprint.clone(),
                    since: loaded.now.as_millis(),
                    status: Some(status),
                    body: sealed.clone(),
                    request,
                };
                put(&ticket.id, &answer, loaded.now.plus_ms(LIVES_MS), None)?
            };
            Ok((Change { records: vec![change], ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }
}

/// The same record, sealed under the newest wrapping key; `None` if it is not sealed under one at all.
pub(crate) fn resealed(
    keys: &Keys,
    chance: &dyn Chance,
    record: &Record,
) -> Result<Option<RecordChange>, Refusal> {
    let answer: Answer = record::read(record)?;
    if answer.request.is_some() || answer.status.is_none() {
        return Ok(None);
    }
    let damaged = || Refusal::Damaged("a remembered answer".to_owned());
    let sealed = hex::decode(&answer.body).map_err(|_| damaged())?;
    let body = seal::open_from_store(keys, &record.id, &sealed).map_err(|_| damaged())?;
    let body = hex::encode(seal::seal_for_store(keys, &record.id, &body, chance));
    Ok(Some(RecordChange::Put {
        kind: KIND.to_owned(),
        id: record.id.clone(),
        body: record::bytes(&Answer { body, ..answer })?,
        terms: Vec::new(),
        expires_at: record.expires_at,
        expect: Some(record.version),
    }))
}

fn put(
    id: &str,
    answer: &Answer,
    expires_at: countersign_core::time::Timestamp,
    expect: Option<u64>,
) -> Result<RecordChange, Refusal> {
    Ok(RecordChange::Put {
        kind: KIND.to_owned(),
        id: id.to_owned(),
        body: record::bytes(answer)?,
        terms: answer.request.map(term).into_iter().collect(),
        expires_at: Some(expires_at),
        expect,
    })
}
