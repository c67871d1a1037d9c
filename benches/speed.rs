//! `cargo bench`: how fast, each as a ratio to something that the same machine does in the same run. Takes a few
//! minutes; a name after `--` measures that part alone: `cargo bench -- verdict`. A limit that is missed is told and
//! fails nothing: it depends on the machine, and who reads decides.
//!
//! No frame around it: every ratio comes from alternating rounds of ours and theirs, and each part says which of
//! them counts. A measuring tool: it knows files, processes and clocks, and panics where it cannot measure.
#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod bare;
mod by_hand;
mod client;
mod erasing;
mod exporting;
mod large;
mod ledger;
mod line;
mod node;
mod queue;
mod stored;
mod submits;
mod two_nodes;
mod verdict;

use std::path::{Path, PathBuf};

use line::Line;

/// A part: the word that selects it, and what measures it.
type Part = (&'static str, fn(&Path) -> Vec<Line>);

const PARTS: [Part; 9] = [
    ("verdict", |_| vec![verdict::measure()]),
    ("ledger", |folder| vec![ledger::measure(folder)]),
    ("submits", submits::measure),
    ("erasing", erasing::measure),
    ("exporting", exporting::measure),
    ("memory", |folder| vec![node::memory(folder)]),
    ("access", |folder| vec![access::measure(folder)]),
    ("nodes", two_nodes::measure),
    ("queue", queue::measure),
];

/// Takes hours and tens of gigabytes, so only when it is named: `cargo bench -- stored`, or with fewer requests, of which
/// the second number waits: `cargo bench -- stored 100000 10000`.
const BY_HAND: &str = "stored";

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut lines = Vec::new();
    line::head();
    for (name, measure) in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == name) {
            continue;
        }
        let folder = Folder::new(name);
        for line in measure(&folder.0) {
            line.print();
            lines.push(line);
        }
    }
    if wanted.iter().any(|word| word == BY_HAND) {
        let mut numbers = wanted.iter().filter_map(|word| word.parse().ok());
        let stored = numbers.next().unwrap_or(10_000_000);
        let waiting = numbers.next().unwrap_or(stored / 10);
        let folder = Folder::new(BY_HAND);
        for line in stored::measure(&folder.0, stored, waiting) {
            line.print();
            lines.push(line);
        }
    }
    if wanted.iter().any(|word| word == exporting::BY_HAND_ONLY) {
        let rows = wanted.iter().find_map(|word| word.parse().ok()).unwrap_or(5_000_000);
        let folder = Folder::new(exporting::BY_HAND_ONLY);
        for line in exporting::measure_large(&folder.0, rows) {
            line.print();
            lines.push(line);
        }
    }
    line::foot(&lines);
}

/// A folder on the disk that the build is on: `/tmp` may be memory, where a commit costs nothing.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("speed-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is only disk space.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
