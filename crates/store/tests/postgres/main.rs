//! The store of many nodes, over real PostgreSQL servers.
#![allow(clippy::unwrap_used)]

mod conformance;
mod connect;
mod failover;
mod nodes;
mod portable;
mod retry;
mod work;
