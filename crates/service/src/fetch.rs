//! Fetching an export: by whoever proved to be the subject, or asked for it with proof from outside.

use countersign_core::id::RequestId;
use countersign_core::request::{Ending, State};
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::jobs::hand_over;
use crate::ports::store::{Find, Needs};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::field;

/// A package that can be fetched.
#[derive(Clone, Debug)]
pub struct Package {
    /// A file name.
    pub name: String,
    /// Bytes in all.
    pub size: u64,
    /// Parts, each fetched by itself.
    pub parts: u64,
    /// Until when.
    pub until: Timestamp,
}

impl Service {
    /// What there is to fetch.
    pub async fn package(&self, caller: &Caller, id: RequestId) -> Result<Package, Refusal> {
        let packed = self.packed(caller, id).await?;
        let name = format!("countersign-{id}.zip");
        Ok(Package { name, size: packed.bytes, parts: packed.parts, until: packed.until })
    }

    async fn packed(&self, caller: &Caller, id: RequestId) -> Result<hand_over::Packed, Refusal> {
        let records = vec![(hand_over::KIND.to_owned(), Find::Id(id.to_string()))];
        let loaded = self.store.load(Needs { request: Some(id), records, ..Needs::default() }).await?;
        let record = loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?;
        match caller {
            Caller::Subject(own) if *own == id => {}
            Caller::Subject(_) => return Err(Refusal::NotFound("request")),
            // Only its own requester; a role that reads everything does not read this.
            Caller::Token(holder) => {
                caller.may(Act::Submit)?;
                let own = record::term("requester", holder.person.as_bytes());
                let history = History::read(record)?;
                let subjects = history.state().dossier().submitted().asking.requester
                    == countersign_core::subject::Requester::Subject;
                if subjects || !record.terms.contains(&own) {
                    return Err(Refusal::NotFound("request"));
                }
            }
        }
        let history = History::read(record)?;
        let State::Ended(_, Ending::Completed { outcome, .. }) = history.state() else {
            return Err(Refusal::Rule(countersign_core::request::Refusal::TooEarly));
        };
        let packed = loaded.of_kind(hand_over::KIND).next().filter(|_| outcome.package);
        let packed: hand_over::Packed = record::read(packed.ok_or(Refusal::NotFound("package"))?)?;
        if packed.until <= loaded.now {
            return Err(Refusal::Standing("the package is not kept any longer: ask for it again".to_owned()));
        }
        Ok(packed)
    }

    /// One part of it, from 0.
    pub async fn package_part(&self, caller: &Caller, id: RequestId, part: u64) -> Result<Vec<u8>, Refusal> {
        let packed = self.packed(caller, id).await?;
        if part >= packed.parts {
            return Err(Refusal::NotFound("part"));
        }
        let key = self.data_key(id).await?.ok_or(Refusal::NotFound("package"))?;
        self.field(&key, id, &field::package(&packed.made, part)).await?.ok_or(Refusal::NotFound("package"))
    }
}
