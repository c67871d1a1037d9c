//! Wrong one-time passwords of a person, counted in the store: the same on every node, and after a restart. Only whoever
//! is signed in, or reads their mail, gets to try one; so nobody else can use their tries up.

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::store::{Find, Loaded, RecordChange};
use crate::record;
use crate::refusal::Refusal;

const KIND: &str = "tries";
/// In a day. Of a million codes three are right at any moment.
const MOST: u32 = 10;
const WINDOW_MS: i64 = 86_400_000;

#[derive(Serialize, Deserialize)]
struct Tries {
    since: Timestamp,
    wrong: u32,
}

pub(super) fn need(person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(person.to_string()))
}

/// How many are left.
pub(super) fn left(loaded: &Loaded) -> Result<u32, Refusal> {
    Ok(MOST.saturating_sub(standing(loaded)?.0.wrong))
}

/// One more was wrong.
pub(super) fn wrong(person: PersonId, loaded: &Loaded) -> Result<RecordChange, Refusal> {
    let (before, version) = standing(loaded)?;
    Ok(RecordChange::Put {
        kind: KIND.to_owned(),
        id: person.to_string(),
        body: record::bytes(&Tries { wrong: before.wrong + 1, ..before })?,
        terms: Vec::new(),
        expires_at: Some(before.since.plus_ms(WINDOW_MS)),
        expect: Some(version),
    })
}

fn standing(loaded: &Loaded) -> Result<(Tries, u64), Refusal> {
    let found = loaded.of_kind(KIND).next();
    let before: Option<Tries> = found.map(record::read).transpose()?;
    let young = before.filter(|before| loaded.now.since_ms(before.since) < WINDOW_MS);
    let tries = young.unwrap_or(Tries { since: loaded.now, wrong: 0 });
    Ok((tries, found.map_or(0, |found| found.version)))
}
