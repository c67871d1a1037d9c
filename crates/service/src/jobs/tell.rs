//! Telling recipients outside that somebody's data was erased, once each (GDPR, Art. 19). They hear the request and the
//! reference by which they know the subject, and nothing else; that they were told is an entry of the ledger.

use std::collections::BTreeMap;

use countersign_core::id::RequestId;
use countersign_core::request::{Ending, State};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::notifier::{About, Message, NotifyError};
use crate::ports::store::{Change, Find, JobChange, Needs, RecordChange};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::survey::Latest;
use crate::settings::Settings;
use crate::settings::datamap::{DataMap, Recipient};

/// The kind of record that says that a recipient is to be told.
const WISHED: &str = "tell";
/// The kind of record that says what came of it.
const KIND: &str = "told";
/// At most so many of either are looked at for one request.
const MOST: u32 = 1_000;

/// What came of telling a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeEnd {
    /// The outgoing mail server took it.
    Delivered,
    /// The outgoing mail server refused it for good.
    Refused,
    /// Nobody was told: the data map had ceased to name the recipient by then.
    Dropped,
}

impl NoticeEnd {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            NoticeEnd::Delivered => "delivered",
            NoticeEnd::Refused => "refused",
            NoticeEnd::Dropped => "dropped",
        }
    }
}

/// Somebody outside who is to be told of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The source that the recipient has things from.
    pub source: String,
    /// The recipient's name.
    pub recipient: String,
    /// Since when they are to be told; not known of erasures by versions that did not write it down.
    pub wished_at: Option<Timestamp>,
    /// When that came to an end, and how, if that is known beside the ledger. `None`: it is still open.
    pub ended: Option<(Timestamp, Option<NoticeEnd>)>,
}

/// What stands in a record of how it ended.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Ended {
    /// With how.
    Known { at: Timestamp, told: NoticeEnd },
    /// As earlier versions wrote it; how it ended stands in the ledger alone.
    Moment(Timestamp),
}

/// What the ledger says of it.
#[derive(Serialize)]
struct Entry<'a> {
    v: u8,
    at: Timestamp,
    request: RequestId,
    source: &'a str,
    recipient: &'a str,
    told: NoticeEnd,
}

/// Who is told of an erasure: the recipients of each source in which there was something, with the source's name.
pub(crate) fn recipients<'s>(settings: &'s Settings, latest: &Latest) -> Vec<(&'s str, &'s Recipient)> {
    let there = |map: &&DataMap| {
        let mut plans = latest.plan.sources.iter().filter(|it| it.source == map.source);
        plans.any(|plan| plan.lines.iter().any(|line| line.rows > 0))
    };
    let maps = settings.maps.values().filter(there);
    maps.flat_map(|map| map.notify.iter().map(|it| (map.source.as_str(), it))).collect()
}

/// The wishes to tell each, for the commit that ends the erasure: a job, and a record by which an open one is seen.
pub(super) fn wishes(
    settings: &Settings,
    latest: &Latest,
    id: RequestId,
    now: Timestamp,
) -> Result<(Vec<JobChange>, Vec<RecordChange>), Refusal> {
    let key = |(source, it): (&str, &Recipient)| format!("{id}/{source}/{}", it.name);
    let keys: Vec<String> = recipients(settings, latest).into_iter().map(key).collect();
    let records = keys.iter().map(|key| record::put(WISHED, key.clone(), &now, Vec::new(), None));
    let records = records.collect::<Result<_, _>>()?;
    Ok((keys.into_iter().map(|key| wish("tell", key, now)).collect(), records))
}

