//! A real PostgreSQL server in a temporary folder, on a free port of 127.0.0.1.
//!
//! A watcher process holds the read end of a pipe. When this process ends, however it ends, the pipe closes; the watcher
//! stops the server and removes the folder. The server refuses to run as root: then both run as an unprivileged user.

pub mod cluster;
mod database;
mod install;
mod watch;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

pub use database::Database;

use install::{Install, User};
use watch::Watcher;

/// The superuser of every server that is started here; no password is asked.
pub const USER: &str = "countersign";

const START_WITHIN: Duration = Duration::from_secs(60);
const TRIES: u32 = 3;

/// Of a server that only tests: quick, and what it said is lost with the machine.
const QUICK: &str = "-c fsync=off -c full_page_writes=off -c shared_buffers=32MB";
/// Of a server that something is measured on: PostgreSQL's own.
const DURABLE: &str = "";

/// Why there is no server, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

impl Unavailable {
    pub(crate) fn because(reason: impl fmt::Display) -> Unavailable {
        Unavailable(reason.to_string())
    }
}

/// A running server; dropped, it stops and its folder is removed.
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
    /// When PostgreSQL is not installed or does not start; the reason holds the end of its log.
    pub fn start() -> Result<Server, Unavailable> {
        Server::with(QUICK)
    }

    /// Starts a server with PostgreSQL's own settings, as an installation has it: what it says to be committed is on the
    /// disk that the temporary folder is on.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn durable() -> Result<Server, Unavailable> {
        Server::with(DURABLE)
    }

    fn with(settings: &str) -> Result<Server, Unavailable> {
        let install = Install::find()?;
        let user = install::unprivileged()?;
        let mut reason = Unavailable::because("not tried");
        for _ in 0..TRIES {
            match Server::launch(&install, user.as_ref(), settings) {
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
        self.psql("postgres", &["-c", &format!("CREATE DATABASE {name}")])?;
        Ok(Database::new(self, name))
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the server's Unix socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `psql` with these arguments, stopping at the first error; returns what it printed, unaligned, rows only.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn psql(&self, database: &str, arguments: &[&str]) -> Result<String, Unavailable> {
        let mut command = self.psql_command(database);
        let output = command.args(arguments).output().map_err(Unavailable::because)?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            Err(Unavailable::because(format_args!(
                "psql: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            )))
        }
    }

    /// Runs `pgbench` on a database with these arguments; returns how many transactions it did in a second.
    ///
    /// # Errors
    /// What `pgbench` says.
    pub fn pgbench(&self, database: &str, arguments: &[&str]) -> Result<f64, Unavailable> {
        let mut command = Command::new(self.install.program("pgbench"));
        command.args(["-n", "-h", "127.0.0.1", "-U", USER, "-p", &self.port.to_string()]);
        let output = command.args(arguments).arg(database).output().map_err(Unavailable::because)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        tps.filter(|_| output.status.success()).ok_or_else(|| {
            // Each client says the same again.
            let why = String::from_utf8_lossy(&output.stderr);
            Unavailable::because(why.lines().next().unwrap_or("pgbench said nothing"))
        })
    }

    fn psql_command(&self, database: &str) -> Command {
        let mut command = Command::new(self.install.program("psql"));
        // -X: the reader's own psqlrc stays out of it.
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", USER]);
        command.args(["-p", &self.port.to_string(), "-d", database]);
        command
    }

    fn launch(install: &Install, user: Option<&User>, settings: &str) -> Result<Server, Unavailable> {
        let folder = new_folder(user)?;
        let port = crate::port::free().map_err(Unavailable::because)?;
        // From here on the watcher owns the folder.
        let watcher = Watcher::start(install, user, &folder, port, settings)?;
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

    /// The server writes `ready` into the last line of its pid file when it takes connections.
    fn wait_until_ready(&self) -> Result<(), Unavailable> {
        let began = Instant::now();
        let pid_file = self.folder.join("data").join("postmaster.pid");
        while began.elapsed() < START_WITHIN {
            let ready = fs::read_to_string(&pid_file)
                .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"));
            if ready {
                return Ok(());
            }
            if self.folder.join("failed").exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let end: Vec<_> = log.lines().rev().take(8).collect();
        let end: Vec<_> = end.into_iter().rev().collect();
        Err(Unavailable::because(format_args!("PostgreSQL did not start:\n{}", end.join("\n"))))
    }
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

fn new_folder(user: Option<&User>) -> Result<PathBuf, Unavailable> {
    // A short path: a Unix socket's may have 107 bytes.
    let folder = tempfile::Builder::new().prefix("cs-pg-").tempdir().map_err(Unavailable::because)?.keep();
    if let Some(user) = user {
        std::os::unix::fs::chown(&folder, Some(user.uid), Some(user.gid)).map_err(Unavailable::because)?;
    }
    Ok(folder)
}
