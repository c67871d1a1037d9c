//! Receipts of a directory of logs: one file a key, a record a line, each on the disk before what it announces is done.
//! A file whose replacing was announced and not confirmed is looked at again, and told from one that was not touched.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use serde::{Deserialize, Serialize};

use super::directory::{FileId, OWN, Seen};

/// A file that is replaced or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    /// Its path in the directory.
    pub(super) file: String,
    /// Its family: the table of the map.
    pub(super) table: String,
    /// The file as it was read.
    pub(super) old: Seen,
    /// Which file takes its place; none: it goes.
    pub(super) new: Option<FileId>,
    /// How many lines are touched by it.
    pub(super) lines: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    /// Will be done next.
    Intent(Intent),
    /// Was done.
    Settled { file: String },
    /// Was not done, and is not going to be without being announced again.
    Undone { file: String },
    /// The step is done.
    Done { touched: Counts },
    /// The step never will be.
    Void,
}

/// What a key's file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Story {
    /// What was announced and neither confirmed nor taken back.
    pub(super) open: BTreeMap<String, Intent>,
    /// Lines of files that were replaced, by table.
    pub(super) touched: BTreeMap<String, u64>,
    /// The end.
    pub(super) outcome: Option<Outcome>,
}

/// The receipts of a directory, while nobody else may write them.
pub(super) struct Locked {
    folder: PathBuf,
    _lock: File,
}

/// One key's file, open.
pub(super) struct Journal {
    file: File,
}

fn name(key: &ReceiptKey) -> String {
    format!("{}-{}-{}-{}.jsonl", key.request, key.run, key.step, key.chunk)
}

/// The receipt under a key, if its story has an end.
pub(super) fn receipt(directory: &Path, key: &ReceiptKey) -> io::Result<Option<Receipt>> {
    let text = match std::fs::read(directory.join(OWN).join(name(key))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    Ok(Story::read(&text).outcome.map(|outcome| Receipt { key: key.clone(), outcome }))
}

/// Waits until nobody else writes receipts here.
pub(super) fn lock(directory: &Path, patience: Duration) -> io::Result<Locked> {
    let folder = directory.join(OWN);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => sync(directory)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let lock =
        File::options().create(true).truncate(false).write(true).mode(0o600).open(folder.join("lock"))?;
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Locked { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, "somebody else erases in it"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Makes the names in a folder last.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Locked {
    /// The journal of a key, begun if there is none, and what it says.
    pub(super) fn open(&self, key: &ReceiptKey) -> io::Result<(Journal, Story)> {
        self.at(self.folder.join(name(key)))
    }

    /// Every journal in which something was announced and neither confirmed nor taken back, whosever it is.
    pub(super) fn broken_off(&self) -> io::Result<Vec<(Journal, Story)>> {
        let mut broken = vec![];
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "jsonl")
                && !Story::read(&std::fs::read(&path)?).open.is_empty()
            {
                broken.push(self.at(path)?);
            }
        }
        Ok(broken)
    }

    fn at(&self, path: PathBuf) -> io::Result<(Journal, Story)> {
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
        sync(&self.folder)?;
        let mut text = vec![];
        file.read_to_end(&mut text)?;
        // A record that was torn by a crash announced nothing that was done: the next one begins a line of its own.
        if text.last().is_some_and(|it| *it != b'\n') {
            file.seek(SeekFrom::End(0))?;
            file.write_all(b"\n")?;
        }
        Ok((Journal { file }, Story::read(&text)))
    }
}

impl Story {
    fn read(text: &[u8]) -> Self {
        let mut story = Self::default();
        for line in text.split(|it| *it == b'\n') {
            let Ok(record) = serde_json::from_slice(line) else { continue };
            match record {
                Record::Intent(it) => drop(story.open.insert(it.file.clone(), it)),
                Record::Settled { file } => story.settle(&file),
                Record::Undone { file } => drop(story.open.remove(&file)),
                Record::Done { touched } => story.outcome = Some(Outcome::Done { touched }),
                Record::Void => story.outcome = Some(Outcome::Void),
            }
        }
        story
    }

    /// An announced change was made.
    pub(super) fn settle(&mut self, file: &str) {
        if let Some(it) = self.open.remove(file) {
            *self.touched.entry(it.table).or_default() += it.lines;
        }
    }

    /// What was touched, in the words of a receipt.
    pub(super) fn counts(&self, source: &str) -> Counts {
        let mut counts = Counts::default();
        for (table, lines) in &self.touched {
            counts.add(source, table, *lines);
        }
        counts
    }
}

impl Journal {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&line)?;
        self.file.sync_data()
    }

    pub(super) fn announce(&mut self, story: &mut Story, intent: Intent) -> io::Result<()> {
        self.write(&Record::Intent(intent.clone()))?;
        story.open.insert(intent.file.clone(), intent);
        Ok(())
    }

    pub(super) fn settle(&mut self, story: &mut Story, file: &str) -> io::Result<()> {
        self.write(&Record::Settled { file: file.to_owned() })?;
        story.settle(file);
        Ok(())
    }

    pub(super) fn undo(&mut self, story: &mut Story, file: &str) -> io::Result<()> {
        self.write(&Record::Undone { file: file.to_owned() })?;
        story.open.remove(file);
        Ok(())
    }

    /// Ends the story.
    pub(super) fn close(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.write(&match outcome {
            Outcome::Done { touched } => Record::Done { touched: touched.clone() },
            Outcome::Void => Record::Void,
        })
    }
}