impl Service {
    /// `request/source/recipient`.
    pub(crate) async fn tell_outside(&self, key: &str) -> Result<Worked, JobError> {
        let damaged = || Refusal::Damaged("a notice names no recipient".to_owned());
        let mut words = key.splitn(3, '/');
        let id: RequestId = words.next().and_then(|it| it.parse().ok()).ok_or_else(damaged)?;
        let (source, name) = words.next().zip(words.next()).ok_or_else(damaged)?;
        let records = vec![(KIND.to_owned(), Find::Id(key.to_owned()))];
        let needs = Needs { request: Some(id), records, ..Needs::default() };
        let loaded = self.store.load(needs).await.map_err(Refusal::from)?;
        if loaded.of_kind(KIND).next().is_some() {
            return Ok(Worked::Done);
        }
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let State::Ended(_, Ending::Completed { .. }) = history.state() else { return Ok(Worked::Done) };
        let settings = self.settings().await?;
        let map = settings.maps.get(source);
        let recipient = map.and_then(|map| map.notify.iter().find(|it| it.name == name));
        // Taken out of the map since: whoever did that says that nothing is held there any more.
        let Some((map, recipient)) = map.zip(recipient) else {
            self.end_notice(id, source, name, NoticeEnd::Dropped).await?;
            return Ok(Worked::Done);
        };
        let references = self.references(id, map, recipient).await?;
        let about = About::Erased { request: id, name: recipient.name.clone(), references };
        let message = Message::new(recipient.mail.clone(), about, settings.language.clone());
        let told = match self.notifier.send(&message).await {
            Ok(()) => NoticeEnd::Delivered,
            Err(error @ NotifyError::Retry(_)) => {
                return Err(JobError::Retry(Refusal::Source(error.to_string())));
            }
            Err(NotifyError::GiveUp(_)) => NoticeEnd::Refused,
        };
        self.end_notice(id, source, name, told).await?;
        Ok(Worked::Done)
    }

    /// Writes down how it ended, once: a record, and an entry of the ledger.
    async fn end_notice(
        &self,
        id: RequestId,
        source: &str,
        name: &str,
        told: NoticeEnd,
    ) -> Result<(), Refusal> {
        let (source, name, key) = (source.to_owned(), name.to_owned(), format!("{id}/{source}/{name}"));
        let records = vec![(KIND.to_owned(), Find::Id(key.clone()))];
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            if loaded.of_kind(KIND).next().is_some() {
                return Ok((Change::default(), ()));
            }
            let at = loaded.now;
            let entry = Entry { v: 1, at, request: id, source: &source, recipient: &name, told };
            let records = vec![record::put(KIND, key.clone(), &Ended::Known { at, told }, Vec::new(), None)?];
            Ok((Change { records, entries: vec![record::bytes(&entry)?], ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }

    /// Everybody outside who is to be told of an erasure or was, by source and name.
    pub(crate) async fn notices(&self, id: RequestId) -> Result<Vec<Notice>, Refusal> {
        let begin = format!("{id}/");
        let mut notices: BTreeMap<String, Notice> = BTreeMap::new();
        for kind in [WISHED, KIND] {
            for found in self.store.page(kind, Some(&begin), MOST).await? {
                let Some((source, recipient)) =
                    found.id.strip_prefix(&begin).and_then(|it| it.split_once('/'))
                else {
                    break;
                };
                let (source, recipient) = (source.to_owned(), recipient.to_owned());
                let new = || Notice { source, recipient, wished_at: None, ended: None };
                let notice = notices.entry(found.id.clone()).or_insert_with(new);
                if kind == WISHED {
                    notice.wished_at = Some(record::read(&found)?);
                } else {
                    notice.ended = Some(match record::read(&found)? {
                        Ended::Known { at, told } => (at, Some(told)),
                        Ended::Moment(at) => (at, None),
                    });
                }
            }
        }
        Ok(notices.into_values().collect())
    }

    /// The values by which the recipient knows the subject, out of the root keys that the request holds sealed.
    async fn references(
        &self,
        id: RequestId,
        map: &DataMap,
        recipient: &Recipient,
    ) -> Result<Vec<String>, Refusal> {
        let Some(column) = &recipient.reference else { return Ok(Vec::new()) };
        let found = self.found_of(id).await?.map(|it| it.root_keys()).unwrap_or_default();
        let of_root = |root: &crate::ports::source::RootKey| {
            let place = map.root(&root.table)?.key.iter().position(|it| it == column)?;
            let key: Vec<String> = serde_json::from_str(&root.key).ok()?;
            key.get(place).cloned()
        };
        Ok(found.iter().filter(|it| it.source == map.source).filter_map(of_root).collect())
    }
}
