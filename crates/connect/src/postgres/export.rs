//! Sending a subject's rows, table by table, as they are read.

use std::pin::pin;

use countersign_core::plan::Counts;
use countersign_service::ports::source::{Exported, SourceError, Target};
use countersign_service::settings::datamap::DataMap;
use futures::TryStreamExt;
use tokio::sync::mpsc::Sender;
use tokio_postgres::Transaction;

use super::connection::{value, values};
use super::{Postgres, PostgresSource};
use crate::catalog::Column;
use crate::job::{self, beyond};
use crate::sql::Sql;

/// One table's part of an export.
struct Piece {
    table: String,
    columns: Vec<Column>,
    left_out: Vec<(String, String)>,
    sql: Sql,
}

impl PostgresSource {
    pub(super) async fn hand_out(
        &self,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
        out: &Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        if beyond(&self.counted(&transaction, map, target).await?, ceiling) {
            return Err(job::refused(&self.name, "there are more rows than were signed"));
        }
        let mut sent = Counts::default();
        for piece in self.pieces(&transaction, map, target).await? {
            let table = piece.table.clone();
            let rows = self.send(&transaction, piece, out).await?;
            sent.add(&self.name, &table, rows);
        }
        Ok(sent)
    }

    async fn pieces(
        &self,
        transaction: &Transaction<'_>,
        map: &DataMap,
        target: &Target,
    ) -> Result<Vec<Piece>, SourceError> {
        let catalog = self.catalog(transaction).await?;
        match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &catalog)?;
                job::as_signed(&self.name, map, &footprint.fingerprint())?;
                let starts = self.starts(map, roots)?;
                let piece = |section: crate::footprint::read::Section<'_>| {
                    let mut sql = Sql::new(&Postgres);
                    footprint.with_reached(&starts, &mut sql);
                    footprint.read(&section, &mut sql);
                    Piece {
                        table: section.table.to_owned(),
                        columns: section.columns.into_iter().cloned().collect(),
                        left_out: section.left_out,
                        sql,
                    }
                };
                Ok(footprint.sections().into_iter().map(piece).collect())
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &catalog, name)?;
                job::as_signed(&self.name, map, &purge.fingerprint())?;
                let columns = purge.table.columns.clone();
                let table = purge.table.name.clone();
                Ok(vec![Piece { table, columns, left_out: vec![], sql: purge.read(*before) }])
            }
        }
    }

    async fn send(
        &self,
        transaction: &Transaction<'_>,
        piece: Piece,
        out: &Sender<Exported>,
    ) -> Result<u64, SourceError> {
        let gone = |_| job::unavailable(&self.name, "nobody takes the export any more");
        let Piece { table, columns, left_out, sql } = piece;
        let names = columns.iter().map(|it| it.name.clone()).collect();
        out.send(Exported::Table { source: self.name.clone(), table, columns: names, left_out })
            .await
            .map_err(gone)?;
        let rows = transaction.query_raw(&sql.text, values(&sql)).await.map_err(|it| self.failed(&it))?;
        let mut rows = pin!(rows);
        let mut sent = 0;
        while let Some(row) = rows.try_next().await.map_err(|it| self.failed(&it))? {
            let mut cells = Vec::with_capacity(columns.len());
            for (at, column) in columns.iter().enumerate() {
                cells.push(value(&row, at, column).map_err(|it| self.failed(&it))?);
            }
            out.send(Exported::Row(cells)).await.map_err(gone)?;
            sent += 1;
        }
        Ok(sent)
    }
}
