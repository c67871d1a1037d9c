//! The process that outlives us by a moment: it makes and runs the server until our end of a pipe closes.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::install::{Install, User};
use super::{USER, Unavailable};

/// `$1` the folder, `$2` the port, `$3` the superuser, `$4` initdb, `$5` postgres, `$6` settings. Reading standard input ends when the
/// test process does. SIGQUIT is PostgreSQL's immediate stop; nothing in the folder is worth a checkpoint.
const SCRIPT: &str = r#"
cd "$1" || exit 1
remove() { cd /; rm -rf "$1"; exit; }
"$4" -D data -U "$3" -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || { touch failed; cat >/dev/null; remove "$1"; }
{ sh -c 'echo $$ >server; exec "$0" "$@"' "$5" -D data -p "$2" -k "$1" -c listen_addresses=127.0.0.1 \
    -c max_connections=200 -c log_min_messages=warning $6 </dev/null >>log 2>&1; touch failed; } &
waiter=$!
cat >/dev/null
until [ -s server ] || [ -e failed ]; do sleep 0.1; done
kill -QUIT "$(cat server)"
wait "$waiter"
remove "$1"
"#;

/// The watcher; dropped, it has stopped the server and removed the folder.
#[derive(Debug)]
pub(super) struct Watcher {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watcher {
    pub(super) fn start(
        install: &Install,
        user: Option<&User>,
        folder: &Path,
        port: u16,
        settings: &str,
    ) -> Result<Watcher, Unavailable> {
        let mut command = Command::new("/bin/sh");
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
        command.args(["-c", SCRIPT, "countersign-test-postgres"]);
        command.arg(folder).arg(port.to_string()).arg(USER);
        command.arg(install.program("initdb")).arg(install.program("postgres")).arg(settings);
        // The reader's settings for PostgreSQL stay out of it; so do our output, lest a test runner wait for its end,
        // and our process group, lest Ctrl-C reach the watcher before it has tidied up.
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(Unavailable::because)?;
        let pipe = child.stdin.take();
        Ok(Watcher { child, pipe })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It ends by itself; there is nobody to tell if it cannot be waited for.
        let _ = self.child.wait();
    }
}
