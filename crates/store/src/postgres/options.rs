//! How a node reaches PostgreSQL, and how long it waits for what.

use std::fmt;

/// Whether the talk with PostgreSQL is encrypted. Encrypted, the server's certificate and name are always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresTls {
    /// Never.
    Disable,
    /// If the server offers it: for a server on this machine. Whoever can change packets can talk it away.
    Prefer,
    /// Always, or there is no connection.
    Require,
}

/// How a node reaches PostgreSQL. [`PostgresOptions::new`] has sound values for everything but the address.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`; of a cluster, all its servers: `host,host:port,…`. Only one that
    /// takes writes is used, and looked for again whenever the connection to it is lost.
    pub url: String,
    /// What this node is called, in the database, by its heartbeat and its leases. Any name will do; one that stays the
    /// same and is the node's alone tells a person more.
    pub node: String,
    /// At most so many connections for requests and jobs; up to three more serve the ledger.
    pub connections: usize,
    /// Encrypted or not. `None`: as `sslmode` in the url says; without that it is required, but for servers that are
    /// reached by a Unix socket or at a loopback address.
    pub tls: Option<PostgresTls>,
    /// The authorities that certificates are checked against, as PEM. `None`: those of the system.
    pub authority_pem: Option<Vec<u8>>,
    /// How long to try one server, until it has answered that it takes writes.
    pub connect_timeout_ms: u64,
    /// How long a statement may take, also while it waits for a lock.
    pub statement_timeout_ms: u64,
    /// Whether nodes give each other hints by `NOTIFY`. Without, they look more often.
    pub notify: bool,
    /// How long a node leads the ledger without a word. Another takes over after that; less than a second is too short
    /// for a busy machine.
    pub sequencer_lease_ms: u64,
    /// Only to look: every change is refused, and the schema is left as it is.
    pub read_only: bool,
}

impl PostgresOptions {
    /// The database at `url`, and for the rest what suits most.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            node: "countersign".to_owned(),
            connections: 8,
            tls: None,
            authority_pem: None,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 15_000,
            notify: true,
            sequencer_lease_ms: 5_000,
            read_only: false,
        }
    }
}

/// Without the address, which holds a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, connections, tls, connect_timeout_ms, statement_timeout_ms, .. } = self;
        let Self { notify, sequencer_lease_ms, read_only, .. } = self;
        f.debug_struct("PostgresOptions")
            .field("node", node)
            .field("connections", connections)
            .field("tls", tls)
            .field("connect_timeout_ms", connect_timeout_ms)
            .field("statement_timeout_ms", statement_timeout_ms)
            .field("notify", notify)
            .field("sequencer_lease_ms", sequencer_lease_ms)
            .field("read_only", read_only)
            .finish_non_exhaustive()
    }
}
