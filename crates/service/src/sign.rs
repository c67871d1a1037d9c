//! How people of ours come in: invited, then with what they enrolled; and what they hold afterwards, a session. It knows
//! no cookie and no page; a session's caller is the same as a token's.

mod by_mail;
mod by_passkey;
mod ceremony;
mod device;
pub(crate) mod invitation;
pub(crate) mod joined;
pub(crate) mod leave;
mod passkey;
mod prove;
pub(crate) mod provider;
pub mod session;
mod site;
pub(crate) mod step_up;
mod tries;

use crate::portal::flood;

pub use invitation::Invited;
pub use passkey::Held;
pub use prove::AskedOf;
pub use provider::{Begin, Came, Provider, Returned, Unlet};
pub use session::{Entered, Means, Session, SignedIn};
pub use site::Site;
