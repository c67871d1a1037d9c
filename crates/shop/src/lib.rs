//! The sample shop: a SQLite file with people's data in it, made from a fixed seed, on which the demo and the tests act.
//! Same size, same bytes. Depends on nothing of the house, and nothing of the house knows its tables.
//!
//! ```text
//!                        ┌─ referred_by ─┐
//!                        ▼               │
//!  ┌──owner_id────── customer ───────────┘◀──────────────┬──────────┬─────────┬────────┐
//!  │                   │ │  ▲ ▲                          │          │         │        │
//!  ▼   default_address │ │  │ │ sender, recipient     customer_id customer_id  …        …
//!  address ◀───────────┘ │  │ └──────── message          │          │         │        │
//!  ▲  ▲                  │  │                         invoice     review    ticket   visit
//!  │  │   favourite_order│  │ customer_id          (kept by law:     │         │
//!  │  │                  ▼  │                     copies of name     ▼         ▼
//!  │  └─ship_address── orders◀──────┐             and address)    product   employee ─┐
//!  │                     ▲          │                              │  ▲       ▲       │
//!  customer_address      │       payment                           ▼  │       └manager┘
//!  (customer, address)   │                                  category  │
//!  composite key         │                                   ▲     │  │
//!                   order_line (order, line_no) ──────────── │ ────┼──┘
//!                        ▲      composite key                └parent
//!                   return_line (order, line_no)
//!
//!  No foreign key:  newsletter.email ······▶ customer.email
//!                   event_log.who ·········▶ 'customer:42', or an e-mail; 'system' is nobody
//!                   old_import.mail ·······▶ customer.email; no key of any kind
//!                   app_log                   nobody's
//! ```
//!
//! - **Cycles**: customer ↔ address (`default_address_id`, `owner_id`) and customer ↔ orders (`favourite_order_id`,
//!   `customer_id`). The columns that point from customer are nullable, as is `address.owner_id`.
//! - **Shared**: every twentieth customer lives at the address of the one before, as BEN does at ANA's.
//! - **Orphans**: newsletter, event_log and old_import hold people who are no customers (`gone.0001@example.test`, a
//!   `customer:` number that nobody has).
//! - **Two accounts, one e-mail**: FAY, and every thousandth customer.
//! - **Keys**: `order_line` and `customer_address` have composite keys and no rowid; `old_import` has none.
//!
//! [`cast`] has the people whom stories call by name; [`row_counts`], [`values_of`] and [`occurrences`] look in from
//! outside; [`place_orders`] lets a customer go on buying.

mod calendar;
pub mod cast;
mod chance;
mod fill;
mod look;
mod more;
mod profile;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use look::{Occurrence, occurrences, row_counts, values_of};
pub use more::place_orders;

/// The last day in the shop's life (UTC): no row is younger.
pub const LAST_DAY: &str = "2026-10-31";

/// Decides everything that chance decides.
const SEED: u64 = 0x0c0d_e516_2026_1031;

/// How large the shop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    customers: u32,
}

impl Scale {
    /// 10,000 customers and about 250,000 rows.
    pub const FULL: Scale = Scale { customers: 10_000 };
    /// 200 customers and about 5,500 rows, for tests.
    pub const SMALL: Scale = Scale { customers: 200 };

    /// A shop of so many customers; held within 200 and 10,000, where every personal value is one person's.
    #[must_use]
    pub fn of(customers: u32) -> Scale {
        Scale { customers: customers.clamp(Scale::SMALL.customers, Scale::FULL.customers) }
    }

    /// How many customers there are.
    #[must_use]
    pub fn customers(self) -> u32 {
        self.customers
    }
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many customers there are.
    pub customers: u64,
    /// Rows in all tables together.
    pub rows: u64,
    /// Rows in each table.
    pub tables: BTreeMap<String, u64>,
}

/// Why no shop was built.
#[derive(Debug)]
pub enum Error {
    /// Something stands there already; it was not touched.
    Exists(PathBuf),
    /// The file could not be made or put in its place.
    File(PathBuf, std::io::Error),
    /// SQLite refused.
    Database(rusqlite::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Exists(path) => {
                write!(f, "{} is there already; move it away to build a new shop", path.display())
            }
            Error::File(path, _) => write!(f, "the shop could not be written to {}", path.display()),
            Error::Database(_) => f.write_str("the shop's tables could not be filled"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Exists(_) => None,
            Error::File(_, source) => Some(source),
            Error::Database(source) => Some(source),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Error {
        Error::Database(source)
    }
}

/// Builds a shop at `path`, which must not exist; it appears there only when complete. `progress` hears of units of work
/// done, and of all there are, some hundred times at most; the last time both are equal.
///
/// # Errors
/// See [`Error`].
pub fn build(path: &Path, scale: Scale, progress: &mut dyn FnMut(u64, u64)) -> Result<Summary, Error> {
    if path.exists() {
        return Err(Error::Exists(path.to_owned()));
    }
    let file_error = |source| Error::File(path.to_owned(), source);
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file_error(error)),
        _ => {}
    }
    let summary = write(&unfinished, scale, progress)?;
    std::fs::rename(&unfinished, path).map_err(file_error)?;
    Ok(summary)
}

fn write(path: &Path, scale: Scale, progress: &mut dyn FnMut(u64, u64)) -> Result<Summary, Error> {
    let conn = Connection::open(path)?;
    conn.set_prepared_statement_cache_capacity(32);
    // A half-built file is thrown away: it needs neither journal nor flush, and the order of rows is free.
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN",
    )?;
    conn.execute_batch(include_str!("schema.sql"))?;
    fill::fill(&conn, scale, progress)?;
    conn.execute_batch(include_str!("indexes.sql"))?;
    // Readers go on while a long erasure writes.
    conn.execute_batch("COMMIT; ANALYZE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    let tables = row_counts(&conn)?;
    conn.flush_prepared_statement_cache();
    conn.close().map_err(|(_, error)| error)?;
    Ok(Summary { customers: scale.customers.into(), rows: tables.values().sum(), tables })
}
