//! Telling recipients outside that somebody's data was erased, once each (GDPR, Art. 19). They hear the request and the
//! reference by which they know the subject, and nothing else; that they were told is an entry of the ledger.

use countersign_core::id::RequestId;
use countersign_core::request::{Ending, State};
use countersign_core::time::Timestamp;
use serde::Serialize;

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::notifier::{About, Message, NotifyError};
use crate::ports::store::{Change, Find, JobChange, Needs};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::survey::Latest;
use crate::settings::Settings;
use crate::settings::datamap::{DataMap, Recipient};

/// The kind of record that says that a recipient was told.
const KIND: &str = "told";

/// What the ledger says of it.
#[derive(Serialize)]
struct Entry<'a> {
    v: u8,
    at: Timestamp,
    request: RequestId,
    source: &'a str,
    recipient: &'a str,
    /// `delivered` to the outgoing mail server, or `refused` by it for good.
    told: &'a str,
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

/// The wishes to tell each, for the commit that ends the erasure.
pub(super) fn wishes(settings: &Settings, latest: &Latest, id: RequestId, now: Timestamp) -> Vec<JobChange> {
    let key = |(source, it): (&str, &Recipient)| format!("{id}/{source}/{}", it.name);
    recipients(settings, latest).into_iter().map(|it| wish("tell", key(it), now)).collect()
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
        let Some((map, recipient)) = map.zip(recipient) else { return Ok(Worked::Done) };
        let references = self.references(id, map, recipient).await?;
        let about = About::Erased { request: id, name: recipient.name.clone(), references };
        let message = Message::new(recipient.mail.clone(), about, settings.language.clone());
        let told = match self.notifier.send(&message).await {
            Ok(()) => "delivered",
            Err(error @ NotifyError::Retry(_)) => {
                return Err(JobError::Retry(Refusal::Source(error.to_string())));
            }
            Err(NotifyError::GiveUp(_)) => "refused",
        };
        let (source, name, key) = (source.to_owned(), name.to_owned(), key.to_owned());
        let records = vec![(KIND.to_owned(), Find::Id(key.clone()))];
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            if loaded.of_kind(KIND).next().is_some() {
                return Ok((Change::default(), ()));
            }
            let at = loaded.now;
            let entry = Entry { v: 1, at, request: id, source: &source, recipient: &name, told };
            let records = vec![record::put(KIND, key.clone(), &at, Vec::new(), None)?];
            Ok((Change { records, entries: vec![record::bytes(&entry)?], ..Change::default() }, ()))
        })
        .await?;
        Ok(Worked::Done)
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
