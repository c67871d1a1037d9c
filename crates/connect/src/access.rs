//! What a program needs of files, in words, and what the modes of a file say of it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use countersign_service::ports::source::Rights;
use rustix::fs::{Access, access};

/// What `path` needs (a file with its folder, or a folder with what is in it) and what this process has.
pub(crate) fn of(path: &Path, least: &str) -> Rights {
    let shown = path.display();
    let mut rights = Rights { least: vec![format!("{shown}: {least}")], ..Rights::default() };
    let Ok(found) = std::fs::metadata(path) else {
        rights.lacks.push(format!("{shown}: it is not there, or its folder may not be entered"));
        return rights;
    };
    let mut needs = vec![path];
    // A journal is made beside a file.
    let folder = path.parent().filter(|it| found.is_file() && !it.as_os_str().is_empty());
    needs.extend(folder);
    for path in needs {
        let mut wanted = Access::READ_OK | Access::WRITE_OK;
        if path.is_dir() {
            wanted |= Access::EXEC_OK;
        }
        if access(path, wanted).is_err() {
            rights.lacks.push(format!("{}: this user may not read and write there", path.display()));
        }
    }
    if found.mode() & 0o002 != 0 {
        let mode = found.mode() & 0o777;
        rights.beyond.push(format!("{shown}: every user of this machine may write there (mode {mode:04o})"));
    }
    rights
}
