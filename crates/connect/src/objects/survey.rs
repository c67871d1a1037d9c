//! Which files are whose: listed by prefix, each counted once. Links out of a folder are seen and not followed; a bucket
//! that keeps versions is told.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign_core::plan::{Counts, SourcePlan, Treatment};
use countersign_service::ports::following;
use countersign_service::ports::source::{Finding, Rights, Severity, SourceError, Target};
use countersign_service::settings::datamap::{DataMap, known_text};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::rules::{OWN, Rules, Spot, Table};
use super::{ObjectsSource, Place};
use crate::job::refused;

/// Files of one table of the map, by path.
pub(super) type Files = BTreeMap<Path, Seen>;

/// A file and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Its line of the plan.
    pub(super) line: usize,
    pub(super) bytes: u64,
    /// Whether it goes.
    pub(super) goes: bool,
    /// Whether it is elsewhere, by a link.
    pub(super) link: bool,
}

impl ObjectsSource {
    pub(super) fn rules<'a>(&self, map: &'a DataMap, target: &Target) -> Result<Rules<'a>, SourceError> {
        let read = match target {
            Target::Subject(_) => Rules::read(map),
            Target::Dataset { name, .. } => Rules::of_dataset(map, name),
        };
        read.map_err(|wrong| refused(&self.name, wrong.join("; ")))
    }

    /// The target's files, by table of the map.
    pub(super) async fn files(
        &self,
        store: &dyn ObjectStore,
        rules: &Rules<'_>,
        map: &DataMap,
        target: &Target,
    ) -> Result<Vec<Files>, SourceError> {
        let mut all = vec![];
        match target {
            Target::Subject(roots) => {
                let heard: Option<Vec<_>> = roots.iter().map(|it| following::heard(map, it)).collect();
                let subjects =
                    heard.ok_or_else(|| refused(&self.name, "the root is of another map's making"))?;
                for table in &rules.tables {
                    let mut files = Files::new();
                    for (template, treatment, line) in &table.ways {
                        let spots =
                            Table::spots(template, &subjects).map_err(|why| refused(&self.name, why))?;
                        for spot in spots {
                            let goes = *treatment == Treatment::Delete;
                            for file in at(store, &spot).await.map_err(|it| self.before(&it))? {
                                let link = self.is_link(&file.location);
                                let seen = Seen { line: *line, bytes: file.size, goes, link };
                                files.entry(file.location).or_insert(seen);
                            }
                        }
                    }
                    all.push(files);
                }
            }
            Target::Dataset { before, .. } => {
                for table in &rules.tables {
                    let mut files = Files::new();
                    let Some(below) = table.below.clone() else { continue };
                    for file in at(store, &Spot::Below(below)).await.map_err(|it| self.before(&it))? {
                        if file.last_modified.timestamp_millis() < before.as_millis() {
                            let link = self.is_link(&file.location);
                            files.insert(file.location, Seen { line: 0, bytes: file.size, goes: true, link });
                        }
                    }
                    all.push(files);
                }
            }
        }
        Ok(all)
    }

    /// Whether a path of a folder is or goes through a link: what is there is not ours to take.
    fn is_link(&self, path: &Path) -> bool {
        let Place::Folder(folder) = &self.options.place else { return false };
        let Ok(folder) = folder.canonicalize() else { return true };
        let at = path.parts().fold(folder, |at, part| at.join(part.as_ref()));
        at.canonicalize().map_or(true, |it| it != at)
    }

    pub(super) async fn plan(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        let store = self.store()?;
        let rules = self.rules(map, target)?;
        let mut lines = rules.lines.clone();
        for (table, files) in rules.tables.iter().zip(self.files(&*store, &rules, map, target).await?) {
            for seen in files.values() {
                let line = &mut lines[if seen.link { table.links } else { seen.line }];
                line.rows += 1;
                line.bytes = line.bytes.map(|it| it + seen.bytes);
            }
            let going = files.iter().filter(|(_, it)| it.goes && !it.link);
            if let Some((path, _)) = going.clone().next()
                && self.keeps_versions(&*store, path).await?
            {
                lines[table.versions].rows = going.count() as u64;
            }
        }
        Ok(SourcePlan {
            source: self.name.clone(),
            fingerprint: self.fingerprint(&rules),
            map_version: map.version().to_owned(),
            lines,
        })
    }

    /// Whether deleting a file leaves an earlier version of it. Buckets that do say a version with each object.
    async fn keeps_versions(&self, store: &dyn ObjectStore, path: &Path) -> Result<bool, SourceError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match store.get_opts(path, options).await {
            Ok(found) => Ok(found.meta.version.is_some_and(|it| it != "null")),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.before(&error)),
        }
    }

    /// What a plan rests on: the place and the paths.
    fn fingerprint(&self, rules: &Rules<'_>) -> String {
        let mut hash = Sha256::new();
        match &self.options.place {
            Place::Folder(path) => hash.update(path.as_os_str().as_encoded_bytes()),
            Place::Bucket(it) => {
                hash.update([&*it.name, &it.prefix, it.endpoint.as_deref().unwrap_or("")].join("\0"))
            }
        }
        for line in &rules.lines {
            hash.update([0]);
            hash.update(&line.table);
        }
        hex::encode(hash.finalize())
    }

    pub(super) async fn still_there(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let store = self.store()?;
        let rules = self.rules(map, target)?;
        let mut left = Counts::default();
        for (table, files) in rules.tables.iter().zip(self.files(&*store, &rules, map, target).await?) {
            let count = |link: bool| files.values().filter(|it| it.goes && it.link == link).count() as u64;
            for (name, rows) in [
                (table.name.to_owned(), count(false)),
                (format!("{} (not reached: links)", table.name), count(true)),
            ] {
                if rows > 0 {
                    left.add(&self.name, &name, rows);
                }
            }
        }
        Ok(left)
    }

    pub(super) async fn findings(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let mut findings = vec![];
        let mut say = |severity, message: String| findings.push(Finding { severity, message });
        let store = self.store()?;
        if let Err(wrong) = Rules::read(map) {
            wrong.into_iter().for_each(|it| say(Severity::Error, it));
        }
        for dataset in &map.datasets {
            if let Err(wrong) = Rules::of_dataset(map, &dataset.name) {
                wrong.into_iter().for_each(|it| say(Severity::Error, it));
            }
        }
        let mut listed = store.list(None);
        while let Some(file) = listed.try_next().await.map_err(|it| self.before(&it))? {
            if is_own(&file.location) {
                continue;
            }
            if self.keeps_versions(&*store, &file.location).await? {
                let what = "the bucket keeps versions: what is deleted can be read until its rule for old \
                            versions removes it, and erasures end partial";
                say(Severity::Warning, what.to_owned());
            }
            break;
        }
        if map.known.is_some() {
            for new in map.drift(&self.folders().await?) {
                let message = format!("`{new}/` is not in [known]: is it the subject's?");
                findings.push(Finding { severity: Severity::Drift, message });
            }
        }
        findings.sort_by_key(|it| std::cmp::Reverse(it.severity));
        Ok(findings)
    }

    /// The folders at the top, each as a table without columns: of deeper ones and of files there are too many.
    pub(super) async fn folders(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        let top = self.store()?.list_with_delimiter(None).await.map_err(|it| self.before(&it))?;
        let names = top.common_prefixes.iter().filter(|it| !is_own(it));
        Ok(names.map(|it| (it.as_ref().to_owned(), vec![])).collect())
    }

    /// What is needed, in words; of a bucket's rights only its owner sees which there are.
    pub(super) fn rights_there(&self) -> Rights {
        let bucket = match &self.options.place {
            Place::Folder(folder) => {
                let least = "the user that runs this program reads, writes and makes files in the folder and those \
                             below; receipts stand in `.countersign/`";
                return crate::access::of(folder, least);
            }
            Place::Bucket(bucket) => bucket,
        };
        let below = match &*bucket.prefix {
            "" => bucket.name.clone(),
            prefix => format!("{}/{prefix}", bucket.name),
        };
        let least = vec![
            format!("s3:ListBucket on {}, for the prefix `{}`", bucket.name, bucket.prefix),
            format!("s3:GetObject and s3:DeleteObject on {below}/*"),
            format!("s3:PutObject on {below}/{OWN}/*"),
        ];
        Rights { least, ..Rights::default() }
    }

    /// A first map, by the folders that look like many people's.
    pub(super) async fn propose(&self) -> Result<String, SourceError> {
        let store = self.store()?;
        let top = store.list_with_delimiter(None).await.map_err(|it| self.before(&it))?;
        let mut map = format!(
            "# A first map of the files in the source `{0}`. Read it, and correct it; then:\n\
             #   countersign source check {0} THIS-FILE\n\
             source = \"{0}\"\n\n\
             [[root]]                       # whoever is meant is told by the other sources, by these identities\n\
             table = \"person\"\nkey = [\"account\"]\nidentities = {{ account = \"account\" }}\n\
             attributes = {{ {0}_drifted = {{ type = \"drift\" }} }}\ntreatment = \"delete\"\n",
            self.name
        );
        for folder in top.common_prefixes.iter().filter(|it| !is_own(it)) {
            let inner = store.list_with_delimiter(Some(folder)).await.map_err(|it| self.before(&it))?;
            let _ = writeln!(
                map,
                "\n# `{folder}/` has {} folders and {} files. DOUBT: is each folder somebody's, and by which value?",
                inner.common_prefixes.len(),
                inner.objects.len()
            );
            let mark = if inner.common_prefixes.is_empty() { "# " } else { "" };
            let _ = writeln!(map, "{mark}[[table]]\n{mark}name = {:?}", folder.as_ref());
            let _ = writeln!(map, "{mark}[[table.way]]\n{mark}column = \"path\"");
            let _ = writeln!(map, "{mark}equals = \"{folder}/{{account}}/\"\n{mark}treatment = \"delete\"");
        }
        map.push('\n');
        map.push_str(&known_text(&self.folders().await?));
        Ok(map)
    }
}

fn is_own(path: &Path) -> bool {
    path.parts().next().is_some_and(|it| it.as_ref() == OWN)
}

/// The files at a place.
async fn at(store: &dyn ObjectStore, spot: &Spot) -> Result<Vec<ObjectMeta>, Error> {
    match spot {
        Spot::Below(path) => store.list(Some(path)).try_collect().await,
        Spot::Exactly(path) => match store.head(path).await {
            Ok(it) => Ok(vec![it]),
            Err(Error::NotFound { .. }) => Ok(vec![]),
            Err(error) => Err(error),
        },
    }
}
