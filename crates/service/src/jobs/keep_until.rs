//! Rows that the law lets nobody remove yet, and what becomes of them: the end of an erasure notes, in the same commit, whom
//! they belong to and until when they stay, and wishes for that day. Then a request of its own goes the way of every
//! other, by a data map in which what had to stay goes.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::RequestId;
use countersign_core::plan::Treatment;
use countersign_core::request::Dossier;
use countersign_core::subject::{Asking, Requester};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::keys::Keys;
use crate::ports::chance::Chance;
use crate::ports::source::RootKey;
use crate::ports::store::{Change, Find, Needs, Record, RecordChange, Status};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::ask::Ask;
use crate::requests::submit::Origin;
use crate::requests::survey::Latest;
use crate::seal;
use crate::settings::{Settings, duration};

/// The kind of record, by the erasure's id: sealed, for it names rows of a subject for years.
pub(crate) const KIND: &str = "kept";
/// The kind of identity under which such a request names its subject: by the erasure. Nobody else may use it.
pub(crate) const IDENTITY: &str = "kept";
const JOB: &str = "keep_until";
/// The requester's name begins so; what a schedule of the settings may be called has no stroke in it.
const TIMER: &str = "keep-until/";
/// How long to wait before looking again at a legal hold, or at a request that is under way.
const AGAIN_MS: i64 = 3_600_000;

/// Whose rows stay, and until when.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// When the erasure ended.
    since: Timestamp,
    /// How long rows stay, each term with the request that removes them.
    terms: BTreeMap<i64, Option<RequestId>>,
    /// Source, table, key.
    roots: Vec<(String, String, String)>,
}

impl Kept {
    fn read(keys: &Keys, record: &Record) -> Result<Self, Refusal> {
        let damaged = || Refusal::Damaged("a record of kept rows cannot be opened".to_owned());
        let plain = seal::open_from_store(keys, &label(&record.id), &record.body).map_err(|_| damaged())?;
        serde_json::from_slice(&plain).map_err(|_| damaged())
    }

    fn put(&self, keys: &Keys, chance: &dyn Chance, id: &str, expect: u64) -> Result<RecordChange, Refusal> {
        Ok(RecordChange::Put {
            kind: KIND.to_owned(),
            id: id.to_owned(),
            body: seal::seal_for_store(keys, &label(id), &record::bytes(self)?, chance),
            terms: Vec::new(),
            expires_at: None,
            expect: Some(expect),
        })
    }
}

fn label(id: &str) -> String {
    format!("kept/{id}")
}

/// Under the newest wrapping key.
pub(crate) fn resealed(
    keys: &Keys,
    chance: &dyn Chance,
    record: &Record,
) -> Result<Option<RecordChange>, Refusal> {
    Kept::read(keys, record)?.put(keys, chance, &record.id, record.version).map(Some)
}

/// For how long the rows have stayed that a request removes; `None` for every other request.
pub(crate) fn term(dossier: &Dossier) -> Option<i64> {
    match &dossier.submitted().asking.requester {
        Requester::Schedule { name } => name.strip_prefix(TIMER).and_then(|term| duration::parse(term).ok()),
        Requester::Subject
        | Requester::Agent { .. }
        | Requester::Staff { .. }
        | Requester::Service { .. } => None,
    }
}

/// How long rows stay that a plan keeps: of each table, where its map says so.
pub(crate) fn terms_of(settings: &Settings, latest: &Latest) -> BTreeSet<i64> {
    let kept = latest.plan.sources.iter().flat_map(|source| {
        let map = settings.maps.get(&source.source);
        let stay = |treatment| matches!(treatment, Treatment::Keep | Treatment::Clear);
        let lines = source.lines.iter().filter(move |line| line.rows > 0 && stay(line.treatment));
        lines.filter_map(move |line| map.map(|map| map.terms(Some(&line.table))))
    });
    kept.flatten().collect()
}

/// The day on which rows of a table go.
pub(crate) fn day(settings: &Settings, source: &str, table: &str, ended: Timestamp) -> Option<String> {
    let term = settings.maps.get(source)?.terms(Some(table)).into_iter().next_back()?;
    let at = jiff::Timestamp::from_millisecond(ended.plus_ms(term).as_millis()).ok()?;
    Some(at.to_zoned(settings.time_zone.clone()).date().to_string())
}

