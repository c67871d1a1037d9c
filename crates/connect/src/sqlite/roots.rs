//! Listing every root row's key.

use countersign_service::ports::source::{RootKey, SourceError};
use countersign_service::settings::datamap::DataMap;
use rusqlite::Connection;
use tokio::sync::mpsc::Sender;

use super::{Inner, connection};
use crate::footprint::lookup::BATCH;
use crate::job;

impl Inner {
    pub(super) fn roots(
        &self,
        connection: &Connection,
        map: &DataMap,
        out: &Sender<Vec<RootKey>>,
    ) -> Result<(), SourceError> {
        let failed = |it: rusqlite::Error| self.failed(&it);
        let gone = |_| job::unavailable(&self.name, "nobody takes the keys any more");
        let catalog = self.catalog(connection)?;
        let footprint = self.footprint(map, &catalog)?;
        for root in &map.roots {
            let Some(sql) = footprint.roots(root) else { continue };
            let mut statement = connection.prepare(&sql.text).map_err(failed)?;
            let mut rows = statement.query([]).map_err(failed)?;
            let mut batch = Vec::with_capacity(BATCH);
            while let Some(row) = rows.next().map_err(failed)? {
                batch.extend(footprint.key_of(root, connection::row_texts(row).map_err(failed)?));
                if batch.len() == BATCH {
                    out.blocking_send(std::mem::take(&mut batch)).map_err(gone)?;
                }
            }
            if !batch.is_empty() {
                out.blocking_send(batch).map_err(gone)?;
            }
        }
        Ok(())
    }
}
