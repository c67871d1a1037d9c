//! What a reviewer was told of a request, or has to be told: one record for each of both. No personal data.

use countersign_core::id::{PersonId, RequestId};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::store::{Find, Loaded, Record, RecordChange};
use crate::record;
use crate::refusal::Refusal;

/// The kind of record.
const KIND: &str = "notice";
/// Kept for so long beyond the request's end.
const LIVES_MS: i64 = 24 * 3_600_000;

/// One.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) request: RequestId,
    pub(crate) person: PersonId,
    /// For what they are asked to vote.
    pub(crate) round: String,
    /// When the request runs out.
    pub(crate) ends_at: Timestamp,
    /// When they were told of that.
    pub(crate) told_at: Option<Timestamp>,
    /// When they were reminded of the request. Nobody is reminded twice.
    pub(crate) reminded_at: Option<Timestamp>,
}

impl Notice {
    /// The record. Until it is told it is found by its person.
    pub(crate) fn put(&self) -> Result<RecordChange, Refusal> {
        let waits = self.told_at.is_none();
        let terms = waits.then(|| record::term("person", self.person.as_bytes()));
        Ok(RecordChange::Put {
            kind: KIND.to_owned(),
            id: id(self.request, self.person),
            body: record::bytes(self)?,
            terms: terms.into_iter().collect(),
            expires_at: Some(self.ends_at.plus_ms(LIVES_MS)),
            expect: None,
        })
    }
}

fn id(request: RequestId, person: PersonId) -> String {
    format!("{request}/{person}")
}

/// What to load for what a person was told of a request.
pub(crate) fn need(request: RequestId, person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(id(request, person)))
}

/// What to load for everything that a person has to be told.
pub(crate) fn need_waiting(person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Term(record::term("person", person.as_bytes())))
}

/// What a person was told of a request, as far as that was loaded.
pub(crate) fn notice_of(
    loaded: &Loaded,
    request: RequestId,
    person: PersonId,
) -> Result<Option<Notice>, Refusal> {
    let id = id(request, person);
    loaded.of_kind(KIND).find(|found| found.id == id).map(read).transpose()
}

/// The loaded ones that have to be told.
pub(crate) fn waiting(loaded: &Loaded) -> Result<Vec<Notice>, Refusal> {
    let all = loaded.of_kind(KIND).map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(|notice| notice.told_at.is_none()).collect())
}

fn read(found: &Record) -> Result<Notice, Refusal> {
    record::read(found)
}
