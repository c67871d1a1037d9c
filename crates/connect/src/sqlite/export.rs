//! Sending a subject's rows, table by table, as they are read.

use countersign_core::plan::Counts;
use countersign_service::ports::source::{Exported, SourceError, Target};
use countersign_service::settings::datamap::DataMap;
use rusqlite::Connection;
use tokio::sync::mpsc::Sender;

use super::{Inner, Sqlite, connection};
use crate::catalog::Column;
use crate::job::{self, beyond};
use crate::sql::Sql;

impl Inner {
    pub(super) fn export(
        &self,
        connection: &Connection,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
        out: &Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        if beyond(&self.counted(connection, map, target)?, ceiling) {
            return Err(job::refused(&self.name, "there are more rows than were signed"));
        }
        let catalog = self.catalog(connection)?;
        let mut sent = Counts::default();
        match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &catalog)?;
                job::as_signed(&self.name, map, &footprint.fingerprint())?;
                let starts = self.starts(map, roots)?;
                for section in footprint.sections() {
                    let mut sql = Sql::new(&Sqlite);
                    footprint.with_reached(&starts, &mut sql);
                    footprint.read(&section, &mut sql);
                    let rows =
                        self.send(connection, &sql, section.table, &section.columns, section.left_out, out)?;
                    sent.add(&self.name, section.table, rows);
                }
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &catalog, name)?;
                job::as_signed(&self.name, map, &purge.fingerprint())?;
                let columns: Vec<&Column> = purge.table.columns.iter().collect();
                let rows =
                    self.send(connection, &purge.read(*before), &purge.table.name, &columns, vec![], out)?;
                sent.add(&self.name, &purge.table.name, rows);
            }
        }
        Ok(sent)
    }

    fn send(
        &self,
        connection: &Connection,
        sql: &Sql,
        table: &str,
        columns: &[&Column],
        left_out: Vec<(String, String)>,
        out: &Sender<Exported>,
    ) -> Result<u64, SourceError> {
        let failed = |it: rusqlite::Error| self.failed(&it);
        let gone = |_| job::unavailable(&self.name, "nobody takes the export any more");
        let names = columns.iter().map(|it| it.name.clone()).collect();
        let head =
            Exported::Table { source: self.name.clone(), table: table.to_owned(), columns: names, left_out };
        out.blocking_send(head).map_err(gone)?;
        let mut statement = connection.prepare(&sql.text).map_err(failed)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&sql.params)).map_err(failed)?;
        let mut sent = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            let mut values = Vec::with_capacity(columns.len());
            for (i, column) in columns.iter().enumerate() {
                values.push(connection::value(row.get_ref(i).map_err(failed)?, Some(column)));
            }
            out.blocking_send(Exported::Row(values)).map_err(gone)?;
            sent += 1;
        }
        Ok(sent)
    }
}
