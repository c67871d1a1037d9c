//! The call to vote: one message for each person of the seat.

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::person;
use crate::ports::store::{Change, Find, Needs};
use crate::record;
use crate::refusal::Refusal;

impl Service {
    /// `request/seat`.
    pub(crate) async fn call(&self, key: &str) -> Result<Worked, JobError> {
        let (id, seat) =
            key.split_once('/').ok_or_else(|| Refusal::Damaged("a call to vote names no seat".to_owned()))?;
        let settings = self.settings().await?;
        let find = if seat == "any" {
            let seats = settings.groups.iter();
            seats.map(|seat| (person::KIND.to_owned(), Find::Term(record::term("seat", seat)))).collect()
        } else {
            vec![(person::KIND.to_owned(), Find::Term(record::term("seat", seat)))]
        };
        let (id, seat, keys) = (id.to_owned(), seat.to_owned(), self.keys.clone());
        self.act(Needs { records: find, ..Needs::default() }, move |loaded| {
            let jobs = person::loaded(&keys, loaded)?
                .values()
                .filter_map(|(person, _)| {
                    let own = if seat == "any" { person.seats.iter().next()? } else { &seat };
                    Some(wish("mail_vote", format!("{id}/{own}/{}", person.id), loaded.now))
                })
                .collect();
            Ok((Change { jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(Worked::Done)
    }
}
