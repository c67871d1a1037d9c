//! A real MariaDB server in a temporary folder, on a free port of 127.0.0.1.
//!
//! As with PostgreSQL, a watcher process holds the read end of a pipe. When this process ends, however it ends, the
//! pipe closes; the watcher kills the server and removes the folder.

mod database;
mod install;
mod watch;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

pub use crate::postgres::Unavailable;
pub use database::Database;

use install::Install;
use watch::Watcher;

/// Who may do everything on every server that is started here; no password is asked.
pub const USER: &str = "countersign";

/// Making the files and starting take a few seconds on a quiet machine, and many on a busy one.
const START_WITHIN: Duration = Duration::from_secs(120);
const TRIES: u32 = 3;
/// Run by the server before it takes connections.
const INIT: &str =
    "CREATE USER IF NOT EXISTS countersign@'%';\nGRANT ALL ON *.* TO countersign@'%' WITH GRANT OPTION;\n";
/// Names in double quotes, texts joined by `||`: scripts that the other engines take run here too.
const MODE: &str = "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES'";

/// A running server; dropped, it is gone and its folder removed.
#[derive(Debug)]
pub struct Server {
    install: Install,
    folder: PathBuf,
    port: u16,
    next_database: AtomicU32,
    _watcher: Watcher,
}

impl Server {
    /// Starts a server of one's own. Most tests want [`Server::shared`].
    ///
    /// # Errors
    /// When MariaDB is not installed or does not start; the reason holds the end of its log.
    pub fn start() -> Result<Server, Unavailable> {
        let install = Install::find()?;
        let mut reason = Unavailable::because("not tried");
        for _ in 0..TRIES {
            match Server::launch(&install) {
                Ok(server) => return Ok(server),
                // Somebody may have taken the port in between.
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }

    /// The server of this test process, started at the first call.
    ///
    /// # Errors
    /// As [`Server::start`], the same each time.
    pub fn shared() -> Result<&'static Server, Unavailable> {
        static SHARED: OnceLock<Result<Server, Unavailable>> = OnceLock::new();
        SHARED.get_or_init(Server::start).as_ref().map_err(Clone::clone)
    }

    /// A fresh, empty database.
    ///
    /// # Errors
    /// What the server says.
    pub fn database(&self) -> Result<Database<'_>, Unavailable> {
        let name = format!("test_{}", self.next_database.fetch_add(1, Ordering::Relaxed));
        self.client("mysql", &format!("CREATE DATABASE {name}"))?;
        Ok(Database::new(self, name))
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The server's own certificate, for `localhost`: whoever trusts it can reach the server by TLS.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// The server's process.
    ///
    /// # Errors
    /// When its number cannot be read.
    pub fn pid(&self) -> Result<u32, Unavailable> {
        let text = fs::read_to_string(self.folder.join("server")).map_err(Unavailable::because)?;
        text.trim().parse().map_err(Unavailable::because)
    }

    /// Runs SQL in a database, stopping at the first error; returns what it printed: one row a line, rows only,
    /// columns parted by a tabulator.
    ///
    /// # Errors
    /// What the server says.
    pub fn client(&self, database: &str, sql: &str) -> Result<String, Unavailable> {
        let mut command = Command::new(self.install.client());
        // The reader's own settings stay out of it.
        command.args(["--no-defaults", "--batch", "--skip-column-names", "--init-command", MODE]);
        command.args(["--default-character-set", "utf8mb4", "--user", USER, "--database", database]);
        command.arg("--socket").arg(self.socket()).arg("--execute").arg(sql);
        let output = command.output().map_err(Unavailable::because)?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Unavailable::because(format_args!("mariadb: {}", said.trim_end())))
        }
    }

    fn launch(install: &Install) -> Result<Server, Unavailable> {
        // A short path: a Unix socket's may have 107 bytes.
        let folder = tempfile::Builder::new().prefix("cs-my-").tempdir().map_err(Unavailable::because)?;
        fs::write(folder.path().join("init.sql"), INIT).map_err(Unavailable::because)?;
        certify(folder.path())?;
        let port = crate::port::free().map_err(Unavailable::because)?;
        // From here on the watcher owns the folder.
        let folder = folder.keep();
        let watcher = Watcher::start(install, &folder, port)?;
        let server = Server {
            install: install.clone(),
            folder,
            port,
            next_database: AtomicU32::new(1),
            _watcher: watcher,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&self) -> Result<(), Unavailable> {
        let began = Instant::now();
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        while began.elapsed() < START_WITHIN {
            if log().contains("ready for connections") {
                return Ok(());
            }
            if self.folder.join("failed").exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let making = fs::read_to_string(self.folder.join("making")).unwrap_or_default();
        let said = making + &log();
        let end: Vec<_> = said.lines().rev().take(8).collect();
        let end: Vec<_> = end.into_iter().rev().collect();
        Err(Unavailable::because(format_args!("MariaDB did not start:\n{}", end.join("\n"))))
    }
}

/// A certificate that signs itself.
fn certify(folder: &Path) -> Result<(), Unavailable> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(Unavailable::because)?;
    for (name, text) in [("certificate.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())]
    {
        fs::write(folder.join(name), text).map_err(Unavailable::because)?;
    }
    Ok(())
}

/// A fresh database of the shared server, or `None` after saying on standard error that the test is skipped, and why.
///
/// # Panics
/// When there is none and [`crate::servers_are_needed`].
#[must_use]
pub fn database_or_skip() -> Option<Database<'static>> {
    match Server::shared().and_then(Server::database) {
        Ok(database) => Some(database),
        Err(reason) => {
            assert!(!crate::servers_are_needed(), "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}
