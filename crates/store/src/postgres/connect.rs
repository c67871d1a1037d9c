//! To whichever server takes writes: every connection is set up alike, its settings are read back, and it is trusted only
//! after it has committed a row of its own.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::open::PostgresOpenError;
use super::options::PostgresOptions;
use super::session::{OnHint, Session};
use super::tls;
use crate::fault::Fault;

/// The next server is tried beside the one before after this long: one that is gone may say nothing at all.
const STAGGER: Duration = Duration::from_millis(150);
/// A transaction that waits for its node so long is ended by the server: it holds locks that others wait for.
const IDLE_MS: u64 = 10_000;
/// Bytes that nobody acknowledges for so long end a connection.
const SILENCE: Duration = Duration::from_secs(10);

/// Writes the row of node `$1`. Whatever this connection reads once it is acknowledged was acknowledged too.
pub(super) const BEAT: &str = "insert into heartbeat (node, beats, at) \
     values ($1, 1, cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)) \
     on conflict (node) do update set beats = heartbeat.beats + 1, at = excluded.at";

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    /// As the driver said it.
    Driver(tokio_postgres::Error),
    /// The server did not come so far in time.
    Silent,
    /// It came, and did not acknowledge in time what was written.
    Unacknowledged,
    /// It came, and would lose what it acknowledges.
    Unsafe(String),
}

impl NoConnection {
    /// What a person learns most from comes first.
    fn weight(&self) -> u8 {
        match self {
            Self::Unsafe(_) => 4,
            Self::Unacknowledged => 3,
            Self::Driver(error) if error.as_db_error().is_some() => 2,
            Self::Driver(_) => 1,
            Self::Silent => 0,
        }
    }

    /// Whether a server that answered broke off in the middle.
    pub(super) fn was_cut(&self) -> bool {
        // Its last words may be lost: then only the end of the connection is seen.
        matches!(self, Self::Driver(error) if error.is_closed() || error.code() == Some(&SqlState::ADMIN_SHUTDOWN))
    }

    /// Whether trying again will not mend it.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Unsafe(_) => true,
            Self::Driver(error) => match error.code() {
                Some(code) => matches!(code.code().get(..2), Some("28" | "3D" | "42")),
                None => is_no_tls(error),
            },
            Self::Silent | Self::Unacknowledged => false,
        }
    }
}

impl std::fmt::Display for NoConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent => f.write_str("no server that takes writes answers"),
            Self::Unacknowledged => f.write_str(
                "the server that takes writes acknowledges none; if it has a synchronous standby, that one is away",
            ),
            Self::Unsafe(found) => write!(f, "synchronous_commit = {found}"),
            Self::Driver(error) => match error.as_db_error() {
                // Roles, databases, states of the server: nothing that we keep is in these.
                Some(said) => f.write_str(said.message()),
                None => {
                    write!(f, "{error}")?;
                    match std::error::Error::source(error) {
                        Some(why) => write!(f, ": {why}"),
                        None => Ok(()),
                    }
                }
            },
        }
    }
}

