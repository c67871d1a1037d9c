//! One server of a cluster: its folder, its socket, its processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::postgres::Unavailable;
use crate::process::{Signal, children, is_alive, signal};

/// Generous: machines that run many tests at once take their time.
const WITHIN: Duration = Duration::from_secs(120);
const NAP: Duration = Duration::from_millis(20);

/// A server, running or not.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    /// No TCP port is taken: it only names the socket, so that a server that starts again always gets it.
    pub(super) port: u16,
    folder: PathBuf,
}

impl Member {
    pub(super) fn new(name: &'static str, port: u16, folder: &Path) -> Member {
        Member { name, port, folder: folder.to_owned() }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// The number of its first process, also of one that has ended.
    fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.folder.join(format!("{}.pid", self.name))).ok()?.trim().parse().ok()
    }

    pub(super) fn is_alive(&self) -> bool {
        self.pid().is_some_and(is_alive)
    }

    /// Waits until it takes connections.
    pub(super) fn wait_until_ready(&self) -> Result<(), Unavailable> {
        let began = Instant::now();
        while began.elapsed() < WITHIN && self.is_alive() {
            if self.is_ready() {
                return Ok(());
            }
            thread::sleep(NAP);
        }
        Err(self.because("did not start"))
    }

    /// The eighth line of the pid file says so; the first must be of this start and not of one before.
    fn is_ready(&self) -> bool {
        let text = fs::read_to_string(self.folder.join(self.name).join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let of_this_start = lines.first().and_then(|it| it.parse().ok()) == self.pid();
        of_this_start && lines.get(7) == Some(&"ready")
    }

    /// Tells the first process to stop, and waits until it has.
    pub(super) fn stop(&self, how: Signal) -> Result<(), Unavailable> {
        let Some(pid) = self.pid().filter(|pid| is_alive(*pid)) else { return Ok(()) };
        signal(how, &[pid]).map_err(Unavailable::because)?;
        self.wait_until_gone(&[pid])
    }

    /// Kills every process of it at one moment, as a power cut would.
    pub(super) fn kill(&self) -> Result<(), Unavailable> {
        let Some(pid) = self.pid().filter(|pid| is_alive(*pid)) else { return Ok(()) };
        // Stopped first: then it can have no child that was not seen.
        signal(Signal::Stop, &[pid]).map_err(Unavailable::because)?;
        let mut all = children(pid);
        all.push(pid);
        signal(Signal::Kill, &all).map_err(Unavailable::because)?;
        self.wait_until_gone(&all)
    }

    fn wait_until_gone(&self, pids: &[u32]) -> Result<(), Unavailable> {
        let began = Instant::now();
        while pids.iter().any(|pid| is_alive(*pid)) {
            if began.elapsed() > WITHIN {
                return Err(self.because("did not stop"));
            }
            thread::sleep(NAP);
        }
        Ok(())
    }

    /// What happened to it, with the end of its log.
    pub(super) fn because(&self, what: &str) -> Unavailable {
        let log = fs::read_to_string(self.folder.join(format!("{}.log", self.name))).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let end = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n");
        Unavailable::because(format_args!("PostgreSQL `{}` {what}:\n{end}", self.name))
    }
}
