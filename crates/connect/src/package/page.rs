//! The page to read or print: one file without script, picture or link, in a style of its own.

use std::fs::File;
use std::io::{BufWriter, Write};

use countersign_service::ports::package::About;
use countersign_service::ports::source::Value;

use super::Unfinished;
use super::cell::{html, text};

pub(super) struct Page(BufWriter<File>);

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
<meta name=\"viewport\" content=\"width=device-width\">\n<title>What is held about you</title>\n<style>\n\
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\n\
h1{font-size:1.6rem}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}p.note{color:#555;margin:.2rem 0 .6rem}\n\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}th,td{border:1px solid #ccc;padding:.3rem .5rem;\
text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;min-width:4rem}th{background:#f2f2f2}\n\
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}\n</style>\n</head>\n<body>\n";

impl Page {
    pub(super) fn begin(spool: File, about: &About) -> Result<Self, Unfinished> {
        let mut page = BufWriter::new(spool);
        let made_at = jiff::Timestamp::from_millisecond(about.made_at.as_millis()).unwrap_or_default();
        write!(
            page,
            "{HEAD}<h1>What is held about you</h1>\n<p class=\"note\">Request {}, made on {}.</p>\n",
            html(&about.request),
            made_at.strftime("%-d %B %Y at %H:%M UTC"),
        )?;
        Ok(Self(page))
    }

    pub(super) fn table(
        &mut self,
        source: &str,
        table: &str,
        columns: &[String],
        left_out: &[(String, String)],
    ) -> Result<(), Unfinished> {
        let page = &mut self.0;
        writeln!(page, "<h2>{} · {}</h2>", html(source), html(table))?;
        if !left_out.is_empty() {
            let left_out: Vec<String> = left_out
                .iter()
                .map(|(column, reason)| format!("{} ({})", html(column), html(reason)))
                .collect();
            writeln!(page, "<p class=\"note\">Left out: {}.</p>", left_out.join(", "))?;
        }
        write!(page, "<div class=\"wide\"><table>\n<thead><tr>")?;
        for column in columns {
            write!(page, "<th scope=\"col\">{}</th>", html(column))?;
        }
        Ok(writeln!(page, "</tr></thead>\n<tbody>")?)
    }

    pub(super) fn row(&mut self, values: &[Value]) -> Result<(), Unfinished> {
        write!(self.0, "<tr>")?;
        for value in values {
            write!(self.0, "<td>{}</td>", html(&text(value)))?;
        }
        Ok(writeln!(self.0, "</tr>")?)
    }

    pub(super) fn end_table(&mut self, rows: u64) -> Result<(), Unfinished> {
        let rows = match rows {
            0 => "No rows.".to_owned(),
            1 => "1 row.".to_owned(),
            rows => format!("{rows} rows."),
        };
        Ok(writeln!(self.0, "</tbody></table></div>\n<p class=\"note\">{rows}</p>")?)
    }

    /// The whole page.
    pub(super) fn finish(mut self) -> Result<File, Unfinished> {
        self.0.write_all(b"</body>\n</html>\n")?;
        self.0.into_inner().map_err(|error| Unfinished::from(error.into_error()))
    }
}
