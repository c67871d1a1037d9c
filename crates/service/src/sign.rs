//! How people of ours come in: invited, then with what they enrolled; and what they hold afterwards, a session. It knows
//! no cookie and no page; a session's caller is the same as a token's.

pub(crate) mod invitation;
pub(crate) mod joined;
pub mod session;

pub use invitation::Invited;
pub use session::{Entered, Means, Session, SignedIn};
