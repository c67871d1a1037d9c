//! Fills the empty tables, one group after the other, from one seed.
//! Knows the shop's rules of thumb (how many orders, who lives with whom) and nothing of files.

mod catalogue;
mod people;
mod traces;
mod trade;

use rusqlite::{Connection, Result, ToSql};

use crate::Scale;
use crate::chance::Chance;

/// The hand that writes: a connection inside a transaction, the stream of chance, and how far it is.
pub(crate) struct Pen<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) chance: Chance,
    /// How many customers the shop has, numbered from 1.
    pub(crate) customers: i64,
    progress: &'a mut dyn FnMut(u64, u64),
    done: u64,
    total: u64,
}

impl Pen<'_> {
    /// Inserts one row; a statement's text is prepared once.
    pub(crate) fn row(&self, sql: &str, values: &[&dyn ToSql]) -> Result<()> {
        self.conn.prepare_cached(sql)?.execute(values).map(drop)
    }

    /// One more unit of work is done. Tells only now and then: a listener may draw on a terminal.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(512) || self.done == self.total {
            (self.progress)(self.done, self.total);
        }
    }
}

/// Fills every table. `progress` hears of units of work done, and of all there are.
pub(crate) fn fill(conn: &Connection, scale: Scale, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let customers = i64::from(scale.customers());
    let total = (customers + traces::units(customers)) as u64;
    let mut pen = Pen { conn, chance: Chance::of(crate::SEED), customers, progress, done: 0, total };
    catalogue::fill(&pen)?;
    people::fill(&mut pen)?;
    traces::fill(&mut pen)
}
