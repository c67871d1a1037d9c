//! The process that makes, starts and finally removes the servers of a cluster. It does what it reads from a pipe, and
//! tidies up when the pipe closes, however the test process ended.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::postgres::install::{Install, User};
use crate::postgres::{USER, Unavailable};

/// `$1` the folder, `$2` the folder of PostgreSQL's programs, `$3` the superuser. Each line is an order, each answer `ok`
/// or `failed`. An answer that nobody reads must not end the shell: hence the trap. A process is only stopped while it
/// works in the folder that is its own: its number may be somebody else's by now. `remove` takes the segment of shared
/// memory that a killed server left, and the locks in which its number stands.
const SCRIPT: &str = r#"
trap '' PIPE
cd "$1" || exit 1
folder=$1 bin=$2 user=$3
stop() { pid=$(cat "$1.pid" 2>/dev/null) && [ "/proc/$pid/cwd" -ef "$folder/$1" ] && kill -s QUIT "$pid"; }
forget() {
    pid=$(cat "$1.pid" 2>/dev/null) && wait "$pid" 2>/dev/null
    segment=$(sed -n '7s/.* //p' "$1/postmaster.pid" 2>/dev/null)
    [ -n "$segment" ] && ipcrm -m "$segment" 2>/dev/null
    rm -f "$1.pid" "$1/postmaster.pid" ".s.PGSQL.$2" ".s.PGSQL.$2.lock"
}
start() { "$bin/postgres" -D "$1" -p "$2" -c "cluster_name=$1" </dev/null >>"$1.log" 2>&1 & echo $! >"$1.pid"; }
order() {
    case $1 in
        init) "$bin/initdb" -D "$2" -U "$user" -A trust -E UTF8 --locale=C --no-sync </dev/null >>"$2.log" 2>&1 &&
                echo "include '../settings.conf'" >>"$2/postgresql.conf" ;;
        copy) rm -rf "$2" && "$bin/pg_basebackup" -D "$2" -h "$folder" -p "$3" -U "$user" -R -X stream -c fast --no-sync \
                </dev/null >>"$2.log" 2>&1 ;;
        start) start "$2" "$3" ;;
        forget) forget "$2" "$3" ;;
    esac
}
while read -r verb name port; do if order "$verb" "$name" "$port"; then echo ok; else echo failed; fi; done
for file in *.pid; do stop "${file%.pid}"; done
wait
cd / && rm -rf "$folder"
"#;

/// The keeper; dropped, it has stopped the servers and removed the folder.
#[derive(Debug)]
pub(super) struct Keeper {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    pub(super) fn start(
        install: &Install,
        user: Option<&User>,
        folder: &Path,
    ) -> Result<Keeper, Unavailable> {
        let mut command = Command::new("/bin/sh");
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
        command.args(["-c", SCRIPT, "countersign-test-cluster"]);
        command.arg(folder).arg(install.folder()).arg(USER);
        // As for a single server: nobody's settings, nobody's terminal, nobody's Ctrl-C.
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(Unavailable::because)?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let answers = answers.ok_or_else(|| Unavailable::because("the keeper has no output"))?;
        Ok(Keeper { child, orders, answers: BufReader::new(answers) })
    }

    /// Gives an order and waits until it is carried out. A started server goes on by itself.
    pub(super) fn order(&mut self, order: &str) -> Result<(), Unavailable> {
        let orders = self.orders.as_mut().ok_or_else(|| Unavailable::because("the keeper is gone"))?;
        writeln!(orders, "{order}").map_err(Unavailable::because)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(Unavailable::because)?;
        if answer.trim_end() == "ok" {
            Ok(())
        } else {
            Err(Unavailable::because(format_args!("the cluster could not `{order}`")))
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It ends by itself; there is nobody to tell if it cannot be waited for.
        let _ = self.child.wait();
    }
}