impl From<tokio_postgres::Error> for NoConnection {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<NoConnection> for PostgresOpenError {
    fn from(none: NoConnection) -> Self {
        match none {
            NoConnection::Unsafe(found) => Self::Setting { name: "synchronous_commit", wanted: "on", found },
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// What a connection is for.
#[derive(Clone)]
pub(super) enum For {
    /// State: it must have written before it is read from.
    State,
    /// The schema, which may not be there yet.
    Schema,
    /// Hints alone.
    Hints(OnHint),
}

/// Makes connections.
pub(super) struct Connector {
    servers: Vec<tokio_postgres::Config>,
    last: AtomicUsize,
    tls: MakeRustlsConnect,
    patience: Duration,
    node: String,
    session: String,
}

impl Connector {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, PostgresOpenError> {
        // The parser's words repeat what it read, and so a password.
        let address: tokio_postgres::Config =
            options.url.parse().map_err(|_| PostgresOpenError::Address("it cannot be read".to_owned()))?;
        let patience = Duration::from_millis(options.connect_timeout_ms);
        let mut session = String::new();
        for (name, ms) in [
            ("statement_timeout", options.statement_timeout_ms),
            ("lock_timeout", options.statement_timeout_ms),
            ("idle_in_transaction_session_timeout", IDLE_MS),
        ] {
            // Writing to a string cannot fail.
            let _ = write!(session, "set {name} = {ms}; ");
        }
        session.push_str("show synchronous_commit");
        Ok(Self {
            servers: servers(options, &address, patience)?,
            last: AtomicUsize::new(0),
            tls: tls::connector(options)?,
            patience,
            node: options.node.clone(),
            session,
        })
    }

    /// How long one server is tried.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// What the node is called in the database.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// A connection to a server that takes writes; the one that had the last is asked first.
    pub(super) async fn connect(&self, what: &For) -> Result<Session, NoConnection> {
        let first = self.last.load(Ordering::Relaxed);
        let mut tries = FuturesUnordered::new();
        for place in 0..self.servers.len() {
            let server = (first + place) % self.servers.len();
            tries.push(async move {
                sleep(STAGGER * place as u32).await;
                let came = AtomicBool::new(false);
                let session = timeout(self.patience, self.reach(server, what, &came)).await;
                let late = match came.into_inner() {
                    true => NoConnection::Unacknowledged,
                    false => NoConnection::Silent,
                };
                (server, session.unwrap_or(Err(late)))
            });
        }
        let mut worst = NoConnection::Silent;
        while let Some((server, outcome)) = tries.next().await {
            match outcome {
                Ok(session) => {
                    self.last.store(server, Ordering::Relaxed);
                    return Ok(session);
                }
                Err(none) if none.weight() > worst.weight() => worst = none,
                Err(_) => {}
            }
        }
        Err(worst)
    }

    /// `came`: whether it let us in and takes writes.
    async fn reach(&self, server: usize, what: &For, came: &AtomicBool) -> Result<Session, NoConnection> {
        let Some(server) = self.servers.get(server) else { return Err(NoConnection::Silent) };
        let (client, connection) = server.connect(self.tls.clone()).await?;
        let on_hint = match what {
            For::Hints(on_hint) => Some(on_hint.clone()),
            For::State | For::Schema => None,
        };
        let session = Session::start(client, connection, on_hint);
        let answers = session.simple_query(&self.session).await?;
        let found = answers.iter().find_map(|answer| match answer {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        match found {
            // `local` acknowledges what the standby does not have.
            None | Some("off" | "local") => {
                return Err(NoConnection::Unsafe(found.unwrap_or("unknown").to_owned()));
            }
            Some(_) => {}
        }
        session.forget_warnings();
        match what {
            For::State => {
                came.store(true, Ordering::Relaxed);
                // INVARIANT: nothing is read through a connection before this is acknowledged.
                session.execute(BEAT, &[&self.node]).await?;
                if session.was_warned() {
                    return Err(NoConnection::Unacknowledged);
                }
            }
            For::Schema => session.batch_execute("set statement_timeout = 0; set lock_timeout = 0").await?,
            For::Hints(_) => {}
        }
        Ok(session)
    }
}

/// One configuration a server.
fn servers(
    options: &PostgresOptions,
    address: &tokio_postgres::Config,
    patience: Duration,
) -> Result<Vec<tokio_postgres::Config>, PostgresOpenError> {
    let (hosts, ips, ports) = (address.get_hosts(), address.get_hostaddrs(), address.get_ports());
    let count = hosts.len().max(ips.len());
    if count == 0 {
        return Err(PostgresOpenError::Address("it names no server".to_owned()));
    }
    if (ports.len() > 1 && ports.len() != count)
        || (!ips.is_empty() && !hosts.is_empty() && ips.len() != hosts.len())
    {
        return Err(PostgresOpenError::Address("it has more ports than servers, or fewer".to_owned()));
    }
    let mut servers = Vec::with_capacity(count);
    for place in 0..count {
        let mut server = tokio_postgres::Config::new();
        match hosts.get(place) {
            Some(Host::Tcp(name)) => {
                server.host(name);
            }
            #[cfg(unix)]
            Some(Host::Unix(path)) => {
                server.host_path(path);
            }
            None => {}
        }
        if let Some(ip) = ips.get(place) {
            server.hostaddr(*ip);
        }
        server.port(ports.get(place).or(ports.first()).copied().unwrap_or(5432));
        if let Some(user) = address.get_user() {
            server.user(user);
        }
        if let Some(password) = address.get_password() {
            server.password(password);
        }
        if let Some(database) = address.get_dbname() {
            server.dbname(database);
        }
        if let Some(options) = address.get_options() {
            server.options(options);
        }
        server
            .application_name(address.get_application_name().unwrap_or("countersign"))
            .ssl_mode(tls::mode(options, address))
            .ssl_negotiation(address.get_ssl_negotiation())
            .channel_binding(address.get_channel_binding())
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(patience)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE / 4)
            .keepalives_retries(3);
        servers.push(server);
    }
    Ok(servers)
}

/// Whether the server does not speak TLS, or has a certificate that is not accepted.
fn is_no_tls(error: &tokio_postgres::Error) -> bool {
    let Some(why) = std::error::Error::source(error) else { return false };
    let refused = why.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    refused == Some(std::io::ErrorKind::InvalidData) || why.to_string() == "server does not support TLS"
}

/// Whether the error says that this connection can be used no more, or leads to a server that takes no writes.
pub(super) fn is_lost(fault: &Fault) -> bool {
    match fault {
        Fault::Unknown => true,
        Fault::Postgres(error) => is_cut(error) || error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION),
        Fault::Store(_) | Fault::Sqlite(_) | Fault::Again(_) => false,
    }
}

/// Whether the connection went, or the server said that it would. Of what was sent as one transaction, nothing stands
/// that was not to be committed.
pub(super) fn is_cut(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => error.is_closed() || error.as_db_error().is_none(),
        Some(code) => {
            [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code)
        }
    }
}
