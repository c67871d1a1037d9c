//! An installation in a temporary folder, and its server as a process that can be killed.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use countersign_client::{Client, Options};

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// This node's own: where the shop and the inbox are.
const CONFIG: &str = "[sources.shop]\nkind = \"sqlite\"\npath = \"shop.sqlite\"\n\
     [mail]\nkind = \"inbox\"\ndirectory = \"inbox\"\nfrom = \"countersign@example.test\"\n";

/// The first people: an administrator, two officers, somebody who looks after what is stuck, and a support desk
/// that knows its customers.
const PEOPLE: &str = r#"
[[person]]
name = "Ada Admin"
identities = { email = "ada@example.test" }
roles = ["administrator"]
[[person.service]]
name = "desk"
attests = ["identity"]
[[person.service]]
name = "portal"
channel = "portal"

[[person]]
name = "Olga Officer"
identities = { email = "olga@example.test" }
seats = ["privacy"]
roles = ["reviewer"]

[[person]]
name = "Otto Officer"
identities = { email = "otto@example.test" }
seats = ["privacy"]
roles = ["reviewer"]

[[person]]
name = "Opal Operator"
identities = { email = "opal@example.test" }
roles = ["operator"]
"#;

/// An installation.
pub(crate) struct Node {
    folder: Arc<tempfile::TempDir>,
    server: Option<(Child, String)>,
}

impl Node {
    /// A new installation on a shop of so many customers, with the shipped policies.
    pub(crate) fn begin(customers: u32) -> Self {
        Self::prepare(customers, |_| {})
    }

    /// As `begin`, with something changed in the folder before it begins.
    pub(crate) fn prepare(customers: u32, change: impl FnOnce(&Self)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let at = folder.path();
        countersign_shop::build(
            &at.join("shop.sqlite"),
            countersign_shop::Scale::of(customers),
            &mut |_, _| {},
        )
        .unwrap();
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        for part in ["settings/policies", "settings/maps"] {
            std::fs::create_dir_all(at.join(part)).unwrap();
        }
        for name in ["erase", "export", "purge"] {
            copy(
                &policies.join(format!("{name}.cedar")),
                &at.join(format!("settings/policies/{name}.cedar")),
            );
        }
        copy(&policies.join("settings.toml"), &at.join("settings/settings.toml"));
        copy(&policies.join("shop.datamap.toml"), &at.join("settings/maps/shop.toml"));
        std::fs::write(at.join("people.toml"), PEOPLE).unwrap();
        std::fs::write(at.join("countersign.toml"), CONFIG).unwrap();
        let node = Self { folder, server: None };
        change(&node);
        node.run(&["init", "settings", "--people", "people.toml", "--origin", "example.test/kill"]);
        node
    }

    /// An installation as it was kept in a folder: store, keys, tokens.
    pub(crate) fn carry_on(kept: &Path) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let at = folder.path();
        for part in ["data", "keys", "tokens"] {
            std::fs::create_dir(at.join(part)).unwrap();
            std::fs::set_permissions(at.join(part), Permissions::from_mode(0o700)).unwrap();
            for file in std::fs::read_dir(kept.join(part)).unwrap() {
                let file = file.unwrap();
                let to = at.join(part).join(file.file_name());
                copy(&file.path(), &to);
                std::fs::set_permissions(&to, Permissions::from_mode(0o600)).unwrap();
            }
        }
        std::fs::write(at.join("countersign.toml"), CONFIG).unwrap();
        Self { folder, server: None }
    }

    /// Another node beside it, of the same folder, which is started with a configuration of its own.
    pub(crate) fn beside(&self) -> Self {
        Self { folder: Arc::clone(&self.folder), server: None }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the server end what it does, and stop.
    pub(crate) fn stop(&mut self) {
        let (mut child, _) = self.server.take().unwrap();
        let asked = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(asked.success());
        assert!(child.wait().unwrap().success(), "the server did not stop in good order: {}", self.log());
    }

    /// The shop.
    pub(crate) fn shop(&self) -> PathBuf {
        self.folder.path().join("shop.sqlite")
    }

    /// Runs a command of the binary to its end; it must succeed. Answers what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(BINARY).args(arguments).current_dir(self.folder.path()).output().unwrap();
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "countersign {arguments:?}: {said}{complained}");
        said.into_owned()
    }

    /// Runs a command of the binary to its end, however that is.
    pub(crate) fn say(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(BINARY).args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// Starts the server, which must refuse to serve; answers with its exit code and with what it complained of.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The output ends when the server does; one that serves would not end by itself.
        let out = BufReader::new(child.stdout.take().unwrap());
        if out.lines().map_while(Result::ok).any(|line| line.starts_with("listening on ")) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it serves, with {arguments:?}");
        }
        let said = child.wait_with_output().unwrap();
        (said.status.code(), String::from_utf8_lossy(&said.stderr).into_owned())
    }

    /// Where the server listens.
    pub(crate) fn url(&self) -> &str {
        &self.server.as_ref().unwrap().1
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts the server with further arguments.
    pub(crate) fn start_with(&mut self, arguments: &[&str]) {
        self.start_as("127.0.0.1:0", arguments);
    }

    /// Starts the server where it was before.
    pub(crate) fn start_at(&mut self, address: &str) {
        self.start_as(address, &[]);
    }

    fn start_as(&mut self, address: &str, arguments: &[&str]) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", address])
            .args(arguments)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        // The output ends when the server does, so that a server that cannot start keeps nobody waiting.
        let url = out
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let Some(url) = url else {
            child.wait().unwrap();
            panic!("the server did not start: {}", self.log());
        };
        self.server = Some((child, url));
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let (mut child, _) = self.server.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// A client with the token of that name.
    pub(crate) fn client(&self, token: &str) -> Client {
        let (_, url) = self.server.as_ref().unwrap();
        let secret = std::fs::read_to_string(self.folder.path().join("tokens").join(token)).unwrap();
        let options = Options { timeout: Duration::from_secs(10), ..Options::default() };
        Client::new(url, &options).unwrap().with_token(&secret).unwrap()
    }

    /// What the server wrote into its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}
