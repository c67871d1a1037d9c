//! The program as its users start it: the real binary, its answers and its exit codes.
#![allow(clippy::unwrap_used)]

mod codes;
mod demo;
mod fleet;
mod ledger;
mod moving;
mod nodes;
mod outage;
mod place;
mod policies;
mod restore;
mod rolling;
mod serving;
mod sources;
mod wire;
