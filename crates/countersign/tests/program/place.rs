//! A folder with an installation in it, and what the binary says there.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a command said, and how it ended.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program, without anything of this process's environment that it goes by.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.current_dir(folder);
    for name in ["COUNTERSIGN_CONFIG", "COUNTERSIGN_URL", "COUNTERSIGN_TOKEN"] {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Said {
    let output = program(folder).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// The policies that come with the product.
pub(crate) fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

/// An installation that has begun, without any source.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn begun() -> Self {
        let place = Self::empty();
        let said =
            place.run(&["init", "settings", "--people", "people.toml", "--origin", "example.test/log"]);
        assert_eq!(said.code, 0, "{}", said.err);
        place
    }

    /// Configuration, settings and people are there; nothing was begun.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::create_dir_all(at.join("settings/policies")).unwrap();
        std::fs::create_dir_all(at.join("settings/maps")).unwrap();
        for name in ["erase", "export", "purge"] {
            let file = format!("{name}.cedar");
            std::fs::copy(policies().join(&file), at.join("settings/policies").join(&file)).unwrap();
        }
        // One client of the tests asks in a minute for what a whole town would in an hour.
        let shipped = std::fs::read_to_string(policies().join("settings.toml")).unwrap();
        let settings = shipped + "\n[floods]\nfor_identity = 1000000\nof_token = 1000000\n";
        std::fs::write(at.join("settings/settings.toml"), settings).unwrap();
        std::fs::copy(policies().join("shop.datamap.toml"), at.join("settings/maps/shop.toml")).unwrap();
        std::fs::write(at.join("people.toml"), include_str!("../../src/demo/people.toml")).unwrap();
        let config = "[server]\nlisten = \"127.0.0.1:0\"\n[mail]\nkind = \"inbox\"\ndirectory = \"inbox\"\n\
                      from = \"countersign@example.test\"\n";
        std::fs::write(at.join("countersign.toml"), config).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        run(self.path(), arguments)
    }

    pub(crate) fn serve(&self) -> Server {
        Server::start(program(self.path()).arg("serve"))
    }
}

/// A server as a process.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    /// What it said until it listened, and goes on to say.
    pub(crate) said: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Server {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (mut said, mut url) = (String::new(), None);
        while url.is_none() {
            let from = said.len();
            assert!(out.read_line(&mut said).unwrap() > 0, "it ended: {said}");
            let line = &said[from..];
            let at = line.find("http://");
            url = at.map(|at| line[at..].split(['/', '"', '\n']).take(3).collect::<Vec<_>>().join("/"));
        }
        Self { child, url: url.unwrap(), said, out }
    }

    /// Reads on until a line begins so.
    pub(crate) fn until(&mut self, beginning: &str) {
        while !self.said.lines().any(|line| line.starts_with(beginning)) {
            assert!(self.out.read_line(&mut self.said).unwrap() > 0, "it ended: {}", self.said);
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing to do about one that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
