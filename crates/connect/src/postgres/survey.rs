//! What would be done: a target's rows, counted and weighed in one statement; and a few of its rows.

use countersign_core::plan::{Counts, Sample, SourcePlan};
use countersign_service::ports::source::{RootKey, SourceError, Target};
use countersign_service::settings::datamap::DataMap;
use tokio_postgres::{GenericClient, Row};

use super::{Postgres, PostgresSource, connection};
use crate::footprint::count::weighed;
use crate::sql::Sql;

impl PostgresSource {
    pub(super) async fn surveyed(
        &self,
        client: &impl GenericClient,
        map: &DataMap,
        target: &Target,
    ) -> Result<SourcePlan, SourceError> {
        let catalog = self.catalog(client).await?;
        let (lines, sql, fingerprint) = match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &catalog)?;
                let mut sql = Sql::new(&Postgres);
                footprint.with_weighed(&self.starts(map, roots)?, &mut sql);
                footprint.weigh(&mut sql);
                (footprint.lines.clone(), sql, footprint.fingerprint())
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &catalog, name)?;
                (vec![purge.line()], purge.weigh(*before), purge.fingerprint())
            }
        };
        let counted = connection::weighed(client, &sql).await.map_err(|it| self.failed(&it))?;
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
        client: &impl GenericClient,
        map: &DataMap,
        roots: &[RootKey],
    ) -> Result<Vec<Sample>, SourceError> {
        let catalog = self.catalog(client).await?;
        let starts = self.starts(map, roots)?;
        let asked = self.footprint(map, &catalog)?.samples(&starts);
        let mut samples = vec![];
        for asked in asked {
            let sql = &asked.sql;
            let found = client.query(&sql.text, &connection::values(sql)).await;
            let cells = |row: &Row| {
                let each = asked.columns.iter().enumerate();
                each.map(|(at, column)| connection::value(row, at, column)).collect::<Result<_, _>>()
            };
            let rows = found.and_then(|it| it.iter().map(cells).collect());
            samples.extend(asked.masked(&self.name, rows.map_err(|it| self.failed(&it))?, &samples));
        }
        Ok(samples)
    }

    /// The rows alone, for whoever reads them afterwards anyway.
    pub(super) async fn counted(
        &self,
        client: &impl GenericClient,
        map: &DataMap,
        target: &Target,
    ) -> Result<Counts, SourceError> {
        let catalog = self.catalog(client).await?;
        let sql = match target {
            Target::Subject(roots) => self.footprint(map, &catalog)?.look_ahead(&self.starts(map, roots)?),
            Target::Dataset { name, before } => self.purge(map, &catalog, name)?.count(*before),
        };
        let lines = connection::lines(client, &sql).await.map_err(|it| self.failed(&it))?;
        match target {
            Target::Subject(_) => Ok(self.footprint(map, &catalog)?.counts(&self.name, &lines)),
            Target::Dataset { name, .. } => Ok(self.purge(map, &catalog, name)?.counts(&self.name, &lines)),
        }
    }
}
