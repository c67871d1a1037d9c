//! Sending a subject's rows, table by table, as they are read.

use countersign_core::plan::Counts;
use countersign_service::ports::source::{Exported, SourceError, Target, Value};
use countersign_service::settings::datamap::DataMap;
use tokio::sync::mpsc::Sender;

use super::MysqlSource;
use super::connection::Session;
use crate::catalog::{Column, Kind};
use crate::footprint::read::Section;
use crate::job::{self, beyond};
use crate::sql::Sql;

/// One table's part of an export.
struct Piece {
    table: String,
    columns: Vec<Column>,
    left_out: Vec<(String, String)>,
    sql: Sql,
}

impl MysqlSource {
    pub(super) async fn hand_out(
        &self,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
        out: &Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        let mut session = self.reading().await?;
        if beyond(&self.counted(&mut session, map, target).await?, ceiling) {
            return Err(job::refused(&self.name, "there are more rows than were signed"));
        }
        let mut sent = Counts::default();
        for piece in self.pieces(&mut session, map, target).await? {
            let table = piece.table.clone();
            match self.send(&mut session, piece, out).await {
                Ok(rows) => sent.add(&self.name, &table, rows),
                Err(error) => {
                    self.abandon(session).await;
                    return Err(error);
                }
            }
        }
        session.close().await;
        Ok(sent)
    }

    /// Ends a session of which rows are still to come. The driver would read them all before it hangs up; so the
    /// server is told to.
    pub(super) async fn abandon(&self, session: Session) {
        let id = session.id();
        drop(session);
        if let Ok(mut other) = self.session().await {
            // It may be gone by then.
            let _ = other.run(&format!("KILL CONNECTION {id}")).await;
            other.close().await;
        }
    }

    async fn pieces(
        &self,
        session: &mut Session,
        map: &DataMap,
        target: &Target,
    ) -> Result<Vec<Piece>, SourceError> {
        let read = self.catalog(session).await?;
        match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &read, session)?;
                job::as_signed(&self.name, map, &footprint.fingerprint())?;
                let starts = self.starts(map, roots)?;
                let piece = |section: Section<'_>| {
                    let mut sql = Sql::new(session.dialect());
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
                let purge = self.purge(map, &read, name, session)?;
                job::as_signed(&self.name, map, &purge.fingerprint())?;
                let columns = purge.table.columns.clone();
                let table = purge.table.name.clone();
                Ok(vec![Piece { table, columns, left_out: vec![], sql: purge.read(*before) }])
            }
        }
    }

    async fn send(
        &self,
        session: &mut Session,
        piece: Piece,
        out: &Sender<Exported>,
    ) -> Result<u64, SourceError> {
        let gone = |_| job::unavailable(&self.name, "nobody takes the export any more");
        let Piece { table, columns, left_out, sql } = piece;
        let names = columns.iter().map(|it| it.name.clone()).collect();
        out.send(Exported::Table { source: self.name.clone(), table, columns: names, left_out })
            .await
            .map_err(gone)?;
        let mut rows = session.stream(&sql).await.map_err(|it| self.failed(&it))?;
        let mut sent = 0;
        while let Some(row) = rows.next().await.map_err(|it| self.failed(&it))? {
            // `unwrap` of a row takes its values out; they are all there.
            let cells = columns.iter().zip(row.unwrap()).map(|(column, it)| cell(column, it)).collect();
            out.send(Exported::Row(cells)).await.map_err(gone)?;
            sent += 1;
        }
        Ok(sent)
    }
}

/// A cell, asked for as `Dialect::exported` says.
pub(super) fn cell(column: &Column, value: mysql_async::Value) -> Value {
    use mysql_async::Value as Wire;
    match value {
        Wire::NULL | Wire::Date(..) | Wire::Time(..) => Value::Null,
        Wire::Int(number @ 0..=1) if column.kind == Kind::Bool => Value::Bool(number == 1),
        Wire::Int(number) => Value::Int(number),
        // Beyond what a whole number is here, its digits.
        Wire::UInt(number) => {
            i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Int)
        }
        // 0.1 as it was written, and not as the nearest double to a float.
        Wire::Float(number) => Value::Real(number.to_string().parse().unwrap_or_else(|_| number.into())),
        Wire::Double(number) => Value::Real(number),
        Wire::Bytes(bytes) => match column.kind {
            Kind::Bytes => Value::Bytes(bytes),
            Kind::Json => Value::Json(String::from_utf8_lossy(&bytes).into_owned()),
            _ => Value::Text(String::from_utf8_lossy(&bytes).into_owned()),
        },
    }
}
