//! Why a call brought no answer, or not the one hoped for.

use crate::Problem;

/// Why a call failed. The texts carry neither token nor body.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's address cannot be used.
    #[error("`{url}` is no address of a server: {reason}")]
    Address {
        /// The address as it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or it broke.
    #[error("the server at {url} is not reachable: {reason}")]
    Unreachable {
        /// The server's address.
        url: String,
        /// What hindered.
        reason: String,
    },
    /// The answer took too long. What was asked for may have happened.
    #[error("the server at {url} did not answer within {seconds} s")]
    TimedOut {
        /// The server's address.
        url: String,
        /// How long it was given.
        seconds: u64,
    },
    /// The server refused, and said why.
    #[error(transparent)]
    Refused(Box<Problem>),
    /// The answer is not what the API promises.
    #[error("the server at {url} gave an answer that this client does not understand: {reason}")]
    Unexpected {
        /// The server's address.
        url: String,
        /// What is odd about it.
        reason: String,
    },
    /// The answer could not be written where it was to go.
    #[error("the answer could not be written: {0}")]
    Write(#[from] std::io::Error),
}

impl Error {
    /// The server's refusal, if this is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}
