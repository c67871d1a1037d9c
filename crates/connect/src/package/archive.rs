//! The ZIP file, and its manifest: what is in it, with checksums.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, Write};
use std::path::Path;

use countersign_core::time::Timestamp;
use countersign_service::ports::package::{About, Format};
use serde::Serialize;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Unfinished;

pub(super) struct Archive {
    zip: ZipWriter<BufWriter<File>>,
    options: SimpleFileOptions,
    entry: Option<(String, Sha256, u64)>,
    files: Vec<Listed>,
    tables: Vec<Told>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

#[derive(Serialize)]
struct Told {
    source: String,
    table: String,
    rows: u64,
    columns: Vec<String>,
    left_out: Vec<LeftOut>,
}

#[derive(Serialize)]
struct LeftOut {
    column: String,
    reason: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    request: &'a str,
    made_at: String,
    format: &'static str,
    tables: &'a [Told],
    files: &'a [Listed],
}

impl Archive {
    /// A new file that only its owner may read.
    pub(super) fn create(path: &Path, made_at: Timestamp) -> Result<Self, Unfinished> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        // One time for all entries: the same rows give the same bytes.
        let at = jiff::Timestamp::from_millisecond(made_at.as_millis()).unwrap_or_default();
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
        let (year, month, day) =
            (at.year().unsigned_abs(), at.month().unsigned_abs(), at.day().unsigned_abs());
        let (hour, minute, second) =
            (at.hour().unsigned_abs(), at.minute().unsigned_abs(), at.second().unsigned_abs());
        let at =
            zip::DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap_or_default();
        Ok(Self {
            zip: ZipWriter::new(BufWriter::new(file)).set_auto_large_file(),
            options: SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .unix_permissions(0o600)
                .last_modified_time(at),
            entry: None,
            files: Vec::new(),
            tables: Vec::new(),
        })
    }

    /// Begins an entry.
    pub(super) fn start(&mut self, name: &str) -> Result<(), Unfinished> {
        self.end();
        self.zip.start_file(name, self.options)?;
        self.entry = Some((name.to_owned(), Sha256::new(), 0));
        Ok(())
    }

    /// Writes into the entry that was begun last.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Unfinished> {
        if let Some((_, hash, length)) = &mut self.entry {
            hash.update(bytes);
            *length += bytes.len() as u64;
        }
        Ok(self.zip.write_all(bytes)?)
    }

    /// An entry with the content of a file.
    pub(super) fn add(&mut self, name: &str, mut spool: File) -> Result<(), Unfinished> {
        self.start(name)?;
        spool.rewind()?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match spool.read(&mut buffer)? {
                0 => return Ok(()),
                read => self.put(&buffer[..read])?,
            }
        }
    }

    /// What the manifest says of a table.
    pub(super) fn describe(
        &mut self,
        source: &str,
        table: &str,
        columns: &[String],
        left_out: &[(String, String)],
    ) {
        let left_out = left_out
            .iter()
            .map(|(column, reason)| LeftOut { column: column.clone(), reason: reason.clone() });
        self.tables.push(Told {
            source: source.to_owned(),
            table: table.to_owned(),
            rows: 0,
            columns: columns.to_vec(),
            left_out: left_out.collect(),
        });
    }

    /// How many rows the table described last has.
    pub(super) fn count(&mut self, rows: u64) {
        if let Some(table) = self.tables.last_mut() {
            table.rows = rows;
        }
    }

    /// Adds the explanation and the manifest, and closes the file.
    pub(super) fn finish(mut self, about: &About) -> Result<(), Unfinished> {
        self.start("README.txt")?;
        self.put(readme(about.format).as_bytes())?;
        self.end();
        let at = jiff::Timestamp::from_millisecond(about.made_at.as_millis()).unwrap_or_default();
        let manifest = Manifest {
            request: &about.request,
            made_at: at.to_string(),
            format: match about.format {
                Format::Access => "access",
                Format::Export => "export",
            },
            tables: &self.tables,
            files: &self.files,
        };
        let text = serde_json::to_string_pretty(&manifest).map_err(std::io::Error::from)?;
        self.zip.start_file("manifest.json", self.options)?;
        self.zip.write_all(text.as_bytes())?;
        let mut file = self.zip.finish()?;
        file.flush()?;
        Ok(())
    }

    fn end(&mut self) {
        if let Some((name, hash, bytes)) = self.entry.take() {
            self.files.push(Listed { name, bytes, sha256: hex::encode(hash.finalize()) });
        }
    }
}

fn readme(format: Format) -> String {
    let data = match format {
        Format::Access => "",
        Format::Export => {
            "<source>/<table>.json and .csv   the same rows, for programs and for spreadsheets\n"
        }
    };
    format!(
        "What is held about you\n\n\
         index.html      a page to read or print\n\
         {data}\
         manifest.json   every file with its SHA-256, every table with its rows and with what was left out and why\n\n\
         In CSV files a value that a spreadsheet might take for a formula begins with an apostrophe.\n\
         Bytes are written in base 64, after `base64:`.\n"
    )
}
