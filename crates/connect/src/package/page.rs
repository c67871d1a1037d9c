//! The page to read or print, in pieces where there is much: without script or picture, in a style of its own.

use std::io::{self, Write};
use std::path::PathBuf;

use countersign_service::ports::package::About;
use countersign_service::ports::source::Value;

use super::Table;
use super::cell::{html, text};
use super::language::Language;
use super::spool::{Spool, Spooled};

pub(super) struct Pages {
    folder: PathBuf,
    language: Language,
    about: About,
    number: u64,
    spool: Spool,
    text: Vec<u8>,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\n\
h1{font-size:1.6rem}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}p.note{color:#555;margin:.2rem 0 .6rem}\n\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}th,td{border:1px solid #ccc;padding:.3rem .5rem;\
text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;min-width:4rem}th{background:#f2f2f2}\n\
@media print{body{margin:0;max-width:none}nav{display:none}h2{break-after:avoid}tr{break-inside:avoid}}\n";

/// The name of a page.
pub(super) fn name(number: u64) -> String {
    if number == 1 { "index.html".to_owned() } else { format!("page-{number}.html") }
}

impl Pages {
    pub(super) fn begin(folder: PathBuf, language: Language, about: About) -> io::Result<Self> {
        let spool = Spool::new(&folder)?;
        let mut pages = Self { folder, language, about, number: 1, spool, text: Vec::new() };
        pages.head();
        Ok(pages)
    }

    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        self.heads(table, false);
        self.write()
    }

    pub(super) fn rows(&mut self, rows: &[Vec<Value>]) -> io::Result<()> {
        for row in rows {
            self.text.extend_from_slice(b"<tr>");
            for value in row {
                self.text.extend_from_slice(b"<td>");
                html(&text(value), &mut self.text);
                self.text.extend_from_slice(b"</td>");
            }
            self.text.extend_from_slice(b"</tr>\n");
        }
        self.write()
    }

    pub(super) fn end_table(&mut self, rows: u64) -> io::Result<()> {
        self.text.extend_from_slice(b"</tbody></table></div>\n");
        let rows = self.language.rows(rows);
        self.note(&rows);
        self.write()
    }

    /// Ends this page in the middle of a table, and goes on with the next.
    pub(super) fn turn(&mut self, table: &Table) -> io::Result<Spooled> {
        self.text.extend_from_slice(b"</tbody></table></div>\n");
        self.link("next", self.number + 1);
        self.text.extend_from_slice(b"</body>\n</html>\n");
        self.write()?;
        let done = std::mem::replace(&mut self.spool, Spool::new(&self.folder)?).finish()?;
        self.number += 1;
        self.head();
        self.heads(table, true);
        Ok(done)
    }

    /// The last page.
    pub(super) fn finish(mut self) -> io::Result<Spooled> {
        self.text.extend_from_slice(b"</body>\n</html>\n");
        self.write()?;
        self.spool.finish()
    }

    fn head(&mut self) {
        let Self { language, about, number, .. } = self;
        let title = language.say("title");
        let said = language
            .fill("about", &[("request", &about.request), ("moment", &language.moment(about.made_at))]);
        let page = (*number > 1).then(|| language.fill("page", &[("number", &number.to_string())]));
        let text = &mut self.text;
        text.extend_from_slice(b"<!doctype html>\n<html lang=\"");
        html(&language.code, text);
        text.extend_from_slice(
            b"\">\n<head>\n<meta charset=\"utf-8\">\n\
              <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
              <meta name=\"viewport\" content=\"width=device-width\">\n<title>",
        );
        html(title, text);
        text.extend_from_slice(b"</title>\n<style>\n");
        text.extend_from_slice(STYLE.as_bytes());
        text.extend_from_slice(b"</style>\n</head>\n<body>\n<h1>");
        html(title, text);
        text.extend_from_slice(b"</h1>\n");
        self.note(&said);
        if let Some(page) = page {
            self.note(&page);
            self.link("previous", self.number - 1);
        }
    }

    fn heads(&mut self, table: &Table, again: bool) {
        let text = &mut self.text;
        text.extend_from_slice(b"<h2>");
        html(&format!("{} · {}", table.source, table.name), text);
        if again {
            html(&format!(" ({})", self.language.say("continued")), text);
        }
        text.extend_from_slice(b"</h2>\n");
        if !table.left_out.is_empty() {
            let left_out: Vec<String> = table
                .left_out
                .iter()
                .map(|(column, reason)| format!("{column} ({})", self.language.reason(reason)))
                .collect();
            let said = self.language.fill("left_out", &[("columns", &left_out.join(", "))]);
            self.note(&said);
        }
        let text = &mut self.text;
        text.extend_from_slice(b"<div class=\"wide\"><table>\n<thead><tr>");
        for column in &table.columns {
            text.extend_from_slice(b"<th scope=\"col\">");
            html(column, text);
            text.extend_from_slice(b"</th>");
        }
        text.extend_from_slice(b"</tr></thead>\n<tbody>\n");
    }

    fn note(&mut self, said: &str) {
        self.text.extend_from_slice(b"<p class=\"note\">");
        html(said, &mut self.text);
        self.text.extend_from_slice(b"</p>\n");
    }

    fn link(&mut self, word: &'static str, number: u64) {
        let said = self.language.say(word);
        self.text.extend_from_slice(format!("<nav><a href=\"{}\">", name(number)).as_bytes());
        html(said, &mut self.text);
        self.text.extend_from_slice(b"</a></nav>\n");
    }

    fn write(&mut self) -> io::Result<()> {
        self.spool.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}
