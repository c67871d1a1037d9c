//! Use cases, ports and jobs: load, decide, append. Opens transactions; knows no database, door or inbox.

mod answer;
mod app;
mod bootstrap;
pub mod caller;
mod fetch;
mod fit;
mod govern;
pub mod hold;
mod jobs;
pub mod keys;
mod ledger;
mod people;
pub mod person;
pub mod ports;
pub mod record;
pub mod refusal;
pub mod requests;
mod restore;
pub mod seal;
pub mod settings;
pub mod token;
mod totp;

pub use answer::{Begun as AnswerBegun, Ticket};
pub use app::{Parts, Service};
pub use bootstrap::{Begun, First};
pub use fetch::Package;
pub use govern::{Applied, GaugeView, Ready};
pub use ledger::{Evidence, Proof};
pub use people::{Minted, NewPerson, NewToken};
pub use refusal::Refusal;
pub use restore::{Back, Restored};
pub use totp::Enrolled;
