//! Listing every root row's key.

use std::pin::pin;

use countersign_service::ports::source::{RootKey, SourceError};
use countersign_service::settings::datamap::DataMap;
use futures::TryStreamExt;
use tokio::sync::mpsc::Sender;

use super::PostgresSource;
use super::connection::{row_texts, values};
use crate::footprint::lookup::BATCH;
use crate::job;

impl PostgresSource {
    pub(super) async fn every_root(
        &self,
        map: &DataMap,
        out: &Sender<Vec<RootKey>>,
    ) -> Result<(), SourceError> {
        let gone = |_| job::unavailable(&self.name, "nobody takes the keys any more");
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        let catalog = self.catalog(&transaction).await?;
        let footprint = self.footprint(map, &catalog)?;
        for root in &map.roots {
            let Some(sql) = footprint.roots(root) else { continue };
            let rows = transaction.query_raw(&sql.text, values(&sql)).await.map_err(|it| self.failed(&it))?;
            let mut rows = pin!(rows);
            let mut batch = Vec::with_capacity(BATCH);
            while let Some(row) = rows.try_next().await.map_err(|it| self.failed(&it))? {
                batch.extend(footprint.key_of(root, row_texts(&row)));
                if batch.len() == BATCH {
                    out.send(std::mem::take(&mut batch)).await.map_err(gone)?;
                }
            }
            if !batch.is_empty() {
                out.send(batch).await.map_err(gone)?;
            }
        }
        Ok(())
    }
}
