//! An exported ledger as a folder of files. It opens only regular files within the folder: an export comes from
//! somebody else.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use countersign_ledger::LogSource;

/// How deep an export's folders are nested at most: `tile/entries/x001/x234/…` for 2⁶⁴ entries.
const MAX_DEPTH: usize = 12;

/// An exported ledger.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The export in `root`.
    ///
    /// # Errors
    /// When there is no such folder.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        if !fs::metadata(root)?.is_dir() {
            return Err(io::Error::new(ErrorKind::NotADirectory, "not a folder"));
        }
        Ok(Self { root: root.to_owned() })
    }

    fn walk(&self, folder: &str, depth: usize, found: &mut dyn FnMut(&str)) -> io::Result<()> {
        let listing = match fs::read_dir(self.root.join(folder)) {
            Ok(listing) => listing,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in listing {
            let entry = entry?;
            // A name that is no UTF-8 becomes one that no log has, and is found to be too much.
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() && depth < MAX_DEPTH {
                self.walk(&path, depth + 1, found)?;
            } else {
                found(&path);
            }
        }
        Ok(())
    }
}

impl LogSource for Folder {
    type Error = io::Error;

    fn read(&mut self, path: &str, limit: usize, content: &mut Vec<u8>) -> io::Result<bool> {
        content.clear();
        let path = self.root.join(path);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => {}
            Ok(_) => return Ok(false),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        File::open(&path)?.take(limit as u64).read_to_end(content)?;
        Ok(true)
    }

    fn list(&mut self, found: &mut dyn FnMut(&str)) -> io::Result<()> {
        self.walk("tile", 1, found)?;
        self.walk("checkpoints", 1, found)
    }
}
