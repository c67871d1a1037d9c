//! Who has come in at least once. Where there are two administrators, some acts need both: whoever may sign in as one
//! counts, whether or not they are signed in at this moment.

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::person::Person;
use crate::ports::store::{Find, Loaded, RecordChange};
use crate::record;
use crate::refusal::Refusal;

const KIND: &str = "joined";

#[derive(Serialize, Deserialize)]
struct Joined {
    person: PersonId,
    at: Timestamp,
    administers: bool,
}

/// Notes that a person came in.
pub(crate) fn put(person: &Person, at: Timestamp) -> Result<RecordChange, Refusal> {
    let joined = Joined { person: person.id, at, administers: person.administers };
    record::put(KIND, person.id.to_string(), &joined, Vec::new(), None)
}

/// Somebody who was removed comes in no more.
pub(crate) fn forget(person: PersonId) -> RecordChange {
    RecordChange::Delete { kind: KIND.to_owned(), id: person.to_string() }
}

/// Whether this person came in, of all that were loaded.
pub(crate) fn has(loaded: &Loaded, person: PersonId) -> bool {
    let id = person.to_string();
    loaded.of_kind(KIND).any(|record| record.id == id)
}

/// What to load to know who came in.
pub(crate) fn need_all() -> (String, Find) {
    (KIND.to_owned(), Find::All)
}

/// Those who administer.
pub(crate) fn administrators(loaded: &Loaded) -> Result<BTreeSet<PersonId>, Refusal> {
    let mut people = BTreeSet::new();
    for record in loaded.of_kind(KIND) {
        let joined: Joined = record::read(record)?;
        if joined.administers {
            people.insert(joined.person);
        }
    }
    Ok(people)
}
