//! A request: its events, the commands that ask for more of them, and the state between.

mod command;
mod decide;
mod event;
mod glass;
mod next;
mod state;

pub use command::{Actor, Command, Refusal};
pub use event::{By, Event, Kept, Outcome, Submitted};
pub use glass::{Glass, Review};
pub use next::BrokenHistory;
pub use state::{Dossier, Ending, Name, Released, Running, State, Stuck};

#[cfg(test)]
mod tests;
