//! An installation on files: settings, people, keys, and a folder with a configuration for each node.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::shop;

/// The built program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

const PEOPLE: &str = r#"
[[person]]
name = "Ada Admin"
identities = { email = "ada@example.test" }
roles = ["administrator"]
[[person.service]]
name = "desk"
attests = ["identity"]
[[person.service]]
name = "branch"
channel = "cli"
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

/// How long a lease holds in here: short, so that sleeping past it takes no half a minute.
pub(crate) const LEASE_MS: u64 = 3_000;

/// The files.
pub(crate) struct Installation {
    root: TempDir,
}

impl Installation {
    /// Files of nodes that reach store and shop by these addresses; no more than so many erasures at once, and so many
    /// officers beside the two.
    pub(crate) fn new(addresses: &[(String, String)], limit: u32, officers: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        let settings = root.path().join("settings");
        for part in ["policies", "maps"] {
            std::fs::create_dir_all(settings.join(part)).unwrap();
        }
        let erase = include_str!("settings/erase.cedar").replace("LIMIT", &limit.to_string());
        write(&settings.join("policies/erase.cedar"), &erase);
        write(&settings.join("policies/export.cedar"), include_str!("settings/export.cedar"));
        write(&settings.join("settings.toml"), include_str!("settings/settings.toml"));
        write(&settings.join("maps/shop.toml"), shop::MAP);
        let more: String = (0..officers).map(officer).collect();
        write(&root.path().join("people.toml"), &format!("{PEOPLE}{more}"));
        let installation = Self { root };
        for (node, (store, shop)) in addresses.iter().enumerate() {
            std::fs::create_dir(installation.node(node)).unwrap();
            write(&installation.node(node).join("countersign.toml"), &configuration(store, shop));
        }
        installation
    }

    /// Makes keys, people and settings; every node gets the same keys.
    pub(crate) fn begin(&self, nodes: usize) {
        self.run(&[
            "init",
            "../settings",
            "--people",
            "../people.toml",
            "--tokens",
            "../tokens",
            "--origin",
            "example.test/chaos",
        ]);
        for node in 1..nodes {
            let keys = self.node(node).join("keys");
            let copied =
                Command::new("cp").arg("-rp").arg(self.node(0).join("keys")).arg(keys).status().unwrap();
            assert!(copied.success());
        }
    }

    /// The folder of a node.
    pub(crate) fn node(&self, node: usize) -> PathBuf {
        self.root.path().join(format!("node-{node}"))
    }

    /// The folder of the tokens.
    pub(crate) fn tokens(&self) -> PathBuf {
        self.root.path().join("tokens")
    }

    /// The folder that mail goes into.
    pub(crate) fn inbox(&self) -> PathBuf {
        self.root.path().join("inbox")
    }

    /// Runs a command of the program in the first node's folder to its end; it must succeed. Answers what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(BINARY).args(arguments).current_dir(self.node(0)).output().unwrap();
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "countersign {arguments:?}: {said}{complained}");
        said.into_owned()
    }

    /// Keeps the folder for somebody to look at, and says where it is.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.root.disable_cleanup(true);
        self.root.path().to_owned()
    }
}

fn officer(number: usize) -> String {
    format!(
        "\n[[person]]\nname = \"Officer {number}\"\nidentities = {{ email = \"officer-{number}@example.test\" }}\n\
         seats = [\"privacy\"]\nroles = [\"reviewer\"]\n"
    )
}

/// Erasures take a moment between their statements, so that faults find them inside.
fn configuration(store: &str, shop: &str) -> String {
    format!(
        "[server]\nstop_pause_ms = 100\n\
         [store]\nurl = \"{store}\"\n\
         [work]\nlease_ms = {LEASE_MS}\nsequencer_lease_ms = {LEASE_MS}\n\
         [sources.shop]\nkind = \"postgres\"\nurl = \"{shop}\"\npace_ms = 50\n\
         [mail]\nkind = \"inbox\"\ndirectory = \"../inbox\"\nfrom = \"countersign@example.test\"\n"
    )
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
