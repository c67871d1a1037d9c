//! Whole transactions that are tried again when another was in the way.

use std::time::Duration;

use countersign_service::ports::store::StoreError;
use tokio_postgres::error::SqlState;

use super::connect::is_cut;
use crate::fault::Fault;

const TRIES: u32 = 12;

/// How often a transaction was tried. Used in a loop, since an async closure's future is not known to be `Send`.
#[derive(Default)]
pub(super) struct Tries {
    tried: u32,
}

impl Tries {
    /// Tries before this one.
    pub(super) fn before(&self) -> u32 {
        self.tried
    }

    /// The outcome of a try: the answer, or `None` when it is to be tried again, after a pause that was made here.
    ///
    /// # Errors
    /// When another try would not mend it, or there were enough.
    pub(super) async fn settle<T>(&mut self, outcome: Result<T, Fault>) -> Result<Option<T>, StoreError> {
        match outcome {
            Ok(answer) => Ok(Some(answer)),
            Err(fault) if again(&fault) && self.tried + 1 < TRIES => {
                tokio::time::sleep(Duration::from_millis(2 << self.tried.min(7))).await;
                self.tried += 1;
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        }
    }
}

/// Whether another try may go through.
pub(super) fn again(fault: &Fault) -> bool {
    match fault {
        Fault::Again(_) => true,
        Fault::Postgres(error) => {
            error.is_closed()
                || (error.code().is_some() && is_cut(error))
                || matches!(
                    error.code(),
                    Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
                )
        }
        Fault::Store(_) | Fault::Sqlite(_) | Fault::Unknown => false,
    }
}
