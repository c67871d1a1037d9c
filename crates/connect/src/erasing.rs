//! A step of an erasure on a database, in one transaction of its engine or in parts: receipt first, then locking,
//! counting what the acting does not tell, acting, comparing with what was signed, looking again, commit. The order
//! stands here once; how an engine says each of it stands behind [`Transacting`]. It must not know any driver.

mod ask;
mod part;
mod whole;

use ask::answers;
pub(crate) use ask::{Answer, Ask};
pub(crate) use part::part;
pub(crate) use whole::whole;

use std::time::Duration;

use async_trait::async_trait;
use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{RootKey, SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;

use crate::dialect::Dialect;
use crate::footprint::clear::Making;
use crate::footprint::purge::Purge;
use crate::footprint::reach::Start;
use crate::footprint::{Footprint, lookup};
use crate::job::refused;
use crate::memory::Memory;
use crate::sql::Sql;

/// What is to be done.
pub(crate) struct Step<'a> {
    /// Of the whole step, or of a part of it.
    pub(crate) key: &'a ReceiptKey,
    pub(crate) map: &'a DataMap,
    pub(crate) target: &'a Target,
    /// How many rows were signed; `None` if any number was.
    pub(crate) ceiling: Option<&'a Counts>,
}

/// A transaction that holds its key.
pub(crate) struct Opened<R> {
    /// What each part of the key's step touched, in any run of the request.
    pub(crate) parts: Vec<String>,
    /// The catalogue.
    pub(crate) read: R,
}

/// A transaction of an engine that has begun. Dropped without [`commit`](Self::commit), it has done nothing.
#[async_trait]
pub(crate) trait Transacting: Send + Sized {
    /// What a statement fails with.
    type Error: From<SourceError> + Send;
    /// The catalogue, and what else the engine read with it.
    type Read: Send + Sync;

    /// The source's name.
    fn source(&self) -> &str;
    fn dialect(&self) -> &'static dyn Dialect;
    fn memory(&self) -> &Memory;
    /// A pause before each statement that changes rows.
    fn pace(&self) -> Duration;

    /// Reads the catalogue.
    async fn read(&mut self) -> Result<Self::Read, Self::Error>;
    fn footprint<'a>(&self, map: &'a DataMap, read: &'a Self::Read) -> Result<Footprint<'a>, SourceError>;
    fn purge<'a>(&self, map: &'a DataMap, read: &'a Self::Read, name: &str)
    -> Result<Purge<'a>, SourceError>;

    /// Takes a receipt's key; false if it is taken. Waits for a transaction that is taking it.
    async fn take(&mut self, key: &ReceiptKey) -> Result<bool, Self::Error>;
    /// Takes the key of a whole step, and reads what comes before any statement about rows; `None` if the key is taken.
    async fn open(&mut self, key: &ReceiptKey) -> Result<Option<Opened<Self::Read>>, Self::Error> {
        if !self.take(key).await? {
            return Ok(None);
        }
        let parts = self.parts(key).await?;
        Ok(Some(Opened { parts, read: self.read().await? }))
    }
    /// The receipt under a key.
    async fn find(&mut self, key: &ReceiptKey) -> Result<Option<Receipt>, Self::Error>;
    /// What each part of the key's step touched, in any run of the request.
    async fn parts(&mut self, key: &ReceiptKey) -> Result<Vec<String>, Self::Error>;
    /// Writes what was touched under a key that this transaction took.
    async fn touched(&mut self, key: &ReceiptKey, touched: &str) -> Result<(), Self::Error>;
    /// Takes a key away that this transaction took.
    async fn give_back(&mut self, key: &ReceiptKey) -> Result<(), Self::Error>;

    /// `line, rows` of every line that has rows.
    async fn lines(&mut self, sql: &Sql) -> Result<Vec<(usize, u64)>, Self::Error>;
    /// Rows of texts.
    async fn texts(&mut self, sql: &Sql) -> Result<Vec<Vec<Option<String>>>, Self::Error>;
    /// How many rows a statement touched, whatever it returns.
    async fn execute(&mut self, sql: &Sql) -> Result<u64, Self::Error>;
    /// All of them in this order, and what came of each; the first error, if there is one. An engine that waits for one
    /// answer before it takes the next statement has nothing to do here.
    async fn together(&mut self, asked: &[Ask]) -> Result<Vec<Answer>, Self::Error> {
        ask::in_turn(self, asked).await
    }
    /// Puts what `sql` selects into the temporary table of a node.
    async fn collect(&mut self, node: usize, sql: &Sql) -> Result<(), Self::Error>;
    /// What Rust makes of old values, put where the statements that clear find it, in place of what was made before. An
    /// engine that calls Rust has nothing to do here.
    async fn make(&mut self, _makings: &[Making]) -> Result<(), Self::Error> {
        Ok(())
    }

