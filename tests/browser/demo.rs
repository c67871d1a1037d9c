//! The demo as its own process, and what stands in its folder.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use countersign_testing::mail::{self, Mail};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// A demo that is being served.
pub(crate) struct Demo {
    folder: tempfile::TempDir,
    server: Child,
    pub(crate) url: String,
}

impl Demo {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Command::new(BINARY)
            .args(["demo", "--json"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = BufReader::new(server.stdout.take().unwrap());
        let line =
            out.lines().map_while(Result::ok).find(|line| line.starts_with('{')).expect("the demo starts");
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["listening"].as_str().unwrap().to_owned();
        assert_eq!(said["portal"], format!("{url}/privacy"));
        Self { folder, server, url }
    }

    /// Where its files are.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("countersign-demo")
    }

    /// Runs a command to its end; answers what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(BINARY).args(arguments).current_dir(self.folder.path()).output().unwrap();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "countersign {arguments:?}: {complained}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a command that calls the server with somebody's token.
    pub(crate) fn run_as(&self, who: &str, arguments: &[&str]) -> String {
        let token = self.dir().join("tokens").join(who);
        self.run(&[arguments, &["--server", &self.url, "--token-file", token.to_str().unwrap()]].concat())
    }

    /// Puts one text for another in a file of the settings, and enters them.
    pub(crate) fn change(&self, file: &str, from: &str, to: &str) {
        let settings = self.dir().join("settings");
        let text = std::fs::read_to_string(settings.join(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(settings.join(file), text.replace(from, to)).unwrap();
        self.run_as("ada-admin", &["apply", settings.to_str().unwrap()]);
    }

    /// Waits for the mail that follows those that were there.
    pub(crate) fn mail_after(&self, before: usize, to: &str, wanted: impl Fn(&Mail) -> bool) -> Mail {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let mails = mail::read_folder(&self.dir().join("inbox")).unwrap_or_default();
            let found = mails
                .into_iter()
                .skip(before)
                .find(|mail| mail.header("to").is_some_and(|header| header.contains(to)) && wanted(mail));
            if let Some(mail) = found {
                return mail;
            }
            assert!(Instant::now() < deadline, "no mail came to {to}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many mails there are.
    pub(crate) fn mails(&self) -> usize {
        mail::read_folder(&self.dir().join("inbox")).unwrap_or_default().len()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
