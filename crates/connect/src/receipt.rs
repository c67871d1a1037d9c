//! Receipts as sources keep them, read back.

use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};

/// A receipt out of its row. What was touched is told as nothing if somebody made it unreadable: that the step
/// was done stands all the same.
pub(crate) fn read(key: &ReceiptKey, outcome: &str, touched: &str) -> Receipt {
    let outcome = match outcome {
        "void" => Outcome::Void,
        _ => Outcome::Done { touched: serde_json::from_str(touched).unwrap_or_default() },
    };
    Receipt { key: key.clone(), outcome }
}
