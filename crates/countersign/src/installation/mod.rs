//! An installation's own files: its keys, its first people.

pub(crate) mod keys;
pub(crate) mod people;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use countersign_core::time::Timestamp;
use countersign_service::ports::chance::Chance;
use countersign_store::Clock;

/// The clock of this machine.
pub(crate) fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}

/// The randomness of this machine.
#[derive(Debug)]
pub(crate) struct SystemChance;

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no code, key or id would be worth anything: better to stop than to go on.
        if let Err(error) = getrandom::fill(bytes) {
            eprintln!("error: this machine gives no randomness: {error}");
            std::process::abort();
        }
    }
}

/// Makes a folder for its owner alone.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let shown = path.display();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("the folder {shown} cannot be made"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("the folder {shown} cannot be closed to others"))
}

/// Writes a new file for its owner alone; refuses to write over one that is there.
pub(crate) fn private_file(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let shown = path.display();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{shown} cannot be made"))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("{shown} cannot be written"))
}
