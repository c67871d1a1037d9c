//! Legal holds: why a subject's data must be kept. On root keys, so that every name of the subject meets it.

use std::collections::BTreeSet;

use countersign_core::id::{Blind, PersonId, RequestId};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::jobs::{rejudge, wish};
use crate::keys::mac;
use crate::ports::source::Identity;
use crate::ports::store::{Change, Find, IndexTerm, Needs, Query, Status};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::ask;
use crate::requests::look::root_term;

/// The kind of record.
pub const KIND: &str = "hold";

/// A legal hold. Its id is its name: it stands in verdicts and in the ledger, so it names no person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Since when.
    pub placed_at: Timestamp,
    /// By whom.
    pub placed_by: PersonId,
    /// When it was lifted.
    pub lifted_at: Option<Timestamp>,
    /// A keyed hash over the root keys that it covers.
    pub covers: Blind,
}

/// What placing a hold met.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Root keys covered.
    pub roots: usize,
    /// Open requests on the same subject; those that run are past recall for the steps they have done.
    pub open: Vec<(RequestId, Status)>,
}

#[derive(Serialize)]
struct Entry<'a> {
    v: u8,
    at: Timestamp,
    hold: &'a str,
    did: &'static str,
    by: PersonId,
}

impl Service {
    /// Places a hold. The same again changes nothing; another subject under a name that stands is refused.
    pub async fn place_hold(
        &self,
        caller: &Caller,
        name: &str,
        subject: &std::collections::BTreeMap<String, String>,
    ) -> Result<Placed, Refusal> {
        let holder = caller.may(Act::PlaceHold)?.clone();
        check_name(name)?;
        let identities: Vec<Identity> =
            ask::normalised(subject)?.into_iter().map(|(kind, value)| Identity { kind, value }).collect();
        let settings = self.settings().await?;
        let roots = self.roots_of(&settings, &identities).await?;
        if roots.is_empty() {
            return Err(Refusal::invalid("subject", "is not held by any source: there is nothing to hold"));
        }
        let terms: BTreeSet<IndexTerm> = roots.iter().map(|root| root_term(&self.keys, root)).collect();
        let needs = Needs {
            records: vec![holder.need(), (KIND.to_owned(), Find::Id(name.to_owned()))],
            ..Needs::default()
        };
        let (id, covered) = (name.to_owned(), terms.clone());
        let parts: Vec<&[u8]> = terms.iter().map(|term| &*term.value).collect();
        let covers = Blind::from_bytes(mac(&self.keys.index, &parts));
        self.act(needs, move |loaded| {
            holder.recheck(loaded)?;
            let standing = loaded.of_kind(KIND).next();
            if let Some(record) = standing {
                let hold: Hold = record::read(record)?;
                if hold.lifted_at.is_none() {
                    let same = hold.covers == covers;
                    let other = "a legal hold of this name stands for another subject; choose another name";
                    return if same {
                        Ok((Change::default(), ()))
                    } else {
                        Err(Refusal::Standing(other.to_owned()))
                    };
                }
            }
            let placed = Hold { placed_at: loaded.now, placed_by: holder.person, lifted_at: None, covers };
            let terms = covered.iter().cloned().collect();
            let expect = standing.map_or(0, |record| record.version);
            let entry = Entry { v: 1, at: loaded.now, hold: &id, did: "placed", by: holder.person };
            let change = Change {
                records: vec![record::put(KIND, id.clone(), &placed, terms, Some(expect))?],
                entries: vec![record::bytes(&entry)?],
                ..Change::default()
            };
            Ok((change, ()))
        })
        .await?;
        let open = self.wake_under(&terms).await?;
        Ok(Placed { roots: roots.len(), open })
    }

    /// Every hold by its name, also those that were lifted.
    pub async fn holds(&self, caller: &Caller) -> Result<Vec<(String, Hold)>, Refusal> {
        caller.may(Act::PlaceHold)?;
        let (mut holds, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.store.page(KIND, after.as_deref(), 200).await?;
            let Some(last) = page.last() else { return Ok(holds) };
            after = Some(last.id.clone());
            for record in &page {
                holds.push((record.id.clone(), record::read(record)?));
            }
        }
    }

    /// Lifts a hold. What waited for that is judged again.
    pub async fn lift_hold(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        let holder = caller.may(Act::PlaceHold)?.clone();
        check_name(name)?;
        let needs = Needs {
            records: vec![holder.need(), (KIND.to_owned(), Find::Id(name.to_owned()))],
            ..Needs::default()
        };
        let id = name.to_owned();
        self.act(needs, move |loaded| {
            holder.recheck(loaded)?;
            let standing = loaded.of_kind(KIND).next().ok_or(Refusal::NotFound("legal hold"))?;
            let hold: Hold = record::read(standing)?;
            if hold.lifted_at.is_some() {
                return Ok((Change::default(), ()));
            }
            let lifted = Hold { lifted_at: Some(loaded.now), ..hold };
            let entry = Entry { v: 1, at: loaded.now, hold: &id, did: "lifted", by: holder.person };
            let change = Change {
                // Without terms nothing finds it any more; the record stays for whoever reads the ledger.
                records: vec![record::put(KIND, id.clone(), &lifted, Vec::new(), Some(standing.version))?],
                entries: vec![record::bytes(&entry)?],
                jobs: vec![wish("rejudge", rejudge::ALL.to_owned(), loaded.now)],
                ..Change::default()
            };
            Ok((change, ()))
        })
        .await?;
        Ok(())
    }

    /// Wishes a judgement of every open request under any of these terms, and answers which they are.
    async fn wake_under(&self, terms: &BTreeSet<IndexTerm>) -> Result<Vec<(RequestId, Status)>, Refusal> {
        let mut open = Vec::new();
        for term in terms {
            let statuses = vec![Status::Waiting, Status::Released, Status::Running, Status::Stuck];
            let query = Query { statuses, terms: vec![term.clone()], limit: 1000, ..Query::default() };
            open.extend(self.store.list(query).await?.into_iter().map(|row| (row.id, row.status)));
        }
        open.sort();
        open.dedup();
        self.wish_advance(open.iter().map(|(id, _)| *id).collect()).await?;
        Ok(open)
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if fits {
        Ok(())
    } else {
        Err(Refusal::invalid(
            "id",
            "is 1 to 64 letters, digits, `-`, `_` and `.`; it names a case, never a person",
        ))
    }
}
