//! Listing every root row's key.

use countersign_service::ports::source::{RootKey, SourceError};
use countersign_service::settings::datamap::{DataMap, Root};
use tokio::sync::mpsc::Sender;

use super::MysqlSource;
use super::connection::{Session, text};
use crate::footprint::Footprint;
use crate::footprint::lookup::BATCH;
use crate::job;
use crate::sql::Sql;

impl MysqlSource {
    pub(super) async fn every_root(
        &self,
        map: &DataMap,
        out: &Sender<Vec<RootKey>>,
    ) -> Result<(), SourceError> {
        let mut session = self.reading().await?;
        let read = self.catalog(&mut session).await?;
        let footprint = self.footprint(map, &read, &session)?;
        for root in &map.roots {
            let Some(sql) = footprint.roots(root) else { continue };
            if let Err(error) = self.send_roots(&mut session, &footprint, root, &sql, out).await {
                self.abandon(session).await;
                return Err(error);
            }
        }
        session.close().await;
        Ok(())
    }

    async fn send_roots(
        &self,
        session: &mut Session,
        footprint: &Footprint<'_>,
        root: &Root,
        sql: &Sql,
        out: &Sender<Vec<RootKey>>,
    ) -> Result<(), SourceError> {
        let gone = |_| job::unavailable(&self.name, "nobody takes the keys any more");
        let mut rows = session.stream(sql).await.map_err(|it| self.failed(&it))?;
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(row) = rows.next().await.map_err(|it| self.failed(&it))? {
            batch.extend(footprint.key_of(root, (0..row.len()).map(|at| text(&row, at)).collect()));
            if batch.len() == BATCH {
                out.send(std::mem::take(&mut batch)).await.map_err(gone)?;
            }
        }
        if !batch.is_empty() {
            out.send(batch).await.map_err(gone)?;
        }
        Ok(())
    }
}
