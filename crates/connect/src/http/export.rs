//! Taking an export from a service, line by line, and no more of it than is allowed.

use countersign_core::plan::Counts;
use countersign_service::ports::source::{Exported, SourceError, Target, Value};
use countersign_service::settings::datamap::DataMap;
use tokio::sync::mpsc::Sender;

use super::HttpSource;
use super::call::{self, Failed};
use super::wire::{Ask, Piece};
use crate::job::{refused, unavailable};

/// The longest line.
const LONGEST: usize = 8 << 20;

impl HttpSource {
    pub(super) async fn hand_out(
        &self,
        map: &DataMap,
        target: &Target,
        out: &Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        let whose = self.whose(map, target)?;
        let ask = Ask { whose: Some(whose), ..Ask::default() };
        let mut answered =
            call::send(&self.options, "export", &ask).await.map_err(|it: Failed| self.harmless(it))?;
        let mut taking =
            Taking { source: self, map, out, counts: Counts::default(), table: None, ended: false };
        let (mut line, mut read) = (Vec::new(), 0);
        let broken = |_| unavailable(&self.name, "the connection broke off");
        while let Some(more) = answered.chunk().await.map_err(broken)? {
            read += more.len() as u64;
            if read > self.options.most_bytes {
                return Err(refused(&self.name, "its export is longer than the configuration allows"));
            }
            for part in more.split_inclusive(|it| *it == b'\n') {
                line.extend_from_slice(part);
                if line.len() > LONGEST {
                    return Err(refused(&self.name, "a line of its export is too long"));
                }
                if line.ends_with(b"\n") {
                    taking.line(&line).await?;
                    line.clear();
                }
            }
        }
        if !taking.ended || !line.is_empty() {
            return Err(unavailable(&self.name, "its export was broken off"));
        }
        Ok(taking.counts)
    }
}

struct Taking<'a> {
    source: &'a HttpSource,
    map: &'a DataMap,
    out: &'a Sender<Exported>,
    counts: Counts,
    /// The table that rows are of, and which of its columns are never disclosed.
    table: Option<(String, Vec<bool>)>,
    ended: bool,
}

impl Taking<'_> {
    async fn line(&mut self, line: &[u8]) -> Result<(), SourceError> {
        let name = &self.source.name;
        let odd = || refused(name, "a line of its export is not to be understood");
        let piece = match serde_json::from_slice(line).map_err(|_| odd())? {
            _ if self.ended => return Err(odd()),
            Piece::End => {
                self.ended = true;
                return Ok(());
            }
            Piece::Table { table, columns, mut left_out } => {
                let mapped = self.map.tables.iter().find(|it| it.name == table);
                let mapped =
                    mapped.ok_or_else(|| refused(name, "its export has a table that the map has not"))?;
                let secret: Vec<bool> = columns.iter().map(|it| mapped.never_disclose.contains(it)).collect();
                let hidden =
                    mapped.never_disclose.iter().map(|it| (it.clone(), "never disclosed".to_owned()));
                left_out.extend(hidden);
                self.counts.add(name, &table, 0);
                let shown =
                    columns.into_iter().zip(&secret).filter(|(_, secret)| !**secret).map(|(it, _)| it);
                let head = Exported::Table {
                    source: name.clone(),
                    table: table.clone(),
                    columns: shown.collect(),
                    left_out,
                };
                self.table = Some((table, secret));
                head
            }
            Piece::Row(values) => {
                let Some((table, secret)) = &self.table else { return Err(odd()) };
                if values.len() != secret.len() {
                    return Err(odd());
                }
                self.counts.add(name, table, 1);
                let shown = values.into_iter().zip(secret).filter(|(_, secret)| !**secret);
                Exported::Row(shown.map(|(it, _)| value(it)).collect())
            }
        };
        self.out.send(piece).await.map_err(|_| unavailable(name, "nobody takes the export any more"))
    }
}

fn value(it: serde_json::Value) -> Value {
    match it {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(it) => Value::Bool(it),
        serde_json::Value::String(it) => Value::Text(it),
        serde_json::Value::Number(it) => it.as_i64().map_or_else(|| Value::Text(it.to_string()), Value::Int),
        other @ (serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
            Value::Json(other.to_string())
        }
    }
}
