//! A PostgreSQL primary with a synchronous standby, both real, that a test may kill, restart and promote.
//!
//! A commit is acknowledged only once the standby has flushed it, also while there is none: then it waits. The servers
//! listen on Unix sockets alone; put a [`Proxy`](crate::proxy::Proxy) in front of each for an address over TCP that
//! outlives them. Everything is gone when the test process is.

mod keeper;
mod member;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::install::{self, Install};
use super::{USER, Unavailable};
use crate::process::Signal;
use keeper::Keeper;
use member::Member;

const NAMES: [&str; 2] = ["one", "two"];
const FIRST_PORT: u16 = 5432;
const WITHIN: Duration = Duration::from_secs(120);

/// What to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Whether there is a synchronous standby.
    pub standby: bool,
    /// `fsync` and what belongs to it as PostgreSQL ships it. Without, nothing is lost while the machine itself lives.
    pub durable: bool,
}

/// How a server goes down before it comes up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// It ends its sessions, writes everything, and stops.
    Fast,
    /// It stops at once, and recovers at the start.
    Immediate,
    /// Every process of it is killed at one moment.
    Killed,
}

/// A primary and its standby, by their places 0 and 1; either may be either.
#[derive(Debug)]
pub struct Cluster {
    install: Install,
    folder: PathBuf,
    members: Vec<Member>,
    primary: usize,
    keeper: Keeper,
}

impl Cluster {
    /// Starts a cluster; the standby, if there is one, is in step.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the reason holds the end of its log.
    pub fn start(shape: Shape) -> Result<Cluster, Unavailable> {
        let install = Install::find()?;
        let user = install::unprivileged()?;
        let folder = super::new_folder(user.as_ref())?;
        // From here on the keeper owns the folder.
        let keeper = Keeper::start(&install, user.as_ref(), &folder)?;
        fs::write(folder.join("settings.conf"), settings(&folder, shape)).map_err(Unavailable::because)?;
        let count = if shape.standby { 2 } else { 1 };
        let members = NAMES.into_iter().zip(FIRST_PORT..).take(count);
        let members = members.map(|(name, port)| Member::new(name, port, &folder)).collect();
        let mut cluster = Cluster { install, folder, members, primary: 0, keeper };
        cluster.order("init", 0)?;
        cluster.bring_up(0)?;
        if shape.standby {
            cluster.add_standby()?;
        }
        Ok(cluster)
    }

    /// The sockets of both servers, in their places.
    #[must_use]
    pub fn sockets(&self) -> Vec<PathBuf> {
        self.members.iter().map(Member::socket).collect()
    }

    /// The place of the primary.
    #[must_use]
    pub fn primary(&self) -> usize {
        self.primary
    }

