//! Opens the store: finds a server that takes writes, brings the schema forward, starts what goes on by itself. What keeps
//! it closed is said for a person to read; no text holds an address or a password.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_service::ports::store::StoreError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::clock::StoreClock;
use super::connect::{Connector, For};
use super::hint::{self, Hints};
use super::options::PostgresOptions;
use super::pool::Pool;
use super::sequencer::Sequencer;
use super::session::Session;
use super::value::get;
use super::{PostgresStore, log, migrate};
use crate::fault::Fault;

/// How long a database that cannot be reached is waited for: longer than a failover of most.
const WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
/// Connections of the sequencer: one for whoever moves, one for whoever waits.
const LEDGER_CONNECTIONS: usize = 2;

/// Why a store in PostgreSQL could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    /// The address is not one.
    #[error("the store's url is not of the form postgres://user:password@host:port/database: {0}")]
    Address(String),
    /// TLS cannot be set up.
    #[error("TLS for the store cannot be set up: {0}")]
    Tls(String),
    /// No server answered, or none that takes writes, or it did not let us in.
    #[error("the store's database cannot be used: {0}")]
    Unreachable(String),
    /// The schema has tables, but not ours.
    #[error(
        "this PostgreSQL database has tables that were not made by Countersign; give the store a database or a schema \
         of its own"
    )]
    NotAStore,
    /// The schema was made by a newer version.
    #[error(
        "the store has schema version {found} and this version of Countersign knows only {known}; \
         start the version that made it, or a newer one"
    )]
    NewerSchema {
        /// The schema's version.
        found: u64,
        /// The newest that is known here.
        known: u64,
    },
    /// The schema is older, and a store opened for reading cannot be brought forward.
    #[error(
        "the store has schema version {found} and this version of Countersign reads {known}; \
         start the server once, which brings it forward"
    )]
    OlderSchema {
        /// The schema's version.
        found: u64,
        /// The version that is read here.
        known: u64,
    },
    /// The role may not make tables.
    #[error(
        "the store has schema version {found}, this version of Countersign needs {known}, and the role of the url may \
         not bring it forward; start one node once with the role that owns the schema"
    )]
    NotTheOwner {
        /// The schema's version; 0 if there is none.
        found: u64,
        /// The version that is needed here.
        known: u64,
    },
    /// A setting that durability rests on.
    #[error(
        "PostgreSQL has {name} = {found} for this role and database; no acknowledged change would be safe, so the store stays closed: set it to {wanted}"
    )]
    Setting {
        /// Which.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// The ledger within does not hold together.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

impl From<Fault> for PostgresOpenError {
    fn from(fault: Fault) -> Self {
        match StoreError::from(fault) {
            StoreError::Damaged(why) => Self::Damaged(why),
            StoreError::Unavailable(why) => Self::Unreachable(why),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// What works by itself while the store is open; it ends when this is dropped.
pub(super) struct Loops {
    stop: watch::Sender<bool>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Loops {
    /// Tells them to end, and waits until they have.
    pub(super) async fn end(&self) {
        self.stop.send_replace(true);
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for one in running {
            // One that ended in a panic has ended.
            let _ = one.await;
        }
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Settings of the server alone, that no session has for itself: off, they let it lose with its machine what it
/// acknowledged.
const LOOSE: &str =
    "select name from unnest($1::text[]) as of (name) where current_setting(name, true) = 'off'";

/// Which of them are off.
async fn loose(session: &Session) -> Result<Vec<String>, Fault> {
    let names = ["fsync", "full_page_writes"];
    let rows = session.query(LOOSE, &[&names.as_slice()]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// As [`PostgresStore::loose`].
pub(super) async fn examine(options: &PostgresOptions) -> Result<Vec<String>, PostgresOpenError> {
    Ok(loose(&find(&Connector::new(options)?).await?).await?)
}

/// Opens the store as the options say.
pub(super) async fn open(options: PostgresOptions) -> Result<PostgresStore, PostgresOpenError> {
    let connector = Arc::new(Connector::new(&options)?);
    prepare(&find(&connector).await?, options.read_only).await?;

    let pool = Pool::new(Arc::clone(&connector), options.connections);
    let client = pool.get().await?;
    log::edge(&client).await?;
    client.release();

    let hints = options.notify.then(|| Arc::new(Hints::default()));
    let ledger = pool.beside(LEDGER_CONNECTIONS);
    let sequencer =
        Arc::new(Sequencer::new(ledger, &options.node, options.sequencer_lease_ms, hints.clone()));
    let (stop, stopped) = watch::channel(false);
    let mut running = Vec::new();
    if !options.read_only {
        running.push(tokio::spawn(Arc::clone(&sequencer).run(stopped.clone())));
        if let Some(hints) = hints {
            let (name, weak) = (sequencer.name().to_owned(), Arc::downgrade(&sequencer));
            running.push(tokio::spawn(hint::exchange(Arc::clone(&connector), weak, hints, name, stopped)));
        }
    }
    Ok(PostgresStore {
        pool,
        clock: StoreClock::new(),
        sequencer,
        patience: Duration::from_millis(2 * options.statement_timeout_ms + options.connect_timeout_ms),
        read_only: options.read_only,
        node: connector.node().to_owned(),
        loops: Loops { stop, running: Mutex::new(running) },
    })
}

/// A connection to a server that takes writes, waited for while it may yet come.
async fn find(connector: &Connector) -> Result<Session, PostgresOpenError> {
    let began = Instant::now();
    loop {
        match connector.connect(&For::Schema).await {
            Ok(session) => return Ok(session),
            Err(none) if none.is_final() || began.elapsed() > WITHIN => return Err(none.into()),
            Err(none) => {
                tracing::warn!("waiting for the store's database: {none}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn prepare(session: &Session, read_only: bool) -> Result<(), PostgresOpenError> {
    for name in loose(session).await? {
        tracing::warn!(
            "PostgreSQL has {name} = off: acknowledged changes can be lost with its machine; set it to on"
        );
    }
    if !read_only {
        return migrate::migrate(session).await;
    }
    match migrate::version(session).await? {
        0 => Err(PostgresOpenError::NotAStore),
        found if found < migrate::LATEST => {
            Err(PostgresOpenError::OlderSchema { found, known: migrate::LATEST })
        }
        _ => Ok(()),
    }
}
