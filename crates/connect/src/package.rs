//! One file out of what sources send: JSON and CSV by table, a page to read, a schema, a manifest with checksums.
//! It is written as rows arrive, through working files that hold ciphertext; no table is ever held in memory, and
//! nothing of it stands on a disk in the clear. It must not know where rows come from, nor who keeps what it makes.

mod archive;
mod cell;
mod form;
mod language;
mod manifest;
mod name;
mod page;
mod schema;
mod spool;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel};

use async_trait::async_trait;
use countersign_service::ports::package::{About, Format, Packager};
use countersign_service::ports::source::{Exported, Value};
use tokio::sync::mpsc;

use archive::Archive;
use form::{Made, Turn};
use language::{Language, Languages};
use manifest::Contents;
use name::Names;
use page::Pages;
use schema::Kinds;
use spool::{Spool, Spooled};

/// Rows of a batch, and about how many bytes: what comes first.
const BATCH_ROWS: usize = 256;
const BATCH_BYTES: usize = 512 * 1024;
/// A browser can show so many rows on a page.
const PAGE_ROWS: u64 = 5_000;
/// Bytes handed on at once.
const PIECE: usize = 256 * 1024;

/// Writes packages as ZIP files.
#[derive(Clone, Debug, Default)]
pub struct Zip {
    languages: Languages,
}

impl Zip {
    /// Also in the languages of a folder, a file `<code>.txt` each.
    ///
    /// # Errors
    /// A file cannot be read, or has a text that no package says.
    pub fn speaking(folder: &Path) -> Result<Self, String> {
        Ok(Self { languages: Languages::read(folder)? })
    }
}

#[async_trait]
impl Packager for Zip {
    async fn write(
        &self,
        scratch: &Path,
        about: About,
        pieces: mpsc::Receiver<Exported>,
        out: mpsc::Sender<Vec<u8>>,
    ) -> Result<(), String> {
        let (scratch, language) = (scratch.to_owned(), self.languages.of(&about.language));
        let writing =
            tokio::task::spawn_blocking(move || write(&scratch, &about, &language, pieces, Outlet::new(out)));
        writing
            .await
            .map_err(|_| "the package was not finished: its writer broke off".to_owned())?
            .map_err(|why| why.0)
    }
}

/// Why a package was not finished, without a value out of it.
#[derive(Debug)]
struct Unfinished(String);

impl From<io::Error> for Unfinished {
    fn from(error: io::Error) -> Self {
        Self(format!("the package could not be written: {error}"))
    }
}

/// A table, as its source tells it.
struct Table {
    source: String,
    name: String,
    columns: Vec<String>,
    left_out: Vec<(String, String)>,
}

/// Where the bytes go, in pieces.
struct Outlet {
    out: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
}

impl Outlet {
    fn new(out: mpsc::Sender<Vec<u8>>) -> Self {
        Self { out, piece: Vec::with_capacity(PIECE) }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.out.blocking_send(piece).map_err(|_| io::Error::other("nobody takes it"))
    }
}

fn write(
    scratch: &Path,
    about: &About,
    language: &Language,
    pieces: mpsc::Receiver<Exported>,
    out: Outlet,
) -> Result<(), Unfinished> {
    std::thread::scope(|scope| {
        let (send, made) = channel();
        let pages = Pages::begin(scratch.to_owned(), language.clone(), about.clone())?;
        let page = form::start(scope, send.clone(), form::page(pages));
        let mut forms = vec![];
        if about.format == Format::Export {
            forms.push(form::start(scope, send.clone(), form::json(scratch.to_owned())));
            forms.push(form::start(scope, send.clone(), form::csv(scratch.to_owned())));
        }
        drop(send);
        let packing = Packing {
            archive: Archive::new(out, about.made_at),
            contents: Contents::default(),
            names: Names::default(),
            schemas: Vec::new(),
            page,
            forms,
            made,
            open: None,
            batch: Vec::new(),
            batch_bytes: 0,
            on_page: 0,
            turned: 0,
            pages: 0,
        };
        packing.all(scratch, about, language, pieces)
    })
}

struct Packing {
    archive: Archive<Outlet>,
    contents: Contents,
    names: Names,
    schemas: Vec<(String, serde_json::Value)>,
    page: SyncSender<Turn>,
    forms: Vec<SyncSender<Turn>>,
    made: Receiver<Made>,
    open: Option<(Arc<Table>, u64)>,
    batch: Vec<Vec<Value>>,
    batch_bytes: usize,
    on_page: u64,
    /// Pages that were asked for, and those that are in the archive.
    turned: u64,
    pages: u64,
}

