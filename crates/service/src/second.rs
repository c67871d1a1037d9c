//! What an administrator does not do alone where there are two: change the settings, seat somebody, let somebody in or
//! give them something to sign in with, mint a token that attests, take back another administrator's token. The first who
//! asks is noted; when another asks for the very same within a week, it is done. Both stand in the ledger.

mod what;

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller, Holder, Role};
use crate::ports::store::{Change, Find, Loaded, Needs, Record, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::sign::joined;
use crate::token::{self, Token};

pub use self::what::What;
pub(crate) use self::what::named;

/// The kind of record that notes who asked first.
const KIND: &str = "proposal";
/// For how long a first word stands.
const LIVES_MS: i64 = 7 * 86_400_000;

#[derive(Serialize, Deserialize)]
struct Proposal {
    by: PersonId,
    at: Timestamp,
}

#[derive(Serialize)]
struct Entry<'a> {
    v: u8,
    at: Timestamp,
    proposal: &'a str,
    did: &'static str,
    by: PersonId,
}

/// Whether it may be done now.
pub(crate) enum Second {
    /// Yes; this is written along with it.
    Go(Change),
    /// Not yet: this alone is written.
    Noted(Change),
}

/// What to load to ask.
pub(crate) fn need(what: &What) -> Vec<(String, Find)> {
    vec![
        (token::KIND.to_owned(), Find::All),
        joined::need_all(),
        (KIND.to_owned(), Find::Id(what.to_string())),
    ]
}

/// The people who administer: by tokens that open something now, or because they may sign in.
pub(crate) fn administrators(loaded: &Loaded) -> Result<BTreeSet<PersonId>, Refusal> {
    let mut people = joined::administrators(loaded)?;
    for record in loaded.of_kind(token::KIND) {
        let token: Token = record::read(record)?;
        let stands = token.holder(&record.id, loaded.now);
        if let Some(holder) =
            stands.filter(|it| it.service.is_none() && it.roles.contains(&Role::Administrator))
        {
            people.insert(holder.person);
        }
    }
    Ok(people)
}

/// Whether `holder` may do it now.
pub(crate) fn ask(loaded: &Loaded, holder: &Holder, what: &What) -> Result<Second, Refusal> {
    let what = what.to_string();
    let people = administrators(loaded)?;
    if people.len() < 2 {
        return Ok(Second::Go(Change::default()));
    }
    let standing = loaded.of_kind(KIND).find(|record| record.id == what);
    let entry = |did| {
        let entry = Entry { v: 1, at: loaded.now, proposal: &what, did, by: holder.person };
        record::bytes(&entry).map(|entry| vec![entry])
    };
    let first = match standing {
        Some(record) if record.expires_at.is_none_or(|at| at > loaded.now) => {
            Some(record::read::<Proposal>(record)?.by)
        }
        _ => None,
    };
    match first {
        Some(by) if by == holder.person => Ok(Second::Noted(Change::default())),
        // Whoever asked first and administers no more is not the second of two.
        Some(by) if people.contains(&by) => Ok(Second::Go(Change {
            records: vec![RecordChange::Delete { kind: KIND.to_owned(), id: what.clone() }],
            entries: entry("countersigned")?,
            ..Change::default()
        })),
        _ => {
            let proposal = Proposal { by: holder.person, at: loaded.now };
            let put = RecordChange::Put {
                kind: KIND.to_owned(),
                id: what.clone(),
                body: record::bytes(&proposal)?,
                terms: Vec::new(),
                expires_at: Some(loaded.now.plus_ms(LIVES_MS)),
                expect: Some(standing.map_or(0, |record| record.version)),
            };
            Ok(Second::Noted(Change { records: vec![put], entries: entry("proposed")?, ..Change::default() }))
        }
    }
}

/// What one administrator asked for, and another has yet to ask for too.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The act; `None` if a newer program noted it, and this one does not know it.
    pub what: Option<What>,
    /// Who asked first.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
}

impl Service {
    /// What waits for a second administrator.
    pub async fn proposals(&self, caller: &Caller) -> Result<Vec<Proposed>, Refusal> {
        caller.may(Act::ManagePeople)?;
        let now = self.store.load(Needs::default()).await?.now;
        let page = self.store.page(KIND, None, 200).await?;
        let standing = page.iter().filter(|record| record.expires_at.is_none_or(|at| at > now));
        let read = |record: &Record| {
            let Proposal { by, at } = record::read(record)?;
            Ok(Proposed { what: What::read(&record.id), by, at })
        };
        standing.map(read).collect()
    }
}

/// Both changes as one; the act's own entries come last.
pub(crate) fn along(mut with: Change, act: Change) -> Change {
    with.records.extend(act.records);
    with.entries.extend(act.entries);
    Change { records: with.records, entries: with.entries, ..act }
}