impl Service {
    /// What stands beside the end of an erasure: the note of what stays, and a wish for each day on which some of it goes.
    pub(crate) fn note_kept(
        &self,
        id: RequestId,
        terms: BTreeSet<i64>,
        roots: &[RootKey],
    ) -> impl Fn(Timestamp) -> Result<Change, Refusal> + Send + 'static {
        let (keys, chance) = (self.keys.clone(), std::sync::Arc::clone(&self.chance));
        let roots: Vec<_> =
            roots.iter().map(|it| (it.source.clone(), it.table.clone(), it.key.clone())).collect();
        move |now| {
            if terms.is_empty() || roots.is_empty() {
                return Ok(Change::default());
            }
            let pending = terms.iter().map(|term| (*term, None)).collect();
            let kept = Kept { since: now, terms: pending, roots: roots.clone() };
            let jobs =
                terms.iter().map(|term| wish(JOB, format!("{id}/{term}"), now.plus_ms(*term))).collect();
            let records = vec![kept.put(&keys, &*chance, &id.to_string(), 0)?];
            Ok(Change { records, jobs, ..Change::default() })
        }
    }

    /// Whose rows an erasure kept.
    pub(crate) async fn kept_roots(&self, erasure: &str) -> Result<Vec<RootKey>, Refusal> {
        let Some((kept, _)) = self.kept(erasure).await? else { return Ok(Vec::new()) };
        let root = |(source, table, key)| RootKey { source, table, key };
        Ok(kept.roots.into_iter().map(root).collect())
    }

    async fn kept(&self, erasure: &str) -> Result<Option<(Kept, u64)>, Refusal> {
        let records = vec![(KIND.to_owned(), Find::Id(erasure.to_owned()))];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let found = loaded.of_kind(KIND).next();
        found.map(|found| Ok((Kept::read(&self.keys, found)?, found.version))).transpose()
    }

    /// `request/term`: submits what removes the rows, and looks until that has come to its end. One that ended otherwise,
    /// as by a hold that outlasted it, is submitted again.
    pub(crate) async fn keep_until(&self, key: &str) -> Result<Worked, JobError> {
        match self.keep_until_once(key).await {
            // It must not be lost: somebody who mends the settings in a year finds it still waiting.
            Err(JobError::GiveUp(refusal)) => {
                tracing::error!(%refusal, "rows that need not stay any longer are not removed; it is tried again");
                Ok(Worked::Later(AGAIN_MS))
            }
            worked => worked,
        }
    }

    async fn keep_until_once(&self, key: &str) -> Result<Worked, JobError> {
        let damaged = || Refusal::Damaged("a job names no erasure".to_owned());
        let (erasure, term) = key.split_once('/').ok_or_else(damaged)?;
        let term: i64 = term.parse().map_err(|_| damaged())?;
        let id: RequestId = erasure.parse().map_err(|_| damaged())?;
        if !self.time_is_sound().await? {
            return Ok(Worked::Later(60_000));
        }
        let Some((kept, version)) = self.kept(erasure).await? else { return Ok(Worked::Done) };
        let now = self.store.load(Needs::default()).await.map_err(Refusal::from)?.now;
        let wait = kept.since.plus_ms(term).since_ms(now);
        if wait > 0 {
            return Ok(Worked::Later(wait));
        }
        let before = kept.terms.get(&term).copied().flatten();
        if let Some(before) = before {
            match record::status(self.history(before).await?.state()) {
                Status::Completed => return self.kept_no_longer(erasure, term).await,
                Status::Waiting | Status::Released | Status::Running | Status::Stuck => {
                    return Ok(Worked::Later(AGAIN_MS));
                }
                Status::Denied | Status::Withdrawn | Status::Expired | Status::Abandoned => {}
            }
        }
        if self.held(id).await?.is_some() {
            return Ok(Worked::Later(AGAIN_MS));
        }
        let persons = self.history(id).await?.state().dossier().submitted().asking.persons.clone();
        let name = format!("{TIMER}{}", duration::show(term));
        let origin = Origin {
            asking: Asking { requester: Requester::Schedule { name }, persons },
            channel: "schedule".to_owned(),
            attested: BTreeSet::from(["identity".to_owned()]),
        };
        let turn = before.map_or_else(|| "first".to_owned(), |before| before.to_string());
        let ask = Ask {
            action: "erase".to_owned(),
            subject: BTreeMap::from([(IDENTITY.to_owned(), erasure.to_owned())]),
            idempotency_key: Some(format!("kept/{key}/{turn}")),
            ..Ask::default()
        };
        let removal = self.take_in(None, origin, ask).await?.picture.row.id;
        let mut next = kept;
        next.terms.insert(term, Some(removal));
        let change = next.put(&self.keys, &*self.chance, erasure, version)?;
        self.act(Needs::default(), move |_| {
            Ok((Change { records: vec![change.clone()], ..Change::default() }, ()))
        })
        .await?;
        Ok(Worked::Later(AGAIN_MS))
    }

    /// The note goes with the last of its rows.
    async fn kept_no_longer(&self, erasure: &str, term: i64) -> Result<Worked, JobError> {
        let Some((mut kept, version)) = self.kept(erasure).await? else { return Ok(Worked::Done) };
        kept.terms.remove(&term);
        let change = if kept.terms.is_empty() {
            RecordChange::Delete { kind: KIND.to_owned(), id: erasure.to_owned() }
        } else {
            kept.put(&self.keys, &*self.chance, erasure, version)?
        };
        self.act(Needs::default(), move |_| {
            Ok((Change { records: vec![change.clone()], ..Change::default() }, ()))
        })
        .await?;
        Ok(Worked::Done)
    }
}
