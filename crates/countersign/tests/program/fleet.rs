//! An installation of several nodes over one PostgreSQL database, each with a folder of its own.

use std::path::PathBuf;
use std::process::Command;

use crate::place::{Place, Said, Server, program, run};

/// The nodes' folders.
pub(crate) struct Fleet {
    place: Place,
}

impl Fleet {
    /// So many nodes over the database at `url`, begun, with the same keys.
    pub(crate) fn begun(nodes: usize, url: &str) -> Self {
        let fleet = Self { place: Place::empty() };
        for node in 0..nodes {
            fleet.configure(node, url, "");
        }
        let arguments = [
            "init",
            "../settings",
            "--people",
            "../people.toml",
            "--tokens",
            "../tokens",
            "--origin",
            "example.test/log",
        ];
        let said = fleet.run(0, &arguments);
        assert_eq!(said.code, 0, "{}", said.err);
        for node in 1..nodes {
            fleet.copy_keys(&fleet.node(0).join("keys"), node);
        }
        fleet
    }

    /// Writes a node's configuration, with more lines for [server].
    pub(crate) fn configure(&self, node: usize, url: &str, server: &str) {
        std::fs::create_dir_all(self.node(node)).unwrap();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n[store]\nurl = \"{url}\"\npool = 6\n\
             [mail]\nkind = \"inbox\"\ndirectory = \"../inbox\"\nfrom = \"countersign@example.test\"\n"
        );
        std::fs::write(self.node(node).join("countersign.toml"), config).unwrap();
    }

    /// Lets a node do without hints of the others.
    pub(crate) fn without_hints(&self, node: usize) {
        let path = self.node(node).join("countersign.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        assert!(config.contains("pool = 6\n"));
        std::fs::write(&path, config.replace("pool = 6\n", "pool = 6\nnotify = false\n")).unwrap();
    }

    pub(crate) fn copy_keys(&self, from: &std::path::Path, node: usize) {
        let copied =
            Command::new("cp").arg("-rp").arg(from).arg(self.node(node).join("keys")).status().unwrap();
        assert!(copied.success());
    }

    pub(crate) fn node(&self, node: usize) -> PathBuf {
        self.place.path().join(format!("node-{node}"))
    }

    pub(crate) fn token(&self, whose: &str) -> String {
        std::fs::read_to_string(self.place.path().join("tokens").join(whose)).unwrap().trim().to_owned()
    }

    pub(crate) fn run(&self, node: usize, arguments: &[&str]) -> Said {
        run(&self.node(node), arguments)
    }

    pub(crate) fn serve(&self, node: usize) -> Server {
        self.serve_at(node, "127.0.0.1:0")
    }

    pub(crate) fn serve_at(&self, node: usize, listen: &str) -> Server {
        Server::start(program(&self.node(node)).args(["serve", "--listen", listen]))
    }
}
