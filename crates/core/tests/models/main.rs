//! Three models of how Countersign behaves when several nodes act at once, each looked at in every state up to a bound.
//!
//! Whatever a request does in them is done by the real core: `State::decide` and `State::next`, the tally, ceilings,
//! conflicts, permits and receipts. What stands around it is modelled: transactions with their locks and version
//! guards, jobs with leases and fences, the ledger's queue and its sequencer, the sources with their receipts. A step of
//! a model is one transaction of the real system, or one look that it takes outside of one.
//!
//! Each file says what its model has and what it has not. Each model is broken on purpose, one guard at a time, and
//! must then find a broken promise. See the figures with
//! `cargo test -p countersign-core --test models -- --nocapture`, and look further with `COUNTERSIGN_LONG=1` and
//! `--release`.
#![allow(clippy::unwrap_used)]

mod book;
mod check;
mod given;
mod places;
mod receipts;
mod votes;
