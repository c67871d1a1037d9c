//! Holds processes that a test started, so that they end when the test process does, however that ends.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

/// `$1` the program that all of them run: a number that is somebody else's by then is let alone. Reading ends when the
/// test process does.
const SCRIPT: &str = r#"
all=
while read -r pid; do all="$all $pid"; done
for pid in $all; do [ "/proc/$pid/exe" -ef "$1" ] && kill -s KILL "$pid"; done
exit 0
"#;

/// A leash; dropped, it has killed whoever is on it and still runs.
pub struct Leash {
    child: Child,
    pipe: Mutex<Option<ChildStdin>>,
}

impl fmt::Debug for Leash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leash").finish_non_exhaustive()
    }
}

impl Leash {
    /// A leash for processes of one program.
    ///
    /// # Errors
    /// When no shell can be started.
    pub fn of(program: &Path) -> io::Result<Leash> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "countersign-test-leash"]).arg(program);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn()?;
        let pipe = Mutex::new(child.stdin.take());
        Ok(Leash { child, pipe })
    }

    /// Takes a process on it.
    ///
    /// # Errors
    /// When the leash is gone.
    pub fn hold(&self, pid: u32) -> io::Result<()> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?, "{pid}")
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        // It ends by itself; there is nobody to tell if it cannot be waited for.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;

    use super::*;

    #[test]
    fn process_on_a_leash_ends_with_it_and_no_other() {
        let found =
            String::from_utf8(Command::new("sh").args(["-c", "command -v sleep"]).output().unwrap().stdout)
                .unwrap();
        let sleep = std::fs::canonicalize(found.trim()).unwrap();
        let (mut held, mut free) = (sleeper(&sleep), sleeper(&sleep));
        let leash = Leash::of(&sleep).unwrap();
        leash.hold(held.id()).unwrap();
        // Another program's number stays untouched.
        leash.hold(std::process::id()).unwrap();
        drop(leash);
        assert!(!held.wait().unwrap().success());
        assert!(free.try_wait().unwrap().is_none());
        free.kill().unwrap();
        free.wait().unwrap();
    }

    fn sleeper(program: &Path) -> Child {
        Command::new(program).arg("600").spawn().unwrap()
    }
}
