//! Full verification of 1,000,000 entries against `openssl dgst -sha256` on the same bytes, in CPU time. The least of
//! three rounds each, by turns.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use countersign_ledger::{
    CHECKPOINT_PATH, Checkpoint, Edge, Entry, LogSource, SigningKey, bundles_of, checkpoint_path, verify,
};

use crate::line::{Limit, Line};

const ENTRIES: u64 = 1_000_000;
/// Bytes of an entry, about what an event of ours takes.
const ENTRY_BYTES: usize = 500;
const ROUNDS: u32 = 3;

pub(crate) fn measure(folder: &Path) -> Line {
    let key = SigningKey::from_seed("example.com/ledger", &[1; 32]).unwrap();
    write_log(folder, &key);
    let mut source = Export(folder.to_owned());
    let keys = [key.verifier().clone()];
    let (mut ours, mut theirs) = (u64::MAX, u64::MAX);
    for _ in 0..ROUNDS {
        let (own, children) = cpu_ms();
        let report = verify(&mut source, &keys, &mut ()).unwrap();
        assert!(report.is_whole(), "{:?}", report.findings);
        ours = ours.min(cpu_ms().0 - own);
        openssl(folder);
        theirs = theirs.min(cpu_ms().1 - children);
    }
    Line {
        name: "ledger, full verification of 1,000,000 entries".to_owned(),
        ours: format!("{ours} ms CPU"),
        reference: format!("openssl dgst -sha256 {theirs} ms CPU"),
        ratio: ours as f64 / theirs as f64,
        limit: Limit::AtMost(2.0),
    }
}

/// An exported ledger.
struct Export(PathBuf);

impl LogSource for Export {
    type Error = io::Error;

    fn read(&mut self, path: &str, limit: usize, content: &mut Vec<u8>) -> io::Result<bool> {
        content.clear();
        match File::open(self.0.join(path)) {
            Ok(file) => file.take(limit as u64).read_to_end(content).map(|_| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list(&mut self, found: &mut dyn FnMut(&str)) -> io::Result<()> {
        let mut folders = vec![PathBuf::from("tile"), PathBuf::from("checkpoints")];
        while let Some(folder) = folders.pop() {
            for item in fs::read_dir(self.0.join(&folder))? {
                let item = item?;
                let path = folder.join(item.file_name());
                if item.file_type()?.is_dir() { folders.push(path) } else { found(path.to_str().unwrap()) }
            }
        }
        Ok(())
    }
}

fn write_log(folder: &Path, key: &SigningKey) {
    let mut edge = Edge::new();
    let mut body = [b'x'; ENTRY_BYTES];
    for bundle in bundles_of(ENTRIES) {
        let mut bytes = Vec::with_capacity(256 * (ENTRY_BYTES + 2));
        for i in 0..u64::from(bundle.width()) {
            body[..8].copy_from_slice(&(bundle.first_entry() + i).to_be_bytes());
            let entry = Entry::new(&body).unwrap();
            entry.append_to(&mut bytes);
            edge.append(entry.leaf_hash(), |tile, bytes| write(folder, &tile.path(), bytes));
        }
        write(folder, &bundle.path(), &bytes);
        if bundle.n() % 100 == 0 {
            write(folder, &checkpoint_path(edge.size()), &checkpoint(&edge, key));
        }
    }
    for (tile, bytes) in edge.partial_tiles() {
        write(folder, &tile.path(), bytes);
    }
    write(folder, CHECKPOINT_PATH, &checkpoint(&edge, key));
}

fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn checkpoint(edge: &Edge, key: &SigningKey) -> Vec<u8> {
    let head = Checkpoint { origin: key.name().into(), size: edge.size(), root: edge.root() };
    head.sign(key).unwrap().into_bytes()
}

/// Over the bundles, which are the entries' bytes and their lengths.
fn openssl(folder: &Path) {
    let status = Command::new("openssl")
        .args(["dgst", "-sha256"])
        .args(bundles_of(ENTRIES).map(|bundle| folder.join(bundle.path())))
        .stdout(Stdio::null())
        .status()
        .expect("this measures against openssl; ./test installs it");
    assert!(status.success());
}

/// CPU time of this process and of its children that ended, in milliseconds, user and system (Linux).
fn cpu_ms() -> (u64, u64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> =
        stat.rsplit_once(')').unwrap().1.split_whitespace().map(|f| f.parse().unwrap_or(0)).collect();
    // Fields 14 to 17 of the whole line, in ticks of 10 ms.
    ((fields[11] + fields[12]) * 10, (fields[13] + fields[14]) * 10)
}
