//! Who looks: their name, and the seats that they hold at this moment.

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use jiff::tz::TimeZone;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::person;
use crate::ports::store::Needs;
use crate::refusal::Refusal;

/// Who looks, and when.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Their id.
    pub person: PersonId,
    /// For people to read.
    pub name: String,
    /// Seats held now; none for somebody who may not act.
    pub seats: BTreeSet<String>,
    /// The store's time.
    pub now: Timestamp,
    /// Where days begin and end.
    pub zone: TimeZone,
}

impl Service {
    /// Whether whoever follows what happens still may: their session stands and their roles allow it. It counts as no use
    /// of the session, so that a page that stays open does not keep it from ending.
    ///
    /// # Errors
    /// When they may not any more.
    pub async fn still_follows(&self, caller: &Caller) -> Result<(), Refusal> {
        let holder = caller.may(Act::ReadFeed)?;
        let records = vec![holder.need(), person::need(holder.person)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        holder.recheck(&loaded)?;
        let people = person::loaded(&self.keys, &loaded)?;
        let (person, _) = people.get(&holder.person).ok_or(Refusal::Unauthenticated)?;
        let may = person.active && person.may_as().into_iter().any(|role| Act::ReadFeed.allowed_to(role));
        may.then_some(()).ok_or(Refusal::Unauthenticated)
    }

    /// Who this caller is.
    ///
    /// # Errors
    /// For a program, and for a subject: they are nobody of ours.
    pub async fn standing_of(&self, caller: &Caller) -> Result<Standing, Refusal> {
        let Caller::Token(holder) = caller else { return Err(Refusal::NotAllowed("use the console")) };
        if holder.service.is_some() {
            return Err(Refusal::NotAllowed("use the console"));
        }
        let needs = Needs { records: vec![person::need(holder.person)], ..Needs::default() };
        let loaded = self.store.load(needs).await?;
        let mut people = person::loaded(&self.keys, &loaded)?;
        let (person, _) = people.remove(&holder.person).ok_or(Refusal::Unauthenticated)?;
        let zone = match self.settings().await {
            Ok(settings) => settings.time_zone.clone(),
            Err(_) => TimeZone::UTC,
        };
        let seats = if person.active { person.seats } else { BTreeSet::new() };
        Ok(Standing { person: person.id, name: person.name, seats, now: loaded.now, zone })
    }
}
