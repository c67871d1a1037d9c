//! Names of files out of names of sources and tables: safe everywhere, and each only once.

use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

/// Names that some systems keep for devices.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];
const LONGEST: usize = 80;

impl Names {
    /// `source/table`, without an ending.
    pub(super) fn of(&mut self, source: &str, table: &str) -> String {
        let stem = format!("{}/{}", safe(source), safe(table));
        let mut name = stem.clone();
        let mut number = 1;
        // Compared without case: not every system tells `A` from `a`.
        while !self.0.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        name
    }
}

fn safe(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' })
        .take(LONGEST)
        .collect();
    let letters = kept.to_lowercase();
    let reserved = RESERVED.iter().any(|word| {
        letters
            .strip_prefix(word)
            .is_some_and(|rest| rest.len() <= 1 && rest.chars().all(|c| c.is_ascii_digit()))
    });
    if kept.is_empty() || reserved { format!("{kept}_") } else { kept }
}
