//! Inputs that nobody thought of, for everything that reads what others wrote: a mutation fuzzer of our own, on stable Rust,
//! from the corpus beside this file. Seconds each; ten minutes each by `COUNTERSIGN_LONG=1`, or as many seconds as
//! `COUNTERSIGN_FUZZ_SECONDS` says. The node's configuration and the bodies of the API are fuzzed in their own crates.
#![allow(clippy::unwrap_used)]

mod ledger;
mod mutator;
mod policy;
mod settings;
