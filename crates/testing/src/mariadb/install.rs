//! Where MariaDB is installed.

use std::path::{Path, PathBuf};

use super::Unavailable;

/// MariaDB's programs: what makes a server's files, the server, the client.
#[derive(Debug, Clone)]
pub(super) struct Install([PathBuf; 3]);

impl Install {
    /// In `PATH`, else where Debian puts programs of the system.
    pub(super) fn find() -> Result<Install, Unavailable> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path)
            .chain(["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map(PathBuf::from))
            .collect();
        let find = |name: &str| folders.iter().map(|it| it.join(name)).find(|it| it.is_file());
        match (find("mariadb-install-db"), find("mariadbd"), find("mariadb")) {
            (Some(make), Some(server), Some(client)) => Ok(Install([make, server, client])),
            _ => Err(Unavailable::because(
                "MariaDB is not installed: mariadb-install-db, mariadbd and mariadb do not all stand in PATH or in \
                 /usr/sbin (on Debian: apt-get install mariadb-server)",
            )),
        }
    }

    pub(super) fn make(&self) -> &Path {
        &self.0[0]
    }

    pub(super) fn server(&self) -> &Path {
        &self.0[1]
    }

    pub(super) fn client(&self) -> &Path {
        &self.0[2]
    }
}
