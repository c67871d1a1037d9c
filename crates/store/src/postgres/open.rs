//! Why a store in PostgreSQL stays closed, for a person to read. No text holds an address or a password.

use crate::fault::Fault;
use countersign_service::ports::store::StoreError;

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
