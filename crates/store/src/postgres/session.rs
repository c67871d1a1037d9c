//! One connection that can be trusted, with what was prepared on it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::error::Severity;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Connection, Socket, Statement};

/// Statements that are kept prepared; there are some hundred. Beyond that all are forgotten and prepared again.
const PREPARED: usize = 512;

/// What is called with each hint that arrives.
pub(super) type OnHint = Arc<dyn Fn(&str) + Send + Sync>;

/// A connection.
pub(super) struct Session {
    client: tokio_postgres::Client,
    prepared: Mutex<HashMap<String, Statement>>,
    warned: Arc<AtomicBool>,
}

impl Session {
    /// Drives `connection` until it ends.
    pub(super) fn start<S>(
        client: tokio_postgres::Client,
        mut connection: Connection<Socket, S>,
        on_hint: Option<OnHint>,
    ) -> Self
    where
        S: TlsStream + Unpin + Send + 'static,
    {
        let warned = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&warned);
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    AsyncMessage::Notice(notice) if notice.parsed_severity() == Some(Severity::Warning) => {
                        told.store(true, Ordering::Release);
                    }
                    AsyncMessage::Notification(hint) => {
                        if let Some(on_hint) = &on_hint {
                            on_hint(hint.payload());
                        }
                    }
                    _ => {}
                }
            }
        });
        Self { client, prepared: Mutex::default(), warned }
    }

    /// The statement, prepared here once.
    pub(super) async fn prepare_cached(&self, text: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.kept().get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await?;
        let mut kept = self.kept();
        if kept.len() >= PREPARED {
            kept.clear();
        }
        kept.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server warned of anything.
    ///
    /// INVARIANT: a server that is told to stop waiting for its standby answers a commit as if it had been acknowledged,
    /// with a warning before. A commit after which there is one was not acknowledged.
    pub(super) fn was_warned(&self) -> bool {
        self.warned.load(Ordering::Acquire)
    }

    /// Forgets what the server warned of while it was entered: of collations, say.
    pub(super) fn forget_warnings(&self) {
        self.warned.store(false, Ordering::Release);
    }

    /// Whether it can be used further.
    pub(super) fn is_sound(&self) -> bool {
        !self.client.is_closed() && !self.was_warned()
    }
}

impl Deref for Session {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &tokio_postgres::Client {
        &self.client
    }
}
