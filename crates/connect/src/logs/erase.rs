//! Erasing in a directory of logs: the receipt's journal first, then counting, comparing, and one file after the other, each
//! replaced in one step. Doing it again under the same key goes on where it was broken off.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use countersign_service::ports::source::{SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;

use super::directory::{self, Log, Seen, State, open};
use super::journal::{self, Intent, Journal, Story};
use super::line::Fate;
use super::survey::Eye;
use super::text::{self, Out};
use super::{Inner, swap};
use crate::job::refused;

impl Inner {
    pub(super) fn erase(
        &self,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, SourceError> {
        let rules = self.rules(map, target)?;
        let eye = self.eye(map, &rules, target)?;
        let options = &self.options;
        let locked = journal::lock(&options.directory, options.patience).map_err(|it| self.before(&it))?;
        let unsure = |it: io::Error| self.unsure(&it);
        swap::tidy(&options.directory, &locked).map_err(unsure)?;
        let (mut journal, mut story) = locked.open(key).map_err(|it| self.before(&it))?;
        match story.outcome.take() {
            Some(Outcome::Void) => {
                return Ok(Stepped::Void(Receipt { key: key.clone(), outcome: Outcome::Void }));
            }
            Some(outcome) => return Ok(Stepped::Done(Receipt { key: key.clone(), outcome })),
            None => {}
        }
        let logs = directory::logs(options, &rules.families).map_err(unsure)?;
        let mut todo = vec![];
        let mut counted = story.counts(&self.name);
        for log in logs.into_iter().filter(|it| it.state == State::Settled && !eye.is_blind(it.family)) {
            let lines = match eye.look(&log) {
                Ok(fates) => fates.changing(),
                // It is told as not reached by the look afterwards.
                Err(error) if is_of_the_file(&error) => continue,
                Err(error) => return Err(self.unsure(&error)),
            };
            counted.add(&self.name, rules.families[log.family].name, lines);
            if lines > 0 {
                todo.push(log);
            }
        }
        if ceiling.is_some_and(|it| counted.beyond(it).is_some()) {
            if story.touched.is_empty() {
                return Ok(Stepped::Beyond { counted });
            }
            let why = "part of it is done, and what is left is more than was signed";
            return Err(refused(&self.name, why));
        }
        for log in todo {
            if options.pace_ms > 0 {
                std::thread::sleep(std::time::Duration::from_millis(options.pace_ms));
            }
            match self.replace(&log, &eye, rules.families[log.family].name, &mut journal, &mut story) {
                Err(error) if is_of_the_file(&error) => {}
                done => done.map_err(unsure)?,
            }
        }
        let mut touched = Counts::default();
        for family in &rules.families {
            touched.add(&self.name, family.name, 0);
        }
        for (table, lines) in &story.touched {
            touched.add(&self.name, table, *lines);
        }
        let outcome = Outcome::Done { touched };
        journal.close(&outcome).map_err(unsure)?;
        Ok(Stepped::Done(Receipt { key: key.clone(), outcome }))
    }

    /// Closes a key: void if nothing was done under it, else done as far as it was.
    pub(super) fn close(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let options = &self.options;
        let locked = journal::lock(&options.directory, options.patience).map_err(|it| self.before(&it))?;
        let unsure = |it: io::Error| self.unsure(&it);
        swap::tidy(&options.directory, &locked).map_err(unsure)?;
        let (mut journal, story) = locked.open(key).map_err(|it| self.before(&it))?;
        if let Some(outcome) = story.outcome {
            return Ok(Receipt { key: key.clone(), outcome });
        }
        let outcome = if story.touched.is_empty() {
            Outcome::Void
        } else {
            Outcome::Done { touched: story.counts(&self.name) }
        };
        journal.close(&outcome).map_err(unsure)?;
        Ok(Receipt { key: key.clone(), outcome })
    }

    /// One file: written anew beside, announced, exchanged.
    fn replace(
        &self,
        log: &Log,
        eye: &Eye<'_>,
        table: &str,
        journal: &mut Journal,
        story: &mut Story,
    ) -> io::Result<()> {
        let old = open(&log.path)?;
        let metadata = old.metadata()?;
        let seen = Seen::from(&metadata);
        let removes = eye.takes_whole(&metadata);
        let mut lines = 0;
        let mut new = None;
        if removes {
            text::lines(&old, log.gzip, |_| {
                lines += 1;
                Ok(())
            })?;
        } else {
            let beside = swap::beside(&log.path);
            swap::clear(&log.path)?;
            let file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
            let mut out = Out::new(file, log.gzip);
            let written = text::lines(&old, log.gzip, |line| {
                let (said, end) = text::parted(line);
                match eye.fate(log, said) {
                    Fate::Untouched | Fate::Kept(_) => out.write(line),
                    Fate::Gone(_) => {
                        lines += 1;
                        Ok(())
                    }
                    Fate::Changed(_, new) => {
                        lines += 1;
                        out.write(&new)?;
                        out.write(end)
                    }
                }
            });
            let finished = written.and_then(|()| {
                let file = out.close()?;
                swap::finish(&file, &metadata)?;
                let id = directory::id(&file.metadata()?);
                Ok((file, id))
            });
            new = match finished {
                Ok(made) => Some(made),
                Err(error) => {
                    swap::clear(&log.path)?;
                    return Err(error);
                }
            };
        }
        let id = new.as_ref().map(|(_, id)| *id);
        let intent = Intent { file: log.name.clone(), table: table.to_owned(), old: seen, new: id, lines };
        journal.announce(story, intent)?;
        match swap::exchange(&log.path, seen, new.as_ref().map(|(file, id)| (file, *id))) {
            Ok(true) => {
                swap::clear(&log.path)?;
                journal.settle(story, &log.name)
            }
            // It was renamed or written to: it is told as not reached.
            Ok(false) => {
                journal.undo(story, &log.name)?;
                swap::clear(&log.path)
            }
            Err(error) => {
                swap::recover(&self.options.directory, journal, story)?;
                Err(error)
            }
        }
    }
}

/// Whether it says something of one file alone, which is then told as not reached.
fn is_of_the_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::PermissionDenied
    )
}

/// Rows by line of the plan.
pub(super) type Tally = BTreeMap<usize, u64>;
