//! Our state: implementations of the service's port `Store`. It sees bytes and indexed columns; it knows no event,
//! no policy and no key.
//!
//! # The embedded store on disk
//!
//! One folder, all files for their owner alone (mode 0600):
//!
//! ```text
//! store.db        the SQLite database: state, sealed fields, jobs and ledger, changed in one commit
//! store.db-wal    its write-ahead log: commits that are not yet moved into store.db
//! store.db-shm    the index of that log, shared by the processes that read
//! store.db.lock   empty; locked by the one process that may write, given up by the system when it ends
//! ```
//!
//! A copy of `store.db` alone is not a backup while `-wal` is there: commits live in both.
//!
//! | tables | hold | may change |
//! |---|---|---|
//! | `request`, `request_term` | a row for each request, and what it is found under | in place, under a version guard; never deleted |
//! | `event` | histories, by (request, seq), each event with its place in the ledger | appended only |
//! | `record`, `record_term` | people, tokens, legal holds, surveys, answers | freely |
//! | `dek`, `sealed` | wrapped keys and sealed fields | appended, then emptied where they stand |
//! | `job` | wishes with lease, fence and generation | freely |
//! | `settings` | every version of the settings | appended only |
//! | `log_entry`, `log_tile`, `log_head` | the ledger: entries, tiles with the right edge rewritten in place, size and root | grows only |
//! | `log_checkpoint` | every checkpoint ever signed | appended only |
//! | `schema_version` | the migrations that ran, from `migrations/sqlite/` | appended only |
//!
//! What must not change is held by triggers and constraints too, so that a mistake here is an error there.
//!
//! # How a change gets in
//!
//! One thread owns the only connection that writes. It takes what waits, at most 1025 commands, opens one
//! transaction and runs each command in a savepoint of its own: one that is refused or comes too late rolls back
//! alone. What survived is appended to the ledger's tree, the head moves from the size it had, and after the commit
//! everybody is answered. If the commit fails, everybody gets the error and nothing of the batch stands.
//!
//! ```no_run
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{path::Path, sync::Arc};
//! use countersign_core::time::Timestamp;
//! use countersign_service::ports::store::{Change, Needs, Store};
//! use countersign_store::SqliteStore;
//!
//! let clock = Arc::new(|| Timestamp::from_millis(1_750_000_000_000));
//! let store = SqliteStore::open(Path::new("data/store.db"), clock)?;
//! let decide = Box::new(|_: &_| Ok(Change { entries: vec![b"an entry".to_vec()], ..Change::default() }));
//! store.act(Needs::default(), decide).await?;
//! store.sequence().await?;
//! assert_eq!(store.head().await?.0, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # The store of many nodes
//!
//! [`PostgresStore`] keeps the same things in PostgreSQL, for any number of nodes at once (`docs/decisions/014-many-nodes.md`):
//!
//! | files of `src/postgres/` | do |
//! |---|---|
//! | `connect.rs`, `session.rs`, `tls.rs`, `pool.rs` | find a server that takes writes, trust it once it has written, keep connections, say at once when there is none |
//! | `load.rs`, `act.rs`, `statement.rs`, `chain.rs`, `lock.rs`, `retry.rs` | one act: locks, loads, decides, writes; tried again as a whole |
//! | `request.rs`, `record.rs`, `sealed.rs`, `job.rs`, `settings.rs`, `list.rs` | the SQL of one table or two each |
//! | `sequencer.rs`, `lease.rs`, `queue.rs`, `log.rs` | the ledger: who puts entries in, and how they get there |
//! | `hint.rs` | tells other nodes to look; nothing rests on it |

pub mod conformance;
mod fault;
mod moving;
mod postgres;
mod sqlite;

pub use moving::{MoveError, Moved, move_store};
pub use postgres::{PostgresOpenError, PostgresOptions, PostgresStore, PostgresTls};
pub use sqlite::{Clock, Examined, OpenError, SqliteStore};
