//! The process that outlives us by a moment: it makes and runs the server until our end of a pipe closes.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::Unavailable;
use super::install::Install;

/// `$1` the folder, `$2` the port, `$3` mariadb-install-db, `$4` mariadbd. Reading standard input ends when the test
/// process does. Nothing in the folder is worth a shutdown. The server asks root whether it is meant.
const SCRIPT: &str = r#"
cd "$1" || exit 1
remove() { cd /; rm -rf "$1"; exit; }
as=; [ "$(id -u)" -ne 0 ] || as=--user=root
"$3" --no-defaults $as --datadir="$1/data" --auth-root-authentication-method=normal --skip-name-resolve \
    --skip-test-db >making 2>&1 || { touch failed; cat >/dev/null; remove "$1"; }
{ sh -c 'echo $$ >server; exec "$0" "$@"' "$4" --no-defaults $as --datadir="$1/data" --socket="$1/socket" \
    --pid-file="$1/pid" --port="$2" --bind-address=127.0.0.1 --skip-name-resolve --init-file="$1/init.sql" \
    --ssl-cert="$1/certificate.pem" --ssl-key="$1/key.pem" --character-set-server=utf8mb4 \
    --collation-server=utf8mb4_general_ci --performance-schema=OFF --max-connections=200 \
    --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --innodb-flush-log-at-trx-commit=0 \
    --innodb-use-native-aio=0 </dev/null >>log 2>&1; touch failed; } &
waiter=$!
cat >/dev/null
until [ -s server ] || [ -e failed ]; do sleep 0.1; done
kill -KILL "$(cat server)"
wait "$waiter"
remove "$1"
"#;

/// The watcher; dropped, it has killed the server and removed the folder.
#[derive(Debug)]
pub(super) struct Watcher {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watcher {
    pub(super) fn start(install: &Install, folder: &Path, port: u16) -> Result<Watcher, Unavailable> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "countersign-test-mariadb"]);
        command.arg(folder).arg(port.to_string()).arg(install.make()).arg(install.server());
        // The reader's settings stay out of it; so do our output, lest a test runner wait for its end, and our process
        // group, lest Ctrl-C reach the watcher before it has tidied up.
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        command.env_clear().env("PATH", path).env("LC_ALL", "C");
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