    /// Where to connect without a proxy: every server in its place, by Unix socket, the one that takes writes wanted.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        let hosts: Vec<_> = self.members.iter().map(|member| format!("{folder}:{}", member.port)).collect();
        format!("postgres://{USER}@{}/{database}?target_session_attrs=read-write", hosts.join(","))
    }

    /// Where to connect through doors on 127.0.0.1, one in front of each server, in their places.
    #[must_use]
    pub fn url_through(ports: &[u16], database: &str) -> String {
        let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("postgres://{USER}@{}/{database}?target_session_attrs=read-write", hosts.join(","))
    }

    /// Runs SQL on the primary; returns what it printed, one row a line, columns parted by `|`. What writes waits for
    /// the standby.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn run(&self, database: &str, sql: &str) -> Result<String, Unavailable> {
        self.run_on(self.primary, database, sql)
    }

    /// The same as a process that is yet to be started: for SQL that waits.
    ///
    /// # Errors
    /// None while there is a primary.
    pub fn command(&self, database: &str, sql: &str) -> Result<Command, Unavailable> {
        let mut command = self.psql(self.primary, database)?;
        command.args(["-c", sql]);
        Ok(command)
    }

    /// Stops the primary and starts it again.
    ///
    /// # Errors
    /// When it does not come up again.
    pub fn restart(&mut self, down: Down) -> Result<(), Unavailable> {
        let member = self.member(self.primary)?;
        match down {
            Down::Fast => member.stop(Signal::Interrupt)?,
            Down::Immediate => member.stop(Signal::Quit)?,
            Down::Killed => member.kill()?,
        }
        self.bring_up(self.primary)
    }

    /// Kills every process of the primary at one moment, and leaves it dead.
    ///
    /// # Errors
    /// When it does not die.
    pub fn kill_primary(&self) -> Result<(), Unavailable> {
        self.member(self.primary)?.kill()
    }

    /// Makes the standby the primary. The former primary must be dead: two would be no cluster.
    ///
    /// # Errors
    /// When there is no standby, or the primary lives, or the promotion fails.
    pub fn promote(&mut self) -> Result<(), Unavailable> {
        if self.member(self.primary)?.is_alive() {
            return Err(Unavailable::because("the primary lives; kill it first"));
        }
        let standby = self.standby()?;
        self.run_on(standby, "postgres", "SELECT pg_promote(true, 120)")?;
        self.primary = standby;
        Ok(())
    }

    /// Makes the other place a new standby, copied from the primary, and waits until it is in step. Whatever was there
    /// is gone.
    ///
    /// # Errors
    /// When the copy fails or does not come into step.
    pub fn add_standby(&mut self) -> Result<(), Unavailable> {
        let standby = self.standby()?;
        self.member(standby)?.kill()?;
        let (name, own) = (self.member(standby)?.name, self.member(standby)?.port);
        self.keeper.order(&format!("forget {name} {own}"))?;
        let primary = self.member(self.primary)?.port;
        if self.keeper.order(&format!("copy {name} {primary}")).is_err() {
            return Err(self.member(standby)?.because("was not copied"));
        }
        self.bring_up(standby)?;
        self.wait_for_standby()
    }

    /// Kills the standby, and leaves it dead: commits wait from now on.
    ///
    /// # Errors
    /// When there is none.
    pub fn kill_standby(&self) -> Result<(), Unavailable> {
        self.member(self.standby()?)?.kill()
    }

    /// Starts the standby again as it was left, and waits until it is in step.
    ///
    /// # Errors
    /// When there is none or it does not come into step.
    pub fn revive_standby(&mut self) -> Result<(), Unavailable> {
        let standby = self.standby()?;
        self.bring_up(standby)?;
        self.wait_for_standby()
    }

    /// Ends every session of a database on the primary; answers how many.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn cut_sessions(&self, database: &str) -> Result<usize, Unavailable> {
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
              WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        );
        self.run("postgres", &sql)?.parse().map_err(Unavailable::because)
    }

    fn wait_for_standby(&self) -> Result<(), Unavailable> {
        let began = Instant::now();
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')";
        while began.elapsed() < WITHIN {
            if self.run("postgres", sql)? == "1" {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(self.member(self.standby()?)?.because("did not come into step"))
    }

    fn bring_up(&mut self, place: usize) -> Result<(), Unavailable> {
        self.order("forget", place)?;
        self.order("start", place)?;
        self.member(place)?.wait_until_ready()
    }

    fn order(&mut self, verb: &str, place: usize) -> Result<(), Unavailable> {
        let member = self.member(place)?;
        let order = format!("{verb} {} {}", member.name, member.port);
        self.keeper.order(&order)
    }

    fn standby(&self) -> Result<usize, Unavailable> {
        let other = 1 - self.primary;
        self.member(other).map(|_| other).map_err(|_| Unavailable::because("this cluster has no standby"))
    }

    fn member(&self, place: usize) -> Result<&Member, Unavailable> {
        self.members.get(place).ok_or_else(|| Unavailable::because("there is no such server in the cluster"))
    }

    fn run_on(&self, place: usize, database: &str, sql: &str) -> Result<String, Unavailable> {
        said(self.psql(place, database)?.args(["-c", sql]))
    }

    fn psql(&self, place: usize, database: &str) -> Result<Command, Unavailable> {
        let mut command = Command::new(self.install.program("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", USER, "-h"]).arg(&self.folder);
        command.args(["-p", &self.member(place)?.port.to_string(), "-d", database]);
        Ok(command)
    }
}

fn said(command: &mut Command) -> Result<String, Unavailable> {
    let output = command.output().map_err(Unavailable::because)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(Unavailable::because(format_args!(
            "psql: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        )))
    }
}

/// What both servers are started with. Their names are in it from the beginning, so that no moment of a change of roles
/// acknowledges what only one of them has.
fn settings(folder: &Path, shape: Shape) -> String {
    let mut text = format!(
        "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 200\nshared_buffers = 64MB\n\
         wal_keep_size = 256MB\nmax_wal_senders = 8\nlog_min_messages = warning\nlog_line_prefix = '%m [%p] '\n",
        folder.display()
    );
    if shape.standby {
        text.push_str("synchronous_standby_names = 'ANY 1 (one, two)'\n");
    }
    if !shape.durable {
        text.push_str("fsync = off\nfull_page_writes = off\n");
    }
    text
}
