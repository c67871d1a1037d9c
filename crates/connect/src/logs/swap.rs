//! Putting a new file in the place of an old one, in one step that can be told afterwards: both change names at once, and
//! only then the old one goes. Whatever the step is broken off in, [`recover`] says whether it was done.
//!
//! The names change at once because whoever rotates logs renames too: a plain rename could bury the file that has just
//! been rotated to this name. After the exchange it is in our hands, and goes to where the new file is by then: that is
//! its place, also if both were rotated on meanwhile.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::directory::{self, FileId, NEW, Seen, seen};
use super::journal::{Intent, Journal, Locked, Story, sync};

/// How often a place is looked for.
const TRIES: usize = 100;

/// The name beside a file under which its replacement is written.
pub(super) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{NEW}"))
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// A new file with the rights, the owner and the time of the old one, on the disk.
pub(super) fn finish(new: &File, old: &Metadata) -> io::Result<()> {
    let made = new.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o7777))?;
    new.set_modified(old.modified()?)?;
    new.sync_all()
}

/// Carries out what was announced: exchanges a file with the `new` one, or takes it out. `false`: somebody wrote into it
/// or renamed it, and it is as they left it.
pub(super) fn exchange(path: &Path, old: Seen, new: Option<(&File, FileId)>) -> io::Result<bool> {
    let aside = beside(path);
    match new {
        Some(_) => renameat_with(CWD, &aside, CWD, path, RenameFlags::EXCHANGE)?,
        None => renameat_with(CWD, path, CWD, &aside, RenameFlags::NOREPLACE)?,
    }
    sync(folder(path))?;
    if seen(&aside)? == Some(old) {
        return Ok(true);
    }
    if let Some((file, _)) = new {
        // What is in it stands where the old file is; nobody shall read it twice.
        file.set_len(0)?;
    }
    put_back(path, new.map(|(_, id)| id))?;
    Ok(false)
}

/// Gives what stands aside and is somebody else's its name again: the one that the new file has by now.
fn put_back(path: &Path, new: Option<FileId>) -> io::Result<()> {
    let (aside, folder) = (beside(path), folder(path));
    for _ in 0..TRIES {
        let Some(new) = new else { break };
        let Some(place) = named(folder, new)? else {
            // Listing a folder while names change may miss one.
            std::thread::sleep(std::time::Duration::from_millis(5));
            continue;
        };
        match renameat_with(CWD, &aside, CWD, &place, RenameFlags::EXCHANGE) {
            Err(error) if error == rustix::io::Errno::NOENT => continue,
            done => done?,
        }
        if seen(&aside)?.is_some_and(|it| it.id == new) {
            return sync(folder);
        }
    }
    // Its place is gone: it gets a name that nobody else uses, and none is lost.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..1000 {
        let kept = path.with_file_name(format!("{name}.kept-{number}"));
        match renameat_with(CWD, &aside, CWD, &kept, RenameFlags::NOREPLACE) {
            Err(error) if error == rustix::io::Errno::EXIST => {}
            done => {
                done?;
                return sync(folder);
            }
        }
    }
    Err(io::Error::other("a file has no name to go back to; it stands beside, ending in `.countersign-new`"))
}

/// Under which name a file is in a folder.
fn named(folder: &Path, id: FileId) -> io::Result<Option<PathBuf>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if seen(&path)?.is_some_and(|it| it.id == id) && !path.to_string_lossy().ends_with(NEW) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Takes away what stands beside a file.
pub(super) fn clear(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(beside(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync(folder(path)),
    }
}

/// Before anything else is done in a directory: whatever was broken off, under whatever key, is settled or taken back,
/// and what was written and never announced goes.
pub(super) fn tidy(root: &Path, locked: &Locked) -> io::Result<()> {
    for (mut journal, mut story) in locked.broken_off()? {
        recover(root, &mut journal, &mut story)?;
    }
    for path in directory::leftovers(root)? {
        std::fs::remove_file(&path)?;
        sync(folder(&path))?;
    }
    Ok(())
}

/// After a crash: settles or takes back everything that was announced.
pub(super) fn recover(root: &Path, journal: &mut Journal, story: &mut Story) -> io::Result<()> {
    for intent in story.open.values().cloned().collect::<Vec<_>>() {
        let path = root.join(&intent.file);
        let aside = seen(&beside(&path))?;
        let done = match (&intent, aside) {
            // What stands aside is the new file: names were not exchanged yet.
            (Intent { new: Some(new), .. }, Some(aside)) if aside.id == *new => false,
            // Nothing stands aside any more: the old file is gone for good. Of a file that only goes, it may also not
            // have been moved yet.
            (Intent { new: Some(_), .. }, None) => true,
            (Intent { new: None, old, .. }, None) => seen(&path)?.map(|it| it.id) != Some(old.id),
            (Intent { old, .. }, Some(aside)) if aside == *old => true,
            // Somebody else's file came between, or somebody wrote: it goes back to its name.
            (Intent { new, .. }, Some(_)) => {
                put_back(&path, *new)?;
                false
            }
        };
        if done {
            clear(&path)?;
            journal.settle(story, &intent.file)?;
        } else {
            // Said first: once the new file is gone, it would look as if it had taken the old one's place.
            journal.undo(story, &intent.file)?;
            clear(&path)?;
        }
    }
    Ok(())
}
