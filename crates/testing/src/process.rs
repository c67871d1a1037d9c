//! Signals to processes that a test started, and what `/proc` says of them. Linux only, as the real servers are.

use std::process::Command;
use std::{fmt, fs, io};

/// What a process can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Gone at once, without a word.
    Kill,
    /// Put to sleep where it stands.
    Stop,
    /// Woken.
    Continue,
    /// Asked to end what it does, and stop.
    Terminate,
    /// PostgreSQL: end open transactions and stop.
    Interrupt,
    /// PostgreSQL: stop at once, and recover at the next start.
    Quit,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
            Signal::Quit => "QUIT",
        })
    }
}

/// Sends a signal to processes, all in one go. Those that are gone already are passed over.
///
/// # Errors
/// When no shell can be started, or somebody among them is not ours to signal.
pub fn signal(signal: Signal, pids: &[u32]) -> io::Result<()> {
    // The shell's own `kill`: no unsafe code here, and no package beside.
    let script = "sig=$1; shift; for pid; do kill -s \"$sig\" \"$pid\" 2>/dev/null || ! [ -e /proc/\"$pid\" ] || exit 1; done";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "kill", &signal.to_string()]);
    command.args(pids.iter().map(u32::to_string));
    if command.status()?.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("SIG{signal} could not be sent to {pids:?}")))
    }
}

/// Whether a process runs or sleeps; one that ended and was not yet asked for its end does neither.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// The children of a process.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|child| stat(*child).is_some_and(|(_, parent)| parent == pid)).collect()
}

/// State and parent. The name stands in parentheses and may hold any of them itself.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_process_is_stopped_woken_and_killed() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = child.id();
        assert!(is_alive(pid) && children(std::process::id()).contains(&pid));
        signal(Signal::Stop, &[pid]).unwrap();
        until("it sleeps", || stat(pid).is_some_and(|(state, _)| state == 'T'));
        signal(Signal::Continue, &[pid]).unwrap();
        until("it is awake", || stat(pid).is_some_and(|(state, _)| state != 'T'));
        signal(Signal::Kill, &[pid]).unwrap();
        until("it is gone", || !is_alive(pid));
        child.wait().unwrap();
        signal(Signal::Kill, &[pid]).unwrap();
    }

    fn until(what: &str, mut done: impl FnMut() -> bool) {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
