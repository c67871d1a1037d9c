//! Handing out a subject's lines, without anybody else in them and without what is never disclosed.

use countersign_core::plan::Counts;
use countersign_service::ports::source::{Exported, SourceError, Target, Value};
use countersign_service::settings::datamap::DataMap;
use tokio::sync::mpsc::Sender;

use super::directory::{self, Log, State, open};
use super::survey::Eye;
use super::{Inner, text};
use crate::job::{refused, unavailable};

impl Inner {
    /// Sends lines also out of files that are still written: reading disturbs nobody.
    pub(super) fn export(
        &self,
        map: &DataMap,
        target: &Target,
        out: &Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        let rules = self.rules(map, target)?;
        let eye = self.eye(map, &rules, target)?;
        let Eye::Subject(sights) = &eye else {
            return Err(refused(&self.name, "a dataset is purged and not exported"));
        };
        let gone = |_| unavailable(&self.name, "nobody takes the export any more");
        let logs = directory::logs(&self.options, &rules.families).map_err(|it| self.before(&it))?;
        let mut counts = Counts::default();
        for (n, family) in rules.families.iter().enumerate() {
            let secret = family.never_disclose.iter().map(|it| (it.clone(), "never disclosed".to_owned()));
            let of_family = |it: &&Log| it.family == n && !sights[n].is_blind();
            let unread = logs.iter().filter(of_family).filter(|it| it.state == State::Unreadable).count();
            let unread = (unread > 0).then(|| (format!("{unread} files"), "they cannot be read".to_owned()));
            let head = Exported::Table {
                source: self.name.clone(),
                table: family.name.to_owned(),
                columns: vec!["file".to_owned(), "line".to_owned()],
                left_out: secret.chain(unread).collect(),
            };
            out.blocking_send(head).map_err(gone)?;
            let mut sent = 0;
            for log in logs.iter().filter(of_family).filter(|it| it.state != State::Unreadable) {
                let file = open(&log.path).map_err(|it| self.before(&it))?;
                let mut left = false;
                text::lines(&file, log.gzip, |line| {
                    let (said, _) = text::parted(line);
                    if !sights[n].sees(said) {
                        return Ok(());
                    }
                    let shown = String::from_utf8_lossy(&sights[n].shown(said)).into_owned();
                    let row = Exported::Row(vec![Value::Text(log.name.clone()), Value::Text(shown)]);
                    sent += 1;
                    out.blocking_send(row).map_err(|_| {
                        left = true;
                        std::io::Error::other("nobody takes the export any more")
                    })
                })
                .map_err(|it| self.before(&it))?;
            }
            counts.add(&self.name, family.name, sent);
        }
        Ok(counts)
    }
}