    /// # Errors
    /// `Unknown` within, when nobody can say whether it was committed.
    async fn commit(self) -> Result<(), Self::Error>;
}

/// What a key that is taken says.
async fn standing<T: Transacting>(on: &mut T, key: &ReceiptKey) -> Result<Stepped, T::Error> {
    match on.find(key).await? {
        Some(standing) if standing.outcome == Outcome::Void => Ok(Stepped::Void(standing)),
        Some(standing) if key.chunk > 0 => Ok(Stepped::Part(standing)),
        Some(standing) => Ok(Stepped::Done(standing)),
        None => Err(refused(on.source(), "a receipt is taken and cannot be read").into()),
    }
}

/// Writes what was touched under a key that this transaction took.
async fn record<T: Transacting>(on: &mut T, key: &ReceiptKey, touched: Counts) -> Result<Receipt, T::Error> {
    let text = serde_json::to_string(&touched).unwrap_or_else(|_| "{}".to_owned());
    on.touched(key, &text).await?;
    Ok(Receipt { key: key.clone(), outcome: Outcome::Done { touched } })
}

/// What the parts of a key's step have touched so far; `None`: there are none.
async fn so_far<T: Transacting>(on: &mut T, key: &ReceiptKey) -> Result<Option<Counts>, T::Error> {
    let parts = on.parts(key).await?;
    Ok(sum_of(on.source(), parts)?)
}

fn sum_of(source: &str, parts: Vec<String>) -> Result<Option<Counts>, SourceError> {
    let mut sum = None;
    for receipt in parts {
        let Ok(touched) = serde_json::from_str(&receipt) else {
            let reason = "a receipt of a part cannot be read: how much was done is not known";
            return Err(refused(source, reason));
        };
        sum.get_or_insert_with(Counts::default).add_all(&touched);
    }
    Ok(sum)
}

fn starts<T: Transacting>(on: &T, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Start>, SourceError> {
    lookup::starts(map, roots).map_err(|it| refused(on.source(), it))
}

/// In what root rows differ from what should be there; those that are there are locked, where the engine has such locks.
async fn roots_missing<T: Transacting>(
    on: &mut T,
    footprint: &Footprint<'_>,
    starts: &[Start],
) -> Result<Option<String>, T::Error> {
    for (wanted, sql) in footprint.count_roots(starts, on.dialect().locks_rows()) {
        let there = on.texts(&sql).await?.len();
        if there != wanted {
            return Ok(Some(roots_there(there, wanted)));
        }
    }
    Ok(None)
}

fn roots_there(there: usize, wanted: usize) -> String {
    format!("{there} of {wanted} root rows are there")
}

/// How many rows of a dataset are old.
async fn old_rows<T: Transacting>(
    on: &mut T,
    purge: &Purge<'_>,
    before: Timestamp,
) -> Result<Counts, T::Error> {
    let mut counted = Counts::default();
    for (_, rows) in on.lines(&purge.count(before)).await? {
        counted.add(on.source(), &purge.table.name, rows);
    }
    Ok(counted)
}

/// Does a statement that may touch no more rows of a table than were counted. Fewer may be right, where a row had its
/// value already or the database itself removed some with others; that nothing is left is looked at afterwards.
async fn act<T: Transacting>(on: &mut T, sql: &Sql, table: &str, counted: u64) -> Result<u64, T::Error> {
    pause(on).await;
    let touched = on.execute(sql).await?;
    no_more(on.source(), table, touched, counted)?;
    Ok(touched)
}

/// # Errors
/// `Refused` where more rows were touched than were counted.
fn no_more(source: &str, table: &str, touched: u64, counted: u64) -> Result<(), SourceError> {
    if touched <= counted {
        return Ok(());
    }
    let reason = format!("{touched} rows of `{table}` would be touched where {counted} were counted");
    Err(refused(source, reason))
}

/// # Errors
/// `Refused` where rows are not as their treatment leaves them.
fn as_they_should_be(source: &str, table: &str, undone: u64) -> Result<(), SourceError> {
    match undone {
        0 => Ok(()),
        rows => {
            let reason =
                format!("{rows} rows of `{table}` are there again after they were treated; is it a trigger?");
            Err(refused(source, reason))
        }
    }
}

async fn pause<T: Transacting>(on: &T) {
    if !on.pace().is_zero() {
        tokio::time::sleep(on.pace()).await;
    }
}
