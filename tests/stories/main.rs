//! Stories on the real binary: real processes, real databases, the real API. One binary for all of them.
#![allow(clippy::unwrap_used)]

mod accounts;
mod asked;
mod backup;
mod clock;
mod collector;
mod doctor;
mod elsewhere;
mod floods;
mod glass;
mod guard;
mod kept_store;
mod keys;
mod kill;
mod live;
mod node;
mod oidc;
mod order;
mod pause;
#[path = "../browser/pictures.rs"]
mod pictures;
mod planted;
mod provider;
mod schema;
mod staff;
mod succession;
mod timing;
mod tokens;
mod traces;
mod traps;
mod wanderer;
