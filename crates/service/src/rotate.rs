//! Everything that is sealed, wrapped anew under the newest wrapping key, so that the earlier one can be destroyed and
//! with it whatever only a backup still holds.

use countersign_core::time::Timestamp;
use serde::Serialize;

use crate::answer;
use crate::app::Service;
use crate::fit;
use crate::jobs::keep_until;
use crate::person::{self, Person};
use crate::ports::store::{Change, Needs, Query, RecordChange, SealedChange};
use crate::record;
use crate::refusal::Refusal;
use crate::seal::DataKey;

const PAGE: u32 = 200;

#[derive(Serialize)]
struct Entry {
    v: u8,
    at: Timestamp,
    keys: &'static str,
    epoch: u32,
}

impl Service {
    /// Wraps every data key and every record of ours under the newest wrapping key, and says so in the ledger. Nobody
    /// else may have the store open meanwhile. Broken off, it is done again from the beginning, which does no harm.
    /// Answers how many were wrapped anew; `tell` is told as it goes.
    ///
    /// # Errors
    /// When something cannot be opened with the keys that are there, or the store does not answer.
    pub async fn wrap_anew(&self, mut tell: impl FnMut(u64) + Send) -> Result<u64, Refusal> {
        let mut count = 0;
        let mut after = None;
        loop {
            let query = Query { oldest_first: true, after, limit: PAGE, ..Query::default() };
            let rows = self.store.list(query).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.submitted_at, last.id));
            let mut sealed = Vec::new();
            for row in &rows {
                let Some((epoch, wrapped)) = self.store.key(row.id).await? else { continue };
                if epoch == self.keys.epoch {
                    continue;
                }
                let key = DataKey::unwrap(row.id, &self.keys, epoch, &wrapped).map_err(|_| {
                    Refusal::Damaged("a request's key cannot be opened with this node's keys".to_owned())
                })?;
                let wrapped = key.wrap(&self.keys, &*self.chance);
                sealed.push(SealedChange::Key { request: row.id, epoch: self.keys.epoch, wrapped });
            }
            count += sealed.len() as u64;
            self.write(Change { sealed, ..Change::default() }).await?;
            tell(count);
        }
        count += self
            .seal_records_anew(person::KIND, |service, record| {
                let person = Person::read(&service.keys, record)?;
                person.put(&service.keys, &*service.chance, Some(record.version)).map(Some)
            })
            .await?;
        count += self
            .seal_records_anew(answer::KIND, |service, record| {
                answer::resealed(&service.keys, &*service.chance, record)
            })
            .await?;
        count += self
            .seal_records_anew(keep_until::KIND, |service, record| {
                keep_until::resealed(&service.keys, &*service.chance, record)
            })
            .await?;
        tell(count);
        let epoch = self.keys.epoch;
        let marks = fit::put_again(&self.keys)?;
        self.act(Needs::default(), move |loaded| {
            let entry = Entry { v: 1, at: loaded.now, keys: "rotated", epoch };
            let (records, entries) = (vec![marks.clone()], vec![record::bytes(&entry)?]);
            Ok((Change { records, entries, ..Change::default() }, ()))
        })
        .await?;
        Ok(count)
    }

    async fn seal_records_anew(
        &self,
        kind: &str,
        again: impl Fn(&Self, &crate::ports::store::Record) -> Result<Option<RecordChange>, Refusal>,
    ) -> Result<u64, Refusal> {
        let (mut count, mut after) = (0, None::<String>);
        loop {
            let page = self.store.page(kind, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(count) };
            after = Some(last.id.clone());
            let mut records = Vec::new();
            for record in &page {
                records.extend(again(self, record)?);
            }
            count += records.len() as u64;
            self.write(Change { records, ..Change::default() }).await?;
        }
    }

    async fn write(&self, change: Change) -> Result<(), Refusal> {
        self.act(Needs::default(), move |_| Ok((change.clone(), ()))).await.map(drop)
    }
}
