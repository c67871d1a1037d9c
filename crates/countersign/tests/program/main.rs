//! The program as its users start it: the real binary, its answers and its exit codes.
#![allow(clippy::unwrap_used)]

mod codes;
mod demo;
mod ledger;
mod place;
mod policies;
mod serving;
mod sources;
