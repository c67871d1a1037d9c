//! The door from outside: a real service over a real store, called through the router and over TCP.
#![allow(clippy::unwrap_used)]

mod answers;
mod bad_input;
mod console;
mod doors;
mod fuzz;
mod given;
mod idempotency;
mod ledger;
mod openapi;
mod portal;
mod requests;
mod roles;
mod serving;
mod sign;
