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
mod day;
mod erasing;
mod exporting;
mod feeds;
mod large;
mod ledger;
mod line;
mod node;
mod queue;
mod stored;
mod submits;
mod two_nodes;
mod verdict;
mod waiting;

use std::path::{Path, PathBuf};

use line::Line;

/// A part: the word that selects it, and what measures it.
type Part = (&'static str, fn(&Path) -> Vec<Line>);

const PARTS: [Part; 10] = [
    ("verdict", |_| vec![verdict::measure()]),
    ("ledger", |folder| vec![ledger::measure(folder)]),
    ("submits", submits::measure),
    ("erasing", erasing::measure),
    ("exporting", exporting::measure),
    ("memory", |folder| vec![node::memory(folder)]),
    ("access", |folder| vec![access::measure(folder)]),
    ("feeds", feeds::measure),
    ("nodes", two_nodes::measure),
    ("queue", queue::measure),
];

/// A part that takes long or much room, so only when it is named; the numbers after its name say how much of it.
type Large = (&'static str, fn(&Path, &[u64]) -> Vec<Line>);

const BY_HAND: [Large; 6] = [
    // Tens of gigabytes. Stored, and how many of these wait: `cargo bench -- stored 100000 10000`.
    ("stored", |folder, numbers| {
        let stored = first(numbers, 10_000_000);
        let waiting = numbers.get(1).copied().unwrap_or(stored / 10);
        stored::measure(folder, stored as i64, waiting as i64)
    }),
    ("waiting", |folder, numbers| waiting::measure(folder, first(numbers, 1_000_000) as i64)),
    ("day", |folder, numbers| day::measure(folder, first(numbers, 100_000))),
    ("erasing-large", |folder, numbers| erasing::measure_large(folder, first(numbers, 5_000_000))),
    ("erasing-among", |folder, numbers| erasing::measure_among(folder, first(numbers, 10_000_000))),
    ("exporting-large", |folder, numbers| exporting::measure_large(folder, first(numbers, 5_000_000))),
];

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let numbers: Vec<u64> = wanted.iter().filter_map(|word| word.parse().ok()).collect();
    let is_wanted = |name: &str| wanted.iter().any(|word| word == name);
    let mut lines = Vec::new();
    let mut tell = |measured: Vec<Line>| {
        measured.iter().for_each(Line::print);
        lines.extend(measured);
    };
    line::head();
    for (name, measure) in PARTS {
        if wanted.is_empty() || is_wanted(name) {
            tell(measure(&Folder::new(name).0));
        }
    }
    for (name, measure) in BY_HAND {
        if is_wanted(name) {
            tell(measure(&Folder::new(name).0, &numbers));
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

fn first(numbers: &[u64], usual: u64) -> u64 {
    numbers.first().copied().unwrap_or(usual)
}
