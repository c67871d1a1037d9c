//! What a package says of itself: every file with its checksum, every table with its rows and what was left out.

use countersign_service::ports::package::{About, Format};
use serde::Serialize;

use super::Table;
use super::language::Language;
use super::spool::Spooled;

#[derive(Default)]
pub(super) struct Contents {
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
    /// Of this table alone; the page holds all.
    files: Vec<String>,
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
    language: &'a str,
    tables: &'a [Told],
    files: &'a [Listed],
}

impl Contents {
    pub(super) fn file(&mut self, name: &str, spooled: &Spooled) {
        let sha256 = hex::encode(spooled.sha256);
        self.files.push(Listed { name: name.to_owned(), bytes: spooled.length, sha256 });
    }

    pub(super) fn table(&mut self, table: &Table, rows: u64, files: Vec<String>) {
        let left_out = table
            .left_out
            .iter()
            .map(|(column, reason)| LeftOut { column: column.clone(), reason: reason.clone() });
        self.tables.push(Told {
            source: table.source.clone(),
            table: table.name.clone(),
            rows,
            columns: table.columns.clone(),
            left_out: left_out.collect(),
            files,
        });
    }

    pub(super) fn manifest(&self, about: &About, language: &Language) -> serde_json::Result<String> {
        let at = jiff::Timestamp::from_millisecond(about.made_at.as_millis()).unwrap_or_default();
        serde_json::to_string_pretty(&Manifest {
            request: &about.request,
            made_at: at.to_string(),
            format: match about.format {
                Format::Access => "access",
                Format::Export => "export",
            },
            language: &language.code,
            tables: &self.tables,
            files: &self.files,
        })
    }
}

pub(super) fn readme(format: Format, language: &Language) -> String {
    let say = |key| language.say(key);
    let mut text = format!("{}\n\nindex.html\n  {}\n", say("title"), say("readme.page"));
    if format == Format::Export {
        text += &format!("*/*.json, */*.csv\n  {}\n", say("readme.data"));
        text += &format!("schema.json\n  {}\n", say("readme.schema"));
    }
    text += &format!("manifest.json\n  {}\n\n{}\n", say("readme.manifest"), say("readme.left_out"));
    if format == Format::Export {
        text += &format!("{}\n", say("readme.formula"));
    }
    text + say("readme.bytes") + "\n"
}
