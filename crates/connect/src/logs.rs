//! A directory of rotated log files as a source: text or JSON lines, plain or gzipped. A line goes, or loses the subject's
//! values; each file is replaced in one step. It must not know any other source.
//!
//! There is no transaction here. What keeps a step from being done twice is that it is done by content, and that a
//! journal tells afterwards what was done (`docs/decisions/021-sources-without-transactions.md`).
//!
//! - `rules`: what the data map says. `line`: what becomes of a line. `seek`, `json`, `age`: what is in it.
//! - `directory`: which files there are, and which may be touched. `text`: their lines.
//! - `survey`, `erase`, `export`: going through them. `swap`, `journal`: replacing them, and saying so.

mod age;
mod directory;
mod discover;
mod erase;
mod export;
mod journal;
pub(crate) mod json;
mod line;
mod rules;
pub(crate) mod seek;
mod survey;
mod swap;
mod text;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, SourcePlan};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::following;
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, Rights, RootKey, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::datamap::DataMap;
use tokio::sync::mpsc;

use crate::job::{self, refused, unavailable};
use crate::pattern::Pattern;
use crate::recipe::PseudonymKey;
use rules::Rules;

/// How a directory is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory; it is never made.
    pub directory: PathBuf,
    /// Files that are always taken as still written.
    live: Vec<Pattern>,
    /// How long a file must not have been written to before it may be touched.
    pub settle: Duration,
    /// How long to wait for somebody else who erases here.
    pub patience: Duration,
    /// A pause before each file that is replaced; 0: none.
    pub pace_ms: u64,
    /// The key of this source's pseudonyms; without one, a map that makes some is refused.
    pub pseudonyms: Option<PseudonymKey>,
}

impl Options {
    /// The directory at a path; a file counts as settled after five minutes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            live: vec![],
            settle: Duration::from_secs(300),
            patience: Duration::from_secs(30),
            pace_ms: 0,
            pseudonyms: None,
        }
    }

    /// Takes files of these patterns as still written, always.
    ///
    /// # Errors
    /// What is wrong with a pattern.
    pub fn with_live(mut self, patterns: &[String]) -> Result<Self, String> {
        for pattern in patterns {
            self.live.push(Pattern::parse(pattern).map_err(|why| format!("`{pattern}` {why}"))?);
        }
        Ok(self)
    }
}

/// A directory of logs.
pub struct LogsSource {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    options: Options,
}

impl LogsSource {
    /// A source over a directory. It is looked at when it is asked for something.
    ///
    /// # Errors
    /// `Refused` when the path is empty.
    pub fn open(name: impl Into<String>, options: Options) -> Result<Self, SourceError> {
        let name = name.into();
        if options.directory.as_os_str().is_empty() {
            return Err(refused(&name, "the path of the directory is empty"));
        }
        Ok(Self { inner: Arc::new(Inner { name, options }) })
    }

    /// Runs `work` beside the async threads.
    async fn working<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let inner = Arc::clone(&self.inner);
        let running = tokio::task::spawn_blocking(move || work(&inner));
        running.await.map_err(|_| SourceError::Unknown {
            source_name: self.inner.name.clone(),
            reason: "the work broke off".to_owned(),
        })?
    }
}

impl Inner {
    /// Nothing was done yet. What the system says is told by its kind: its texts may hold names of files.
    fn before(&self, error: &io::Error) -> SourceError {
        let kind = error.kind();
        match error.get_ref() {
            Some(ours) => unavailable(&self.name, ours.to_string()),
            None if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                let what = "this program may read and write it";
                refused(&self.name, format!("the directory: {kind}; see to it that {what}"))
            }
            None => unavailable(&self.name, format!("the directory or a file in it: {kind}")),
        }
    }

    /// Something may have been done; the journal knows.
    fn unsure(&self, error: &io::Error) -> SourceError {
        let reason = match error.get_ref() {
            Some(ours) => ours.to_string(),
            None => format!("{}; the journal says what was done", error.kind()),
        };
        SourceError::Unknown { source_name: self.name.clone(), reason }
    }

    fn rules<'a>(&self, map: &'a DataMap, target: &Target) -> Result<Rules<'a>, SourceError> {
        let read = match target {
            Target::Subject(_) => Rules::read(map),
            Target::Dataset { name, .. } => Rules::of_dataset(map, name),
        };
        let rules = read.map_err(|wrong| refused(&self.name, wrong.join("; ")))?;
        if rules.makes_pseudonyms() && self.options.pseudonyms.is_none() {
            let why = "its data map makes pseudonyms, and there is no key for them here";
            return Err(refused(&self.name, why));
        }
        Ok(rules)
    }
}

#[async_trait]
impl Source for LogsSource {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn follows(&self) -> bool {
        true
    }

    async fn rights(&self, _: &DataMap, _: Option<&str>) -> Result<Rights, SourceError> {
        let least = "the user that runs this program reads, writes and makes files in the folder and those below: a file \
                     is replaced by another, and a journal stands in `.countersign/`";
        Ok(crate::access::of(&self.inner.options.directory, least))
    }

    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let map = map.clone();
        self.working(move |inner| inner.check(&map)).await
    }

    async fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        self.working(|inner| inner.tables()).await
    }

    async fn discover(&self, _root_table: Option<&str>) -> Result<String, SourceError> {
        self.working(|inner| inner.discover()).await
    }

    async fn resolve(&self, map: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError> {
        let Some(found) = following::called(map, identities) else { return Ok(vec![]) };
        let there = self.survey(map, &Target::Subject(vec![found.root.clone()])).await?;
        let is_line = |it: &&countersign_core::plan::PlanLine| it.basis.as_deref() != Some(rules::UNREADABLE);
        let rows: u64 = there.lines.iter().filter(is_line).map(|it| it.rows).sum();
        Ok(if rows > 0 { vec![found] } else { vec![] })
    }

    async fn look(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError> {
        Ok(following::looked_at(map, roots))
    }

    async fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        let (map, target) = (map.clone(), target.clone());
        self.working(move |inner| inner.survey(&map, &target)).await
    }

    async fn export(
        &self,
        permit: &Permit,
        map: &DataMap,
        target: &Target,
        out: mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        job::may_export(&self.inner.name, permit)?;
        let (map, target) = (map.clone(), target.clone());
        self.working(move |inner| inner.export(&map, &target, &out)).await
    }

    async fn erase(
        &self,
        permit: &Permit,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
    ) -> Result<Stepped, SourceError> {
        job::may_erase(&self.inner.name, permit, key)?;
        job::is_whole(&self.inner.name, key)?;
        let (key, map, target) = (key.clone(), map.clone(), target.clone());
        let ceiling = permit.ceiling().cloned();
        self.working(move |inner| inner.erase(&key, &map, &target, ceiling.as_ref())).await
    }

    async fn receipt(&self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        let key = key.clone();
        self.working(move |inner| {
            journal::receipt(&inner.options.directory, &key).map_err(|it| inner.before(&it))
        })
        .await
    }

    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let key = key.clone();
        self.working(move |inner| inner.close(&key)).await
    }

    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let (map, target) = (map.clone(), target.clone());
        self.working(move |inner| inner.left(&map, &target)).await
    }
}
