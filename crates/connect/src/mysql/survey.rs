//! What would be done: a target's rows, counted and weighed in one statement; and a few of its rows.

use countersign_core::plan::{Counts, Sample, SourcePlan};
use countersign_service::ports::source::{RootKey, SourceError, Target};
use countersign_service::settings::datamap::DataMap;

use super::MysqlSource;
use super::connection::Session;
use super::export::cell;
use crate::footprint::count::weighed;
use crate::sql::Sql;

impl MysqlSource {
    pub(super) async fn surveyed(
        &self,
        session: &mut Session,
        map: &DataMap,
        target: &Target,
    ) -> Result<SourcePlan, SourceError> {
        let read = self.catalog(session).await?;
        let (lines, sql, fingerprint) = match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &read, session)?;
                let mut sql = Sql::new(session.dialect());
                footprint.with_weighed(&self.starts(map, roots)?, &mut sql);
                footprint.weigh(&mut sql);
                (footprint.lines.clone(), sql, footprint.fingerprint())
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &read, name, session)?;
                (vec![purge.line()], purge.weigh(*before), purge.fingerprint())
            }
        };
        let counted = session.weighed(&sql).await.map_err(|it| self.failed(&it))?;
        Ok(SourcePlan {
            source: self.name.clone(),
            fingerprint,
            map_version: map.version().to_owned(),
            lines: weighed(lines, counted),
        })
    }

    /// A few rows, masked.
    pub(super) async fn sampled(
        &self,
        session: &mut Session,
        map: &DataMap,
        roots: &[RootKey],
    ) -> Result<Vec<Sample>, SourceError> {
        let read = self.catalog(session).await?;
        let starts = self.starts(map, roots)?;
        let asked = self.footprint(map, &read, session)?.samples(&starts);
        let mut samples = vec![];
        for asked in asked {
            let found = session.cells(&asked.sql).await.map_err(|it| self.failed(&it))?;
            let cells = |row: Vec<mysql_async::Value>| {
                asked.columns.iter().zip(row).map(|(column, it)| cell(column, it)).collect()
            };
            samples.extend(asked.masked(&self.name, found.into_iter().map(cells).collect(), &samples));
        }
        Ok(samples)
    }

    /// The rows alone, for whoever reads them afterwards anyway.
    pub(super) async fn counted(
        &self,
        session: &mut Session,
        map: &DataMap,
        target: &Target,
    ) -> Result<Counts, SourceError> {
        let read = self.catalog(session).await?;
        match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &read, session)?;
                let ahead = footprint.look_ahead(&self.starts(map, roots)?);
                let lines = session.lines(&ahead).await.map_err(|it| self.failed(&it))?;
                Ok(footprint.counts(&self.name, &lines))
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &read, name, session)?;
                let lines = session.lines(&purge.count(*before)).await.map_err(|it| self.failed(&it))?;
                Ok(purge.counts(&self.name, &lines))
            }
        }
    }
}
