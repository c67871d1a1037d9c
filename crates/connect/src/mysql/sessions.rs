//! Who gets which session: new ones, and the one that waits for the next erasure.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use countersign_service::ports::source::SourceError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::MysqlSource;
use super::connection::Session;
use crate::job::unavailable;

/// How long to wait for a connection, and for a free one.
const PATIENCE: Duration = Duration::from_secs(10);

impl MysqlSource {
    pub(super) async fn session(&self) -> Result<Session, SourceError> {
        let place = self.free_place().await?;
        self.session_at(place).await
    }

    /// A session on the connection of the erasure before, if there is one.
    pub(super) async fn session_to_erase(&self) -> Result<Session, SourceError> {
        let place = self.free_place().await?;
        let rested = self.rested.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(rested) = rested else { return self.session_at(place).await };
        match timeout(PATIENCE, Session::wake(rested, place)).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(place)) => self.session_at(place).await,
            // What has been silent for long may be forgotten on the way.
            Err(_) => self.session().await,
        }
    }

    /// Keeps the connection of a session for the next erasure.
    pub(super) async fn rest(&self, session: Session) {
        if let Ok(Some(rested)) = timeout(PATIENCE, session.rest(self.limits)).await {
            *self.rested.lock().unwrap_or_else(PoisonError::into_inner) = Some(rested);
        }
    }

    async fn free_place(&self) -> Result<OwnedSemaphorePermit, SourceError> {
        timeout(PATIENCE, Arc::clone(&self.places).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| unavailable(&self.name, "no connection became free in time"))
    }

    async fn session_at(&self, place: OwnedSemaphorePermit) -> Result<Session, SourceError> {
        match timeout(PATIENCE, Session::open(&self.opts, self.limits, self.forced, place)).await {
            Ok(session) => session.map_err(|it| self.failed(&it)),
            Err(_) => Err(unavailable(&self.name, "the server does not answer")),
        }
    }

    /// A session in a transaction that reads everything at one moment.
    pub(super) async fn reading(&self) -> Result<Session, SourceError> {
        let mut session = self.session().await?;
        let begin = [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ];
        for statement in begin {
            session.run(statement).await.map_err(|it| self.failed(&it))?;
        }
        Ok(session)
    }
}
