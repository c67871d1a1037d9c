//! A mutation fuzzer: inputs from a corpus, changed by chance from a seed. What came to a new kind of outcome is changed
//! further. It knows no target.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer inputs are cut.
const LONGEST: usize = 64 * 1024;
/// The most inputs that are kept beside the corpus.
const KEPT: usize = 4_000;

/// Where the corpora are.
pub fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(name)
}

/// How long each target is fuzzed.
pub fn lasts() -> Duration {
    let seconds = std::env::var("COUNTERSIGN_FUZZ_SECONDS").ok().and_then(|it| it.parse().ok());
    let long = std::env::var_os("COUNTERSIGN_LONG").is_some();
    Duration::from_secs(seconds.unwrap_or(if long { 600 } else { 3 }))
}

/// What an outcome is: equal for inputs that came to the same.
pub fn kind(outcome: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    hasher.finish()
}

/// Fuzzes `target` with the corpus of that name and `more`, and fails with the input that made it panic.
pub fn fuzz(name: &str, more: Vec<Vec<u8>>, target: impl Fn(&[u8]) -> u64) {
    let mut mutator = Mutator::new(name, more);
    let (end, began, mut count) = (Instant::now() + lasts(), Instant::now(), 0u64);
    for input in mutator.inputs.clone() {
        tried(name, &input, &target);
    }
    while Instant::now() < end {
        let input = mutator.next();
        let outcome = tried(name, &input, &target);
        mutator.learn(input, outcome);
        count += 1;
    }
    let kinds = mutator.seen.len();
    println!("{name}: {count} inputs in {} s, {kinds} kinds of outcome", began.elapsed().as_secs());
    assert!(kinds > 1, "{name}: whatever is tried comes to the same");
}

fn tried(name: &str, input: &[u8], target: impl Fn(&[u8]) -> u64) -> u64 {
    match catch_unwind(AssertUnwindSafe(|| target(input))) {
        Ok(outcome) => outcome,
        Err(_) => panic!("{name}: {}", told(name, input)),
    }
}

/// Keeps an input that broke something, and says where.
pub fn told(name: &str, input: &[u8]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz");
    let path = folder.join(format!("{name}-{:016x}", kind(input)));
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input)).unwrap();
    format!("kept as {}: {:?}", path.display(), String::from_utf8_lossy(input))
}

/// Makes inputs.
pub struct Mutator {
    inputs: Vec<Vec<u8>>,
    own: usize,
    seen: BTreeSet<u64>,
    chance: u64,
}

impl Mutator {
    pub fn new(name: &str, more: Vec<Vec<u8>>) -> Self {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(corpus(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let mut inputs: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
        inputs.extend(more);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        let seed = std::env::var("COUNTERSIGN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
        Self { own: inputs.len(), inputs, seen: BTreeSet::new(), chance: seed }
    }

    /// The next input.
    pub fn next(&mut self) -> Vec<u8> {
        let at = self.below(self.inputs.len());
        let mut input = self.inputs[at].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    /// An input that came to something new is worth going on from.
    pub fn learn(&mut self, input: Vec<u8>, outcome: u64) {
        if self.seen.insert(outcome) && self.inputs.len() < self.own + KEPT {
            self.inputs.push(input);
        }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let to = at + self.below((input.len() - at).min(40) + 1);
        match self.below(9) {
            // A flipped bit, another byte, one more.
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.odd(),
            2 => input.insert(at, self.odd()),
            // A stretch gone, twice, or many times over.
            3 => drop(input.drain(at..to)),
            4 | 5 => {
                let stretch = input[at..to].to_vec();
                let times = if self.below(20) == 0 { self.below(600) } else { 1 + self.below(3) };
                input.splice(at..at, stretch.repeat(times));
            }
            // A stretch of another input in its place.
            6 | 7 => {
                let other = self.below(self.inputs.len());
                let (len, from) = (self.inputs[other].len(), self.below(self.inputs[other].len() + 1));
                let until = from + self.below((len - from).min(60) + 1);
                let stretch = self.inputs[other][from..until].to_vec();
                input.splice(at..to, stretch);
            }
            // A number at one of its ends.
            _ => {
                const NUMBERS: [&str; 8] = [
                    "0",
                    "-1",
                    "9223372036854775807",
                    "-9223372036854775808",
                    "18446744073709551616",
                    "9007199254740993",
                    "1e400",
                    "00",
                ];
                let number = NUMBERS[self.below(NUMBERS.len())];
                input.splice(at..to, number.bytes());
            }
        }
    }

    /// A byte that means something to some reader, or any.
    fn odd(&mut self) -> u8 {
        const ODD: &[u8] = b"\0\n\r\t \"'\\{}[]()<>=+-*/.,:;@#&|!?%\x7f\x80\xc0\xe2\xff0Aa";
        if self.below(3) == 0 { self.below(256) as u8 } else { ODD[self.below(ODD.len())] }
    }

    /// SplitMix64.
    fn below(&mut self, limit: usize) -> usize {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}