impl Packing {
    fn all(
        mut self,
        scratch: &Path,
        about: &About,
        language: &Language,
        mut pieces: mpsc::Receiver<Exported>,
    ) -> Result<(), Unfinished> {
        while let Some(piece) = pieces.blocking_recv() {
            match piece {
                Exported::Table { source, table, columns, left_out } => {
                    self.close()?;
                    let table = Arc::new(Table { source, name: table, columns, left_out });
                    self.tell(&Turn::Begin(Arc::clone(&table)))?;
                    self.open = Some((table, 0));
                }
                Exported::Row(values) => self.row(values)?,
            }
        }
        self.close()?;
        // The page's writer ends with its last page.
        self.page = std::sync::mpsc::sync_channel(0).0;
        self.turned += 1;
        while self.pages < self.turned {
            self.take_page()?;
        }
        let mut add = |name: &str, text: &[u8], contents: Option<&mut Contents>| {
            let mut spool = Spool::new(scratch)?;
            spool.write_all(text)?;
            let spooled = spool.finish()?;
            if let Some(contents) = contents {
                contents.file(name, &spooled);
            }
            self.archive.add(name, spooled)
        };
        let contents = &mut self.contents;
        add("README.txt", manifest::readme(about.format, language).as_bytes(), Some(contents))?;
        if about.format == Format::Export {
            let schema = serde_json::to_vec_pretty(&schema::whole(self.schemas)).map_err(io::Error::from)?;
            add("schema.json", &schema, Some(contents))?;
        }
        let manifest = contents.manifest(about, language).map_err(io::Error::from)?;
        add("manifest.json", manifest.as_bytes(), None)?;
        self.archive.finish()?;
        Ok(())
    }

    fn row(&mut self, values: Vec<Value>) -> Result<(), Unfinished> {
        let Some((table, rows)) = &mut self.open else {
            return Err(Unfinished("a row came before its table".to_owned()));
        };
        if values.len() != table.columns.len() {
            let (columns, values) = (table.columns.len(), values.len());
            return Err(Unfinished(format!("a row has {values} values for {columns} columns")));
        }
        *rows += 1;
        self.batch_bytes += values.iter().map(size).sum::<usize>();
        self.batch.push(values);
        if self.batch.len() >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES {
            self.hand_on()?;
        }
        Ok(())
    }

    /// The rows that came in, to every form.
    fn hand_on(&mut self) -> Result<(), Unfinished> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if self.on_page >= PAGE_ROWS {
            self.on_page = 0;
            self.send(&self.page, Turn::Page)?;
            self.turned += 1;
            // Never the page that was asked for just now: the others go on meanwhile.
            if self.turned - self.pages > 1 {
                self.take_page()?;
            }
        }
        self.on_page += self.batch.len() as u64;
        self.batch_bytes = 0;
        let rows = Arc::new(std::mem::take(&mut self.batch));
        self.tell(&Turn::Rows(rows))
    }

    fn close(&mut self) -> Result<(), Unfinished> {
        self.hand_on()?;
        let Some((table, rows)) = self.open.take() else { return Ok(()) };
        self.tell(&Turn::End(rows))?;
        if self.forms.is_empty() {
            self.contents.table(&table, rows, Vec::new());
            return Ok(());
        }
        let (mut json, mut csv, mut pages): (Option<(Spooled, Vec<Kinds>)>, _, _) = (None, None, Vec::new());
        while json.is_none() || csv.is_none() {
            match self.next()? {
                Made::Json(spooled, kinds) => json = Some((spooled, kinds)),
                Made::Csv(spooled) => csv = Some(spooled),
                Made::Page(spooled) => pages.push(spooled),
                Made::Failed(why) => return Err(why),
            }
        }
        for page in pages {
            self.add_page(page)?;
        }
        let stem = self.names.of(&table.source, &table.name);
        let mut files = Vec::new();
        if let Some((spooled, kinds)) = json {
            let name = format!("{stem}.json");
            self.schemas.push((name.clone(), schema::of_table(&name, &table.columns, &kinds)));
            self.add(&name, spooled)?;
            files.push(name);
        }
        if let Some(spooled) = csv {
            let name = format!("{stem}.csv");
            self.add(&name, spooled)?;
            files.push(name);
        }
        self.contents.table(&table, rows, files);
        Ok(())
    }

    fn take_page(&mut self) -> Result<(), Unfinished> {
        match self.next()? {
            Made::Page(spooled) => self.add_page(spooled),
            Made::Failed(why) => Err(why),
            Made::Json(..) | Made::Csv(_) => Err(Unfinished("a table ended twice".to_owned())),
        }
    }

    fn add_page(&mut self, spooled: Spooled) -> Result<(), Unfinished> {
        self.pages += 1;
        self.add(&page::name(self.pages), spooled)
    }

    fn add(&mut self, name: &str, spooled: Spooled) -> Result<(), Unfinished> {
        self.contents.file(name, &spooled);
        Ok(self.archive.add(name, spooled)?)
    }

    fn next(&self) -> Result<Made, Unfinished> {
        self.made.recv().map_err(|_| Unfinished("nobody writes any more".to_owned()))
    }

    fn tell(&self, turn: &Turn) -> Result<(), Unfinished> {
        for form in self.forms.iter().chain([&self.page]) {
            self.send(form, turn.clone())?;
        }
        Ok(())
    }

    /// A form that takes nothing any more has said why.
    fn send(&self, form: &SyncSender<Turn>, turn: Turn) -> Result<(), Unfinished> {
        if form.send(turn).is_ok() {
            return Ok(());
        }
        loop {
            if let Made::Failed(why) = self.next()? {
                return Err(why);
            }
        }
    }
}

/// About how many bytes a value is.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Json(text) => text.len() + 16,
        Value::Bytes(bytes) => bytes.len() + 16,
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Real(_) => 16,
    }
}
