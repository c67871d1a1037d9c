//! The wrapping keys of an installation by their numbers, and until when one that was replaced is kept: then its file
//! is destroyed, and what only a backup holds under it can never be opened again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use countersign_core::time::Timestamp;
use countersign_service::ports::chance::{self, Chance};
use zeroize::Zeroizing;

use super::keys::wrapping;
use super::private_file;

/// The numbers of the wrapping keys in a folder, ascending.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn there(directory: &Path) -> anyhow::Result<Vec<u32>> {
    let shown = directory.display();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("{shown} cannot be read"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("wrapping-").and_then(|rest| rest.strip_suffix(".key"));
        found.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

fn until_file(directory: &Path, epoch: u32) -> PathBuf {
    directory.join(format!("wrapping-{epoch}.until"))
}

/// Until when a replaced key is kept; `None` for the newest, and for one that a rotation has not done with.
///
/// # Errors
/// When the file that says so is there and cannot be read.
pub(crate) fn until(directory: &Path, epoch: u32) -> anyhow::Result<Option<Timestamp>> {
    let path = until_file(directory, epoch);
    if !path.exists() {
        return Ok(None);
    }
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("{shown} cannot be read"))?;
    let seconds: i64 =
        text.trim().parse().with_context(|| format!("{shown} has no number of seconds since 1970 in it"))?;
    Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1000))))
}

/// Makes the next wrapping key, unless a rotation that was broken off has made it already.
///
/// # Errors
/// When files cannot be read or written.
pub(crate) fn next(directory: &Path, random: &dyn Chance) -> anyhow::Result<u32> {
    let all = there(directory)?;
    let (newest, earlier) = all.split_last().context("there is no wrapping key to replace")?;
    for epoch in earlier {
        if until(directory, *epoch)?.is_none() {
            return Ok(*newest);
        }
    }
    let next = newest + 1;
    let key = Zeroizing::new(chance::bytes::<32>(random));
    private_file(&directory.join(wrapping(next)), &Zeroizing::new(format!("{}\n", hex::encode(*key))))?;
    sync(directory)?;
    Ok(next)
}

/// Says until when every key before the newest is kept, where nothing was said yet.
///
/// # Errors
/// When files cannot be read or written.
pub(crate) fn keep_earlier_until(directory: &Path, at: Timestamp) -> anyhow::Result<()> {
    let all = there(directory)?;
    for epoch in all.split_last().map(|(_, earlier)| earlier).unwrap_or_default() {
        if until(directory, *epoch)?.is_none() {
            private_file(&until_file(directory, *epoch), &format!("{}\n", at.as_millis() / 1000))?;
        }
    }
    sync(directory)
}

/// Destroys every key that was kept until now: written over, then removed. Answers their numbers.
///
/// # Errors
/// When files cannot be read or written.
pub(crate) fn destroy_due(directory: &Path, now: Timestamp) -> anyhow::Result<Vec<u32>> {
    let all = there(directory)?;
    let mut destroyed = Vec::new();
    // Never the newest, whatever is written beside it.
    for epoch in all.split_last().map(|(_, earlier)| earlier).unwrap_or_default() {
        if until(directory, *epoch)?.is_none_or(|at| at > now) {
            continue;
        }
        let path = directory.join(wrapping(*epoch));
        let shown = path.display();
        let length = fs::metadata(&path).with_context(|| format!("{shown} cannot be read"))?.len();
        let zeros = vec![b'0'; usize::try_from(length).unwrap_or_default()];
        OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.write_all(&zeros).and_then(|()| file.sync_all()))
            .and_then(|()| fs::remove_file(&path))
            .with_context(|| format!("{shown} cannot be destroyed"))?;
        fs::remove_file(until_file(directory, *epoch))?;
        destroyed.push(*epoch);
    }
    if !destroyed.is_empty() {
        sync(directory)?;
    }
    Ok(destroyed)
}

fn sync(directory: &Path) -> anyhow::Result<()> {
    fs::File::open(directory)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("{} cannot be written", directory.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{SystemChance, keys};
    use super::*;

    #[test]
    fn a_replaced_key_is_kept_until_its_time_and_the_newest_always() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        keys::create(at, "example.com/log", &SystemChance).unwrap();
        assert_eq!(there(at).unwrap(), [1]);
        assert_eq!(next(at, &SystemChance).unwrap(), 2);
        assert_eq!(next(at, &SystemChance).unwrap(), 2, "one that was broken off goes on");
        keep_earlier_until(at, Timestamp::from_millis(5_000)).unwrap();
        assert_eq!(keys::load(at).unwrap().keys.epoch, 2);
        assert_eq!(keys::load(at).unwrap().keys.earlier.len(), 1);
        assert!(destroy_due(at, Timestamp::from_millis(4_999)).unwrap().is_empty());
        assert_eq!(destroy_due(at, Timestamp::from_millis(5_000)).unwrap(), [1]);
        fs::write(until_file(at, 2), "0").unwrap();
        assert!(destroy_due(at, Timestamp::from_millis(9_000)).unwrap().is_empty());
        assert_eq!(there(at).unwrap(), [2]);
        assert!(keys::load(at).unwrap().keys.earlier.is_empty());
    }
}
