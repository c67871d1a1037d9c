//! Where the sample data lies that this project did not make.

use std::path::{Path, PathBuf};

/// The folder of sample data: `COUNTERSIGN_SAMPLES`, else `../shared/data` beside the workspace. `None` when it is not
/// there, which is said on standard error; the test should then return.
///
/// # Panics
/// When it is absent and [`crate::nothing_may_be_skipped`].
#[must_use]
pub fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("COUNTERSIGN_SAMPLES").map_or_else(beside_the_workspace, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        !crate::nothing_may_be_skipped(),
        "the sample data is not at {}; set COUNTERSIGN_SAMPLES to its folder",
        folder.display()
    );
    eprintln!(
        "skipped: the sample data is not at {}; set COUNTERSIGN_SAMPLES to its folder",
        folder.display()
    );
    None
}

fn beside_the_workspace() -> PathBuf {
    // crates/testing → crates → the workspace → beside it
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).join("shared").join("data")
}
