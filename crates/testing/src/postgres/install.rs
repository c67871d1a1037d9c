//! Where PostgreSQL is installed, and as whom it may run.

use std::fs;
use std::path::{Path, PathBuf};

use super::Unavailable;

/// A folder with PostgreSQL's programs.
#[derive(Debug, Clone)]
pub(super) struct Install(PathBuf);

impl Install {
    /// In `PATH`, else the highest version under Debian's `/usr/lib/postgresql`.
    pub(super) fn find() -> Result<Install, Unavailable> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let in_path = std::env::split_paths(&path).map(|folder| fs::canonicalize(&folder).unwrap_or(folder));
        in_path.chain(debian()).find(|folder| whole(folder)).map(Install).ok_or_else(|| {
            Unavailable::because(
                "PostgreSQL is not installed: initdb, postgres and psql stand neither in PATH nor in \
                 /usr/lib/postgresql/*/bin (on Debian: apt-get install postgresql)",
            )
        })
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// The path of one of its programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

fn whole(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file())
}

fn debian() -> impl Iterator<Item = PathBuf> {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter_map(|path| Some((version(&path)?, path)))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, path)| path.join("bin"))
}

/// Somebody without rights.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// As whom the server must run: nobody else when we are not root; else `postgres`, else `nobody`.
pub(super) fn unprivileged() -> Result<Option<User>, Unavailable> {
    use std::os::unix::fs::MetadataExt;
    // Our own process folder belongs to our effective user; asking needs no unsafe code.
    let me = fs::metadata("/proc/self").map_err(Unavailable::because)?;
    if me.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(Unavailable::because)?;
    ["postgres", "nobody"].iter().find_map(|name| user(&users, name)).map(Some).ok_or_else(|| {
        Unavailable::because(
            "PostgreSQL does not run as root, and there is neither a user postgres nor nobody",
        )
    })
}

fn user(users: &str, wanted: &str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (name == wanted).then_some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}
