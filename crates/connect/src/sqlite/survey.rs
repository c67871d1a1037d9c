//! What would be done: a target's rows, counted and weighed in one statement; and a few of its rows.

use countersign_core::plan::{Counts, Sample, SourcePlan};
use countersign_service::ports::source::{RootKey, SourceError, Target};
use countersign_service::settings::datamap::DataMap;
use rusqlite::Connection;

use super::{Inner, Sqlite, connection};
use crate::catalog::Column;
use crate::footprint::count::weighed;
use crate::sql::Sql;

impl Inner {
    pub(super) fn survey(
        &self,
        connection: &Connection,
        map: &DataMap,
        target: &Target,
    ) -> Result<SourcePlan, SourceError> {
        let catalog = self.catalog(connection)?;
        let (lines, sql, fingerprint) = match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &catalog)?;
                let mut sql = Sql::new(&Sqlite);
                footprint.with_weighed(&self.starts(map, roots)?, &mut sql);
                footprint.weigh(&mut sql);
                (footprint.lines.clone(), sql, footprint.fingerprint())
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &catalog, name)?;
                (vec![purge.line()], purge.weigh(*before), purge.fingerprint())
            }
        };
        let counted = connection::weighed(connection, &sql).map_err(|it| self.failed(&it))?;
        Ok(SourcePlan {
            source: self.name.clone(),
            fingerprint,
            map_version: map.version().to_owned(),
            lines: weighed(lines, counted),
        })
    }

    /// A few rows, masked.
    pub(super) fn samples(
        &self,
        connection: &Connection,
        map: &DataMap,
        roots: &[RootKey],
    ) -> Result<Vec<Sample>, SourceError> {
        let failed = |it: rusqlite::Error| self.failed(&it);
        let catalog = self.catalog(connection)?;
        let footprint = self.footprint(map, &catalog)?;
        let mut samples = vec![];
        for asked in footprint.samples(&self.starts(map, roots)?) {
            let mut statement = connection.prepare(&asked.sql.text).map_err(failed)?;
            let mut found = statement.query(rusqlite::params_from_iter(&asked.sql.params)).map_err(failed)?;
            let mut rows = vec![];
            while let Some(row) = found.next().map_err(failed)? {
                let cell =
                    |(i, column): (usize, &&Column)| Ok(connection::value(row.get_ref(i)?, Some(column)));
                rows.push(
                    asked.columns.iter().enumerate().map(cell).collect::<Result<_, _>>().map_err(failed)?,
                );
            }
            samples.extend(asked.masked(&self.name, rows, &samples));
        }
        Ok(samples)
    }

    /// The rows alone, for whoever reads them afterwards anyway.
    pub(super) fn counted(
        &self,
        connection: &Connection,
        map: &DataMap,
        target: &Target,
    ) -> Result<Counts, SourceError> {
        let catalog = self.catalog(connection)?;
        match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &catalog)?;
                let ahead = footprint.look_ahead(&self.starts(map, roots)?);
                Ok(footprint.counts(&self.name, &self.lines(connection, &ahead)?))
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &catalog, name)?;
                let lines = self.lines(connection, &purge.count(*before))?;
                Ok(purge.counts(&self.name, &lines))
            }
        }
    }
}
