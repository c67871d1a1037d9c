//! Configurations that nobody would write: read, or every mistake told, and never a panic.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::{Config, FILE, Mistakes};

#[path = "../../../../tests/fuzz/mutator.rs"]
mod mutator;

#[test]
fn configurations_are_read_without_panic_and_every_mistake_is_told() {
    mutator::fuzz("config", Vec::new(), |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        match Config::parse(&text, Path::new("/etc/countersign")) {
            Ok(config) => mutator::kind((config.sources.len(), config.work.lease_ms)),
            Err(all) => {
                assert!(!all.is_empty());
                let told = Mistakes { file: FILE.to_owned(), text, all }.to_string();
                // By what is wrong, without what is quoted.
                mutator::kind(told.split('`').step_by(2).take(4).collect::<String>())
            }
        }
    });
}
