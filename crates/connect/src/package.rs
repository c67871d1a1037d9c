//! One file out of what sources send: JSON and CSV by table, a page to read, a manifest with checksums.
//! It is written as rows arrive; no table is ever held in memory. It must not know where rows come from.

mod archive;
mod cell;
mod name;
mod page;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use countersign_service::ports::package::{About, Format, Packager};
use countersign_service::ports::source::{Exported, Value};
use tokio::sync::mpsc;

use archive::Archive;
use name::Names;
use page::Page;

/// Writes packages as ZIP files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zip;

#[async_trait]
impl Packager for Zip {
    async fn write(&self, path: &Path, about: About, pieces: mpsc::Receiver<Exported>) -> Result<(), String> {
        let path = path.to_owned();
        let writing = tokio::task::spawn_blocking(move || {
            let written = write(&path, &about, pieces);
            if written.is_err() {
                // What is half written is nobody's package.
                drop(std::fs::remove_file(&path));
            }
            written
        });
        writing
            .await
            .map_err(|_| "the package was not finished: its writer broke off".to_owned())?
            .map_err(|why| why.0)
    }
}

/// Why a package was not finished, without a value out of it.
#[derive(Debug)]
struct Unfinished(String);

impl From<std::io::Error> for Unfinished {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the package could not be written: {error}"))
    }
}

impl From<zip::result::ZipError> for Unfinished {
    fn from(error: zip::result::ZipError) -> Self {
        Self(format!("the package could not be written: {error}"))
    }
}

/// A table whose rows are arriving.
struct Open {
    columns: Vec<String>,
    csv: Option<csv::Writer<std::fs::File>>,
    csv_name: String,
    rows: u64,
}

fn write(path: &Path, about: &About, mut pieces: mpsc::Receiver<Exported>) -> Result<(), Unfinished> {
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    let mut archive = Archive::create(path, about.made_at)?;
    let mut page = Page::begin(tempfile::tempfile_in(&folder)?, about)?;
    let mut names = Names::default();
    let mut open: Option<Open> = None;
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Exported::Table { source, table, columns, left_out } => {
                close(&mut archive, &mut page, open.take())?;
                page.table(&source, &table, &columns, &left_out)?;
                archive.describe(&source, &table, &columns, &left_out);
                let stem = names.of(&source, &table);
                let csv_name = format!("{stem}.csv");
                let csv = match about.format {
                    Format::Access => None,
                    Format::Export => {
                        archive.start(&format!("{stem}.json"))?;
                        archive.put(b"[")?;
                        let mut csv = csv::Writer::from_writer(tempfile::tempfile_in(&folder)?);
                        let heads = columns.iter().map(|column| cell::guarded(column));
                        csv.write_record(heads).map_err(std::io::Error::from)?;
                        Some(csv)
                    }
                };
                open = Some(Open { columns, csv, csv_name, rows: 0 });
            }
            Exported::Row(values) => {
                let table =
                    open.as_mut().ok_or_else(|| Unfinished("a row came before its table".to_owned()))?;
                row(&mut archive, &mut page, table, &values)?;
            }
        }
    }
    close(&mut archive, &mut page, open)?;
    archive.add("index.html", page.finish()?)?;
    archive.finish(about)
}

fn row(archive: &mut Archive, page: &mut Page, table: &mut Open, values: &[Value]) -> Result<(), Unfinished> {
    if values.len() != table.columns.len() {
        let (columns, values) = (table.columns.len(), values.len());
        return Err(Unfinished(format!("a row has {values} values for {columns} columns")));
    }
    if let Some(csv) = &mut table.csv {
        archive.put(if table.rows == 0 { b"\n" } else { b",\n" })?;
        archive.put(cell::json_row(&table.columns, values).as_bytes())?;
        csv.write_record(values.iter().map(cell::csv)).map_err(std::io::Error::from)?;
    }
    page.row(values)?;
    table.rows += 1;
    Ok(())
}

fn close(archive: &mut Archive, page: &mut Page, open: Option<Open>) -> Result<(), Unfinished> {
    let Some(table) = open else { return Ok(()) };
    page.end_table(table.rows)?;
    archive.count(table.rows);
    if let Some(csv) = table.csv {
        archive.put(b"\n]\n")?;
        let spool = csv.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
        archive.add(&table.csv_name, spool)?;
    }
    Ok(())
}
