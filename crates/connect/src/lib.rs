//! Their data: connectors to real data stores, and the package that an export becomes; and the provider of their identities.
//! A connector knows its source and the data map, never our store.

mod access;
mod catalog;
mod dialect;
mod discover;
mod erasing;
mod footprint;
pub mod http;
mod job;
pub mod logs;
mod memory;
pub mod mysql;
pub mod objects;
pub mod package;
mod pattern;
pub mod postgres;
pub mod provider;
mod receipt;
mod recipe;
mod sql;
pub mod sqlite;

pub use recipe::PseudonymKey;
