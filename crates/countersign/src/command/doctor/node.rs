//! What is this machine's: keys and who may read them, the disk, the store's file.

use std::process::Command;

use countersign_store::{Examined, OpenError, PostgresStore, SqliteStore};

use super::{Found, Look};
use crate::config::{Config, Store};
use crate::installation::{clock, epochs, keys};
use crate::wiring::store::options;

/// Less room than this wants attention, in KiB.
const LITTLE_KIB: u64 = 256 * 1024;
/// A write-ahead log beyond this means that something reads for very long, in bytes.
const LONG_LOG: u64 = 256 * 1024 * 1024;

/// The keys: there, closed to others, apart from the data, and no rotation left half done.
pub(super) fn keys(config: &Config) -> Found {
    let directory = &config.keys.directory;
    let loaded = match keys::lie_apart(directory, config.store.data()).and_then(|()| keys::load(directory)) {
        Ok(loaded) => loaded,
        Err(error) => {
            return Found::Bad(format!(
                "{error:#}. No server starts so; how keys are kept: docs/howto/look-after-keys.md"
            ));
        }
    };
    let name = loaded.ledger.name();
    for (epoch, _) in &loaded.keys.earlier {
        match epochs::until(directory, *epoch) {
            Err(error) => return Found::Bad(format!("{error:#}")),
            Ok(None) => {
                return Found::Attend(format!(
                    "wrapping key {epoch} is being replaced: a rotation was broken off; stop the server and run \
                     `countersign keys rotate` again"
                ));
            }
            Ok(Some(at)) if at <= clock()() => {
                return Found::Attend(format!(
                    "wrapping key {epoch} was to be destroyed by now: a server that runs and believes its clock does that \
                     within ten minutes"
                ));
            }
            Ok(Some(_)) => {}
        }
    }
    Found::Fine(format!("{name}, wrapping key {}", loaded.keys.epoch))
}

/// The room where the data is.
pub(super) fn disk(config: &Config) -> Found {
    let Some(data) = config.store.data().filter(|folder| folder.exists()) else {
        return Found::Fine("nothing is there yet".to_owned());
    };
    let output = Command::new("df").arg("-Pk").arg(data).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // The second line; the fourth column is what is free.
    let free = said.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    let shown = data.display();
    match free {
        None => Found::Attend(format!(
            "how much room there is in {shown} is not known, for `df` did not say: look yourself, and see that \
             `df` is in the PATH"
        )),
        Some(free) if free < LITTLE_KIB => Found::Attend(format!(
            "{} MiB are free in {shown}: when it is full, nothing is accepted and nothing is released; make room",
            free / 1024
        )),
        Some(free) => Found::Fine(format!("{} GiB are free in {shown}", free / 1024 / 1024)),
    }
}

/// The server of a shared store: whether its machine may go down without taking along what it acknowledged.
pub(super) async fn server(config: &Config) -> Option<Look> {
    let Store::Shared(shared) = &config.store else { return None };
    let loose = async { anyhow::Ok(PostgresStore::loose(&options(config, shared)?).await?) }.await;
    let found = match loose {
        Err(error) => Found::Bad(format!("{error:#}")),
        Ok(off) if off.is_empty() => Found::Fine("keeps what it acknowledged".to_owned()),
        Ok(off) => Found::Attend(format!(
            "{} is off: what it acknowledged can be lost with its machine; set it to on",
            off.join(", ")
        )),
    };
    Some(("store server".to_owned(), found))
}

/// The file of the embedded store.
pub(super) fn file(config: &Config) -> Option<Look> {
    let Store::Embedded { path } = &config.store else { return None };
    let found = match SqliteStore::examine(path) {
        Err(error @ OpenError::Setting { .. }) => Found::Bad(format!(
            "{error}. A server sets it when it starts, or says why not: start it, and see that no other program opens the file"
        )),
        Err(error) => {
            Found::Bad(format!("{error}; stop the server, and put a copy back with `countersign restore`"))
        }
        Ok(Examined { log, .. }) if log > LONG_LOG => Found::Attend(format!(
            "its write-ahead log has {} MiB: something has been reading for long, a backup or another program. Let it come \
             to its end, or end it; the log shrinks by itself then",
            log / 1024 / 1024
        )),
        Ok(Examined { length, settings, .. }) => {
            Found::Fine(format!("{} MiB, no fault in its pages; read back: {settings}", length / 1024 / 1024))
        }
    };
    Some(("store file".to_owned(), found))
}
