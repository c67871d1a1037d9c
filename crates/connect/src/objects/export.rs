//! Handing out a subject's files, piece by piece, so that a large one needs no more memory than a small one.

use countersign_core::plan::Counts;
use countersign_service::ports::source::{Exported, SourceError, Target, Value};
use countersign_service::settings::datamap::DataMap;
use futures::TryStreamExt;
use object_store::{Error, ObjectStoreExt};
use tokio::sync::mpsc::Sender;

use super::ObjectsSource;
use crate::job::{refused, unavailable};

/// The most of a file that stands in one row.
const PIECE: usize = 1 << 20;

impl ObjectsSource {
    pub(super) async fn hand_out(
        &self,
        map: &DataMap,
        target: &Target,
        out: &Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        if matches!(target, Target::Dataset { .. }) {
            return Err(refused(&self.name, "a dataset is purged and not exported"));
        }
        let store = self.store()?;
        let rules = self.rules(map, target)?;
        let gone = |_| unavailable(&self.name, "nobody takes the export any more");
        let mut counts = Counts::default();
        for (table, files) in rules.tables.iter().zip(self.files(&*store, &rules, map, target).await?) {
            let links = files.values().filter(|it| it.link).count();
            let left_out = (links > 0).then(|| (format!("{links} files"), "they are links".to_owned()));
            let head = Exported::Table {
                source: self.name.clone(),
                table: table.name.to_owned(),
                columns: ["path", "offset", "content"].map(str::to_owned).to_vec(),
                left_out: left_out.into_iter().collect(),
            };
            out.send(head).await.map_err(gone)?;
            let mut sent = 0;
            for path in files.iter().filter(|(_, it)| !it.link).map(|(path, _)| path) {
                let mut content = match store.get(path).await {
                    // It went since the look.
                    Err(Error::NotFound { .. }) => continue,
                    got => got.map_err(|it| self.before(&it))?.into_stream(),
                };
                sent += 1;
                let (mut piece, mut offset) = (Vec::new(), 0);
                loop {
                    let more = content.try_next().await.map_err(|it| self.before(&it))?;
                    let is_over = more.is_none();
                    piece.extend_from_slice(&more.unwrap_or_default());
                    while piece.len() >= PIECE || (is_over && (!piece.is_empty() || offset == 0)) {
                        let rest = piece.split_off(piece.len().min(PIECE));
                        let length = i64::try_from(piece.len()).unwrap_or(0);
                        let content = Value::Bytes(std::mem::replace(&mut piece, rest));
                        let row = vec![Value::Text(path.to_string()), Value::Int(offset), content];
                        out.send(Exported::Row(row)).await.map_err(gone)?;
                        // An empty file is one row.
                        offset += length.max(1);
                    }
                    if is_over {
                        break;
                    }
                }
            }
            counts.add(&self.name, table.name, sent);
        }
        Ok(counts)
    }
}
