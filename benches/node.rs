//! A real node: the built program in a process of its own, over an installation that it began itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::large;
use crate::line::{Limit, Line};

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
/// How long a node has nothing to do before it counts as idle.
const IDLE: Duration = Duration::from_secs(3);

const SETTINGS: &str = "environment = \"production\"\ntime_zone = \"Europe/Berlin\"\n\
    groups = [\"privacy\", \"data_owner\"]\n[deadlines.gdpr]\nfirst_day = \"day_after\"\nunit = \"calendar_month\"\n\
    count = 1\nrolls = \"none\"\n[actions.access]\ndeadline = \"gdpr\"\n[actions.export]\ndeadline = \"gdpr\"\n\
    [actions.erase]\ndeadline = \"gdpr\"\n[floods]\nof_token = 100000000\n";
/// The desk, which knows whom it has before it, sees what there is without asking anybody.
const DESK: &str = "@id(\"access.desk\")\n\
    permit (principal is Service, action == Action::\"access\", resource is Subject)\n\
    when { context.attested.contains(\"identity\") };\n";
const PEOPLE: &str = "[[person]]\nname = \"Ada\"\nidentities = { email = \"ada@example.com\" }\n\
    roles = [\"administrator\"]\n[[person.service]]\nname = \"portal\"\nchannel = \"portal\"\n\
    [[person.service]]\nname = \"desk\"\nattests = [\"identity\"]\n\
    [[person]]\nname = \"Olga\"\nidentities = { email = \"olga@example.com\" }\nseats = [\"privacy\"]\nroles = [\"reviewer\"]\n";
const CONFIGURATION: &str = "[server]\nlisten = \"127.0.0.1:0\"\n[log]\nfilter = \"error\"\n\
    [mail]\nkind = \"inbox\"\ndirectory = \"inbox\"\nfrom = \"countersign@example.com\"\n\
    [sources.large]\nkind = \"sqlite\"\npath = \"large.db\"\n";

const FIRST: &str = "countersign.toml";
const SECOND: &str = "second.toml";

/// The program, serving; ended when this is dropped.
pub(crate) struct Node {
    child: Child,
    folder: PathBuf,
    /// `127.0.0.1:port`.
    pub(crate) address: String,
}

impl Node {
    /// Begins an installation in `folder`, with the sample's policies and one source, and serves it.
    pub(crate) fn begin(folder: &Path) -> Self {
        Self::begin_with(folder, DESK)
    }

    /// The same, with another policy for the desk.
    pub(crate) fn begin_with(folder: &Path, desk: &str) -> Self {
        install(folder, CONFIGURATION, desk);
        Self::again(folder)
    }

    /// Serves an installation that was begun before.
    pub(crate) fn again(folder: &Path) -> Self {
        Self::serve(folder, FIRST)
    }

    /// Begins an installation in `folder` over a database, and serves it by two nodes.
    pub(crate) fn begin_two(folder: &Path, url: &str) -> [Self; 2] {
        let over = |data: &str| format!("{CONFIGURATION}[store]\nurl = \"{url}\"\ndata = \"{data}\"\n");
        write(folder, SECOND, &over("data of the second"));
        install(folder, &over("data"), DESK);
        [FIRST, SECOND].map(|configuration| Self::serve(folder, configuration))
    }

    fn serve(folder: &Path, configuration: &str) -> Self {
        let mut command = program(folder);
        command.args(["--json", "--config", configuration, "serve"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let address = said["listening"].as_str().and_then(|url| url.strip_prefix("http://"));
        let address = address.unwrap_or_else(|| panic!("the node does not serve: {line}")).to_owned();
        Self { child, folder: folder.to_owned(), address }
    }

    /// The token of one of `PEOPLE`.
    pub(crate) fn token(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join("tokens").join(name)).unwrap().trim().to_owned()
    }

    /// Its store, which this process may read.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("data/countersign.db")
    }

    /// Memory that it has in use, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It ended by itself: then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a node that has begun and has nothing to do.
pub(crate) fn memory(folder: &Path) -> Line {
    let node = Node::begin(folder);
    std::thread::sleep(IDLE);
    let ours = node.resident_mib();
    Line {
        name: "memory of an idle server".to_owned(),
        ours: format!("{ours:.1} MiB"),
        reference: "40 MiB".to_owned(),
        ratio: ours / 40.0,
        limit: Limit::AtMost(1.0),
    }
}

/// An installation with the sample's policies and one source.
fn install(folder: &Path, configuration: &str, desk: &str) {
    write(folder, FIRST, configuration);
    write(folder, "people.toml", PEOPLE);
    write(folder, "settings/settings.toml", SETTINGS);
    write(folder, "settings/maps/large.toml", &large::map_text());
    write(folder, "settings/policies/desk.cedar", desk);
    for name in ["access", "erase", "export", "purge"] {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/{}.cedar"), name);
        if let Ok(text) = fs::read_to_string(path) {
            write(folder, &format!("settings/policies/{name}.cedar"), &text);
        }
    }
    large::build(&folder.join("large.db"), &large::Customers::usual());
    let output = program(folder)
        .args(["init", "settings", "--people", "people.toml", "--origin", "example.com/bench"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).env_remove("COUNTERSIGN_CONFIG");
    command
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
