//! Looking through the files for whoever is meant, or for what is too old: what would become of each line.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use countersign_core::plan::{Counts, PlanLine, SourcePlan};
use countersign_core::time::Timestamp;
use countersign_service::ports::following;
use countersign_service::ports::source::{SourceError, Target};
use countersign_service::settings::datamap::{AgeFormat, DataMap};
use sha2::{Digest, Sha256};

use super::directory::{self, Log, State, open};
use super::erase::Tally;
use super::line::{Fate, Sight};
use super::rules::Rules;
use super::{Inner, age, text};
use crate::job::refused;

/// The age of a dataset that means: of the whole file.
pub(super) const FILE: &str = "file";

/// What is looked for.
pub(super) enum Eye<'a> {
    /// Lines of a subject, by family.
    Subject(Vec<Sight<'a>>),
    /// What is older.
    Older { age: &'a str, format: AgeFormat, before: Timestamp },
}

/// What becomes of the lines of a file.
#[derive(Default)]
pub(super) struct Fates {
    pub(super) tally: Tally,
    kept: u64,
    /// How long they are, with their ends; as they are read, also out of a file that is packed.
    bytes: Tally,
    kept_bytes: u64,
}

impl Fates {
    /// Lines that go or change.
    pub(super) fn changing(&self) -> u64 {
        self.tally.values().sum::<u64>() - self.kept
    }

    fn changing_bytes(&self) -> u64 {
        self.bytes.values().sum::<u64>() - self.kept_bytes
    }
}

impl Eye<'_> {
    /// Whether there is nothing of it to look for in a family.
    pub(super) fn is_blind(&self, family: usize) -> bool {
        matches!(self, Eye::Subject(sights) if sights[family].is_blind())
    }

    /// What becomes of a line, which comes without its end.
    pub(super) fn fate(&self, log: &Log, line: &[u8]) -> Fate {
        match self {
            Eye::Subject(sights) => sights[log.family].fate(line),
            Eye::Older { age, format, before } if *age != FILE => match age::of(line, age, *format) {
                Some(at) if at < *before => Fate::Gone(0),
                _ => Fate::Untouched,
            },
            Eye::Older { .. } => Fate::Untouched,
        }
    }

    /// Whether the file goes as a whole.
    pub(super) fn takes_whole(&self, metadata: &Metadata) -> bool {
        let Eye::Older { age: FILE, before, .. } = self else { return false };
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(before.as_millis().unsigned_abs());
        metadata.modified().is_ok_and(|it| it < moment)
    }

    /// What becomes of a file's lines, without changing anything.
    pub(super) fn look(&self, log: &Log) -> io::Result<Fates> {
        let file = open(&log.path)?;
        let whole = self.takes_whole(&file.metadata()?);
        let mut fates = Fates::default();
        text::lines(&file, log.gzip, |line| {
            let (said, _) = text::parted(line);
            let of = match self.fate(log, said) {
                _ if whole => 0,
                Fate::Untouched => return Ok(()),
                Fate::Kept(of) => {
                    fates.kept += 1;
                    fates.kept_bytes += line.len() as u64;
                    of
                }
                Fate::Gone(of) | Fate::Changed(of, _) => of,
            };
            *fates.tally.entry(of).or_default() += 1;
            *fates.bytes.entry(of).or_default() += line.len() as u64;
            Ok(())
        })?;
        Ok(fates)
    }
}

impl Inner {
    pub(super) fn eye<'a>(
        &'a self,
        map: &'a DataMap,
        rules: &'a Rules<'a>,
        target: &Target,
    ) -> Result<Eye<'a>, SourceError> {
        match target {
            Target::Subject(roots) => {
                let heard: Option<Vec<_>> = roots.iter().map(|it| following::heard(map, it)).collect();
                let subjects =
                    heard.ok_or_else(|| refused(&self.name, "the root is of another map's making"))?;
                let key = self.options.pseudonyms.as_ref();
                Ok(Eye::Subject(rules.families.iter().map(|it| Sight::new(it, &subjects, key)).collect()))
            }
            Target::Dataset { name, before } => {
                let dataset = map
                    .dataset(name)
                    .ok_or_else(|| refused(&self.name, format!("the map has no dataset `{name}`")))?;
                let (age, format) = (&*dataset.age, dataset.format);
                Ok(Eye::Older { age, format, before: *before })
            }
        }
    }

    pub(super) fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        let rules = self.rules(map, target)?;
        let eye = self.eye(map, &rules, target)?;
        let mut lines = rules.lines.clone();
        lines.iter_mut().for_each(|it| it.bytes = Some(0));
        // Nobody knows how much of a file that cannot be read is the subject's.
        rules.families.iter().for_each(|it| lines[it.unreached[1]].bytes = None);
        let weigh = |line: &mut PlanLine, rows, bytes| {
            line.rows += rows;
            line.bytes = line.bytes.map(|it| it + bytes);
        };
        for log in directory::logs(&self.options, &rules.families).map_err(|it| self.before(&it))? {
            if eye.is_blind(log.family) {
                continue;
            }
            let [written, unreadable] = rules.families[log.family].unreached;
            let fates = match log.state {
                State::Unreadable => None,
                State::Settled | State::Written => eye.look(&log).ok(),
            };
            match (log.state, fates) {
                (_, None) => lines[unreadable].rows += 1,
                (State::Written, Some(fates)) => {
                    weigh(&mut lines[written], fates.changing(), fates.changing_bytes());
                }
                (_, Some(fates)) => {
                    for (of, rows) in fates.tally {
                        weigh(&mut lines[of], rows, fates.bytes.get(&of).copied().unwrap_or(0));
                    }
                }
            }
        }
        Ok(SourcePlan {
            source: self.name.clone(),
            fingerprint: fingerprint(&self.options.directory, &rules),
            map_version: map.version().to_owned(),
            lines,
        })
    }

    /// What should be gone and is not, with why in the table's name where it is not reached.
    pub(super) fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let rules = self.rules(map, target)?;
        let eye = self.eye(map, &rules, target)?;
        let mut left = Counts::default();
        for log in directory::logs(&self.options, &rules.families).map_err(|it| self.before(&it))? {
            if eye.is_blind(log.family) {
                continue;
            }
            let table = rules.families[log.family].name;
            let fates = match log.state {
                State::Unreadable => None,
                State::Settled | State::Written => eye.look(&log).ok(),
            };
            let (why, rows) = match (log.state, fates) {
                (_, None) => (" (not reached: a file cannot be read)", 1),
                (State::Written, Some(it)) => (" (not reached: still written)", it.changing()),
                (_, Some(it)) => ("", it.changing()),
            };
            if rows > 0 {
                left.add(&self.name, &format!("{table}{why}"), rows);
            }
        }
        Ok(left)
    }
}

/// What a plan rests on: the directory and the patterns, not the files, which come and go.
fn fingerprint(directory: &Path, rules: &Rules<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(directory.as_os_str().as_encoded_bytes());
    for family in &rules.families {
        hash.update([0]);
        hash.update(family.name);
    }
    hex::encode(hash.finalize())
}
