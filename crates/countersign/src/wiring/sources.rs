//! Which connector stands behind which kind of source: one line each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use countersign_connect::PseudonymKey;
use countersign_connect::http::{self, HttpSource, SharedKey};
use countersign_connect::logs::{self, LogsSource};
use countersign_connect::mysql::{self, MysqlSource};
use countersign_connect::objects::{self, ObjectsSource, Place};
use countersign_connect::package::Zip;
use countersign_connect::postgres::{self, PostgresSource};
use countersign_connect::sqlite::{self, SqliteSource};
use countersign_service::keys::Keys;
use countersign_service::ports::package::Packager;
use countersign_service::ports::source::Source as SourcePort;

use crate::config::{Reach, Source};

/// All configured sources by name.
///
/// # Errors
/// As [`one`].
pub(crate) fn all(
    configured: &[Source],
    keys: &Keys,
) -> anyhow::Result<BTreeMap<String, Arc<dyn SourcePort>>> {
    let open = |it: &Source| {
        let key = PseudonymKey::new(keys.of_source(&it.name));
        Ok((it.name.clone(), one(it, Some(key))?))
    };
    configured.iter().map(open).collect()
}

/// One source, as it is configured; what only looks at it needs no key for pseudonyms.
///
/// # Errors
/// When a secret cannot be fetched, or an address not be understood.
pub(crate) fn one(
    configured: &Source,
    pseudonyms: Option<PseudonymKey>,
) -> anyhow::Result<Arc<dyn SourcePort>> {
    let Source { name, reach, pace_ms } = configured;
    let pace_ms = *pace_ms;
    Ok(match reach {
        Reach::Sqlite { path } => {
            let options = sqlite::Options { pace_ms, pseudonyms, ..sqlite::Options::new(path) };
            Arc::new(SqliteSource::open(name, options)?)
        }
        Reach::Postgres { url, schemas } => {
            let url = url.fetch().with_context(|| format!("source `{name}`"))?;
            let mut options = postgres::Options { pace_ms, pseudonyms, ..postgres::Options::new(url) };
            if !schemas.is_empty() {
                options.schemas.clone_from(schemas);
            }
            Arc::new(PostgresSource::open(name, options)?)
        }
        Reach::Mysql { url, schemas } => {
            let url = url.fetch().with_context(|| format!("source `{name}`"))?;
            let schemas = schemas.clone();
            let options = mysql::Options { pace_ms, schemas, pseudonyms, ..mysql::Options::new(url) };
            Arc::new(MysqlSource::open(name, options)?)
        }
        Reach::Logs { directory, live, settle_seconds } => {
            let settle = Duration::from_secs(*settle_seconds);
            let mut options = logs::Options::new(directory);
            (options.pace_ms, options.pseudonyms, options.settle) = (pace_ms, pseudonyms, settle);
            let live =
                options.with_live(live).map_err(|why| anyhow::anyhow!("source `{name}`: `live`: {why}"))?;
            Arc::new(LogsSource::open(name, live)?)
        }
        Reach::Files { directory } => {
            let place = Place::Folder(directory.clone());
            Arc::new(ObjectsSource::open(name, objects::Options { pace_ms, ..objects::Options::new(place) })?)
        }
        Reach::Http { url, key_id, key, timeout_seconds, allow_private } => {
            let secret = key.fetch().with_context(|| format!("source `{name}`"))?;
            let key =
                SharedKey::new(key_id, &secret).map_err(|why| anyhow::anyhow!("source `{name}`: {why}"))?;
            let mut options = http::Options::new(url, key);
            options.timeout = Duration::from_secs(*timeout_seconds);
            options.allow_private = *allow_private;
            Arc::new(HttpSource::open(name, options)?)
        }
        Reach::Bucket(it) => {
            let secret = it.secret.fetch().with_context(|| format!("source `{name}`"))?;
            let place = Place::Bucket(objects::Bucket {
                name: it.name.clone(),
                prefix: it.prefix.clone(),
                region: it.region.clone(),
                endpoint: it.endpoint.clone(),
                key_id: it.key_id.clone(),
                secret: secret.into(),
            });
            Arc::new(ObjectsSource::open(name, objects::Options { pace_ms, ..objects::Options::new(place) })?)
        }
    })
}

/// Makes packages, which also speak the languages of a folder.
pub(crate) fn packager(words: Option<&Path>) -> anyhow::Result<Arc<dyn Packager>> {
    Ok(Arc::new(match words {
        Some(folder) => Zip::speaking(folder).map_err(anyhow::Error::msg).context("[work] package_words")?,
        None => Zip::default(),
    }))
}
