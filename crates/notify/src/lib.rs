//! Their inboxes: words a message and carries it, by SMTP or into a folder. One file a carrier.
//! Knows no request, store or job: it is told what to say to whom, and answers whether it was said.

pub mod email;
pub mod inbox;
mod letter;
pub mod render;

pub use email::{Email, EmailConfig};
pub use inbox::Inbox;
pub use letter::BadSender;
