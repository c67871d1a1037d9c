//! The files of a directory of logs, and which of them may be touched: never one that is still written. Links are not
//! followed. It must not know what is looked for in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Options;
use super::rules::Family;

/// Where receipts are kept, in the directory itself.
pub(super) const OWN: &str = ".countersign";
/// How the files end that stand beside those which they will replace.
pub(super) const NEW: &str = ".countersign-new";
/// Folders in folders.
const DEEPEST: usize = 8;

/// Device, number: the same file under whatever name.
pub(super) type FileId = (u64, u64);

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// Which family it is of.
    pub(super) family: usize,
    /// Its path in the directory, with `/`.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) gzip: bool,
    /// What keeps it from being touched.
    pub(super) state: State,
}

/// Whether a file may be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It may.
    Settled,
    /// Somebody still writes into it, or did a moment ago.
    Written,
    /// It cannot be read, or not be replaced: links, several names, foreign compression.
    Unreadable,
}

/// A file as it was seen: written to since, it is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) id: FileId,
    length: u64,
    modified: (i64, i64),
}

impl From<&Metadata> for Seen {
    fn from(it: &Metadata) -> Self {
        Self { id: id(it), length: it.len(), modified: (it.mtime(), it.mtime_nsec()) }
    }
}

/// What is at a path now, links not followed.
pub(super) fn seen(path: &Path) -> io::Result<Option<Seen>> {
    match path.symlink_metadata() {
        Ok(it) => Ok(Some(Seen::from(&it))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Which file it is.
pub(super) fn id(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// Opens a file and no link.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits();
    File::options().read(true).custom_flags(i32::try_from(flags).unwrap_or(0)).open(path)
}

/// Every file of every family, in order of names.
pub(super) fn logs(options: &Options, families: &[Family<'_>]) -> io::Result<Vec<Log>> {
    let held = held_open();
    let mut logs = vec![];
    for (name, path) in all(&options.directory)? {
        let Some(family) = families.iter().position(|it| it.pattern.fits(&name)) else { continue };
        if families[family + 1..].iter().any(|it| it.pattern.fits(&name)) {
            return Err(io::Error::other("a file is of two patterns of the map; make them tell files apart"));
        }
        let Ok(metadata) = path.symlink_metadata() else { continue };
        let last = name.rsplit('/').next().unwrap_or(&name);
        let foreign = [".zst", ".bz2", ".xz", ".lz4", ".zip", ".br"].iter().any(|it| last.ends_with(it));
        let young = metadata.modified().is_ok_and(|it| is_young(it, options.settle));
        let live = options.live.iter().any(|it| it.fits(&name));
        let state = if !metadata.is_file() || metadata.nlink() > 1 || foreign {
            State::Unreadable
        } else if live || young || held.contains(&id(&metadata)) {
            State::Written
        } else {
            State::Settled
        };
        logs.push(Log { family, gzip: last.ends_with(".gz"), name, path, state });
    }
    Ok(logs)
}

/// A time ahead of ours counts as now.
fn is_young(modified: SystemTime, settle: Duration) -> bool {
    SystemTime::now().duration_since(modified).map_or(true, |it| it < settle)
}

/// Every file below the directory by its path in it, our own left out. Folders that are links are files here.
pub(super) fn all(directory: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    walk(directory, "", 0, &mut found)?;
    found.retain(|name, _| !name.ends_with(NEW));
    Ok(found)
}

/// What stands beside files although nobody replaces them any more.
pub(super) fn leftovers(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = BTreeMap::new();
    walk(directory, "", 0, &mut found)?;
    Ok(found.into_iter().filter(|(name, _)| name.ends_with(NEW)).map(|(_, path)| path).collect())
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A name that is no text fits no pattern and is listed by what of it is one.
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == OWN {
            continue;
        }
        let kind = entry.file_type()?;
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            if depth >= DEEPEST {
                return Err(io::Error::other("folders stand in folders too deep"));
            }
            walk(&entry.path(), &format!("{path}/"), depth + 1, found)?;
        } else if kind.is_file() || kind.is_symlink() {
            found.insert(path, entry.path());
        }
    }
    Ok(())
}

/// Files that a process of this machine has open for writing, as far as we may see.
fn held_open() -> BTreeSet<FileId> {
    let mut held = BTreeSet::new();
    let Ok(processes) = std::fs::read_dir("/proc") else { return held };
    let numbered =
        |it: &std::fs::DirEntry| it.file_name().to_string_lossy().bytes().all(|it| it.is_ascii_digit());
    for process in processes.flatten().filter(numbered) {
        let Ok(open) = std::fs::read_dir(process.path().join("fd")) else { continue };
        for descriptor in open.flatten() {
            let Ok(metadata) = std::fs::metadata(descriptor.path()) else { continue };
            let info = process.path().join("fdinfo").join(descriptor.file_name());
            if metadata.is_file() && std::fs::read_to_string(info).is_ok_and(|it| writes(&it)) {
                held.insert(id(&metadata));
            }
        }
    }
    held
}

/// Whether the flags, octal digits, say that there is writing.
fn writes(info: &str) -> bool {
    let flags = info.lines().find_map(|it| it.strip_prefix("flags:"));
    flags.and_then(|it| u32::from_str_radix(it.trim(), 8).ok()).is_some_and(|it| it & 0o3 != 0)
}
