//! The forms of a table, each written by a thread of its own: formatting and deflating cost more than reading, and the
//! forms do not need each other. A form that fails says so, and nobody waits for it in vain.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::thread::Scope;

use countersign_service::ports::source::Value;

use super::page::Pages;
use super::schema::Kinds;
use super::spool::{Spool, Spooled};
use super::{Table, Unfinished, cell};

/// Batches that wait before a form: with their size, what a package holds of the rows in memory.
const WAITING: usize = 2;

/// What the forms are told, in order.
#[derive(Clone)]
pub(super) enum Turn {
    Begin(Arc<Table>),
    Rows(Arc<Vec<Vec<Value>>>),
    /// The table has no more than so many rows.
    End(u64),
    /// Go on with a new page: for the page alone.
    Page,
}

/// What comes of it.
pub(super) enum Made {
    Json(Spooled, Vec<Kinds>),
    Csv(Spooled),
    Page(Spooled),
    Failed(Unfinished),
}

/// Starts a form; it ends when nobody tells it anything any more.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    made: Sender<Made>,
    form: impl FnOnce(&Receiver<Turn>, &Sender<Made>) -> Result<(), Unfinished> + Send + 'scope,
) -> SyncSender<Turn> {
    let (turns, told) = sync_channel(WAITING);
    scope.spawn(move || {
        let written = catch_unwind(AssertUnwindSafe(|| form(&told, &made)));
        let written = written.unwrap_or_else(|_| Err(Unfinished("a form broke off".to_owned())));
        if let Err(why) = written {
            drop(made.send(Made::Failed(why)));
        }
    });
    turns
}

struct Json {
    spool: Spool,
    keys: Vec<String>,
    kinds: Vec<Kinds>,
}

/// Rows as a list of objects, a file a table.
pub(super) fn json(folder: PathBuf) -> impl FnOnce(&Receiver<Turn>, &Sender<Made>) -> Result<(), Unfinished> {
    move |turns, made| {
        let mut open: Option<Json> = None;
        let (mut text, mut any) = (Vec::new(), false);
        for turn in turns {
            text.clear();
            match turn {
                Turn::Begin(table) => {
                    let mut spool = Spool::new(&folder)?;
                    spool.write_all(b"[")?;
                    any = false;
                    let keys = cell::json_keys(&table.columns);
                    let kinds = vec![Kinds::default(); keys.len()];
                    open = Some(Json { spool, keys, kinds });
                }
                Turn::Rows(rows) => {
                    let Some(open) = &mut open else { continue };
                    for row in rows.iter() {
                        text.extend_from_slice(if any { b",\n" } else { b"\n" });
                        any = true;
                        cell::json_row(&open.keys, row, &mut text);
                        open.kinds.iter_mut().zip(row).for_each(|(kinds, value)| kinds.see(value));
                    }
                    open.spool.write_all(&text)?;
                }
                Turn::End(_) => {
                    let Some(mut open) = open.take() else { continue };
                    open.spool.write_all(b"\n]\n")?;
                    drop(made.send(Made::Json(open.spool.finish()?, open.kinds)));
                }
                Turn::Page => {}
            }
        }
        Ok(())
    }
}

/// Rows as a spreadsheet reads them, a file a table.
pub(super) fn csv(folder: PathBuf) -> impl FnOnce(&Receiver<Turn>, &Sender<Made>) -> Result<(), Unfinished> {
    move |turns, made| {
        let mut open: Option<csv::Writer<Spool>> = None;
        let broken = |error: csv::Error| Unfinished::from(std::io::Error::from(error));
        for turn in turns {
            match turn {
                Turn::Begin(table) => {
                    let spool = Spool::new(&folder)?;
                    let mut writer = csv::WriterBuilder::new().buffer_capacity(64 * 1024).from_writer(spool);
                    let heads = table.columns.iter().map(|column| cell::guarded(column).into_owned());
                    writer.write_record(heads).map_err(broken)?;
                    open = Some(writer);
                }
                Turn::Rows(rows) => {
                    let Some(writer) = &mut open else { continue };
                    for row in rows.iter() {
                        for value in row {
                            writer.write_field(cell::csv(value).as_bytes()).map_err(broken)?;
                        }
                        writer.write_record(None::<&[u8]>).map_err(broken)?;
                    }
                }
                Turn::End(_) => {
                    let Some(writer) = open.take() else { continue };
                    let spool =
                        writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
                    drop(made.send(Made::Csv(spool.finish()?)));
                }
                Turn::Page => {}
            }
        }
        Ok(())
    }
}

/// Rows as a person reads them, all tables after each other.
pub(super) fn page(
    mut pages: Pages,
) -> impl FnOnce(&Receiver<Turn>, &Sender<Made>) -> Result<(), Unfinished> {
    move |turns, made| {
        let mut open: Option<Arc<Table>> = None;
        for turn in turns {
            match turn {
                Turn::Begin(table) => {
                    pages.table(&table)?;
                    open = Some(table);
                }
                Turn::Rows(rows) => pages.rows(&rows)?,
                Turn::End(rows) => pages.end_table(rows)?,
                Turn::Page => {
                    if let Some(table) = &open {
                        drop(made.send(Made::Page(pages.turn(table)?)));
                    }
                }
            }
        }
        drop(made.send(Made::Page(pages.finish()?)));
        Ok(())
    }
}
