//! One fresh database on a server.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::{fs, thread};

use super::{Server, USER, Unavailable};

/// A database that a test has for itself. It goes with its server.
#[derive(Debug)]
pub struct Database<'a> {
    server: &'a Server,
    name: String,
}

impl<'a> Database<'a> {
    pub(super) fn new(server: &'a Server, name: String) -> Database<'a> {
        Database { server, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it stands on.
    #[must_use]
    pub fn server(&self) -> &'a Server {
        self.server
    }

    /// Where to connect: `postgres://countersign@127.0.0.1:PORT/NAME`. No password, no TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{}", self.server.port(), self.name)
    }

    /// Runs SQL; returns what it printed, one row a line, columns parted by `|`.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn run(&self, sql: &str) -> Result<String, Unavailable> {
        self.server.psql(&self.name, &["-c", sql])
    }

    /// Runs a script with `psql` in this database, in one transaction. Lines that would drop, create or change to
    /// another database are left out, so that scripts made for a database of a fixed name run here.
    ///
    /// # Errors
    /// When the file cannot be read, and what `psql` says; nothing is changed then.
    pub fn run_script(&self, path: &Path) -> Result<(), Unavailable> {
        let script = fs::read_to_string(path)
            .map_err(|error| Unavailable::because(format_args!("{}: {error}", path.display())))?;
        let here: String =
            script.lines().filter(|line| !leaves(line)).flat_map(|line| [line, "\n"]).collect();
        let mut command = self.server.psql_command(&self.name);
        command.args(["-1", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Unavailable::because)?;
        let pipe = child.stdin.take();
        // Written aside: psql may stop reading while it has much to say.
        let writer = thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(here.as_bytes())));
        let output = child.wait_with_output().map_err(Unavailable::because)?;
        // A write that failed is a psql that stopped; its own words say more.
        drop(writer.join());
        if output.status.success() {
            Ok(())
        } else {
            Err(Unavailable::because(format_args!(
                "psql: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            )))
        }
    }
}

fn leaves(line: &str) -> bool {
    let line = line.trim_start().to_ascii_uppercase();
    ["DROP DATABASE", "CREATE DATABASE", "\\C ", "\\CONNECT "].iter().any(|start| line.starts_with(start))
}
