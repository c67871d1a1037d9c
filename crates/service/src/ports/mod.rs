//! What the service needs from below, as traits. The cellars implement them; the attic plugs them in.

pub mod chance;
pub mod following;
pub mod notifier;
pub mod package;
pub mod provider;
pub mod source;
pub mod store;
