//! Fetching an export: by whoever proved to be the subject, or asked for it with proof from outside; after a proof that is
//! not old, as often as the settings say, counted in the store.

pub(crate) mod fresh;

use countersign_core::id::RequestId;
use countersign_core::request::{Ending, State};
use countersign_core::subject::Requester;
use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::jobs::unpack::{self, Packed};
use crate::keys::Keys;
use crate::person;
use crate::ports::store::{Change, Loaded, Needs};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::field;
use crate::settings::Settings;

/// A last fetch may take so long before the package goes.
const LAST_FETCH_MS: i64 = 3_600_000;

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
    /// How often still.
    pub left: u32,
    /// Whether the latest proof is young enough to fetch it now.
    pub proved: bool,
}

/// A fetch that was begun, and counted.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// What is fetched.
    pub package: Package,
    request: RequestId,
    made: String,
}

struct Standing {
    packed: Packed,
    version: u64,
    proved: bool,
    left: u32,
}

impl Service {
    /// What there is to fetch. Looking counts nothing.
    ///
    /// # Errors
    /// There is none, or not for this caller.
    pub async fn package(&self, caller: &Caller, id: RequestId) -> Result<Package, Refusal> {
        let settings = self.settings().await?;
        let loaded = self.store.load(needs(caller, id)).await?;
        let standing = standing(&self.keys, &settings, &loaded, caller, id)?;
        Ok(standing.package(id))
    }

    /// Begins to fetch it, which is counted: also if the way breaks off.
    ///
    /// # Errors
    /// There is none, or not for this caller; the proof is too old; it was fetched as often as it may be.
    pub async fn fetch_package(&self, caller: &Caller, id: RequestId) -> Result<Fetch, Refusal> {
        let settings = self.settings().await?;
        let (keys, caller) = (self.keys.clone(), caller.clone());
        let (_, fetch) = self
            .act(needs(&caller, id), move |loaded| {
                if let Caller::Token(holder) = &caller {
                    holder.recheck(loaded)?;
                }
                let standing = standing(&keys, &settings, loaded, &caller, id)?;
                if !standing.proved {
                    return Err(Refusal::ProofTooOld);
                }
                if standing.left == 0 {
                    let said = "the package was fetched as often as it may be: ask for it again";
                    return Err(Refusal::Standing(said.to_owned()));
                }
                let mut package = standing.package(id);
                package.left -= 1;
                let fetched = standing.packed.fetched + 1;
                let packed = Packed { fetched, ..standing.packed };
                let entry = unpack::Entry {
                    v: 1,
                    at: loaded.now,
                    request: id,
                    package: "fetched",
                    fetch: Some(fetched),
                };
                let terms = loaded.request.iter().flat_map(|request| &request.terms);
                let roots = terms.filter(|term| term.name == "root").cloned().collect();
                let ends = loaded.now.plus_ms(LAST_FETCH_MS).min(packed.until);
                let change = Change {
                    records: vec![record::put(
                        unpack::KIND,
                        id.to_string(),
                        &packed,
                        roots,
                        Some(standing.version),
                    )?],
                    entries: vec![record::bytes(&entry)?],
                    jobs: (package.left == 0).then(|| unpack::at(id, ends)).into_iter().collect(),
                    ..Change::default()
                };
                Ok((change, Fetch { package, request: id, made: packed.made }))
            })
            .await?;
        Ok(fetch)
    }

    /// One part of it, from 0.
    ///
    /// # Errors
    /// There is no such part; or the package was destroyed meanwhile, as by an erasure.
    pub async fn package_part(&self, fetch: &Fetch, part: u64) -> Result<Vec<u8>, Refusal> {
        let none = Refusal::NotFound("package");
        let id = fetch.request;
        let records = vec![unpack::need(id)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let packed: Packed = record::read(loaded.of_kind(unpack::KIND).next().ok_or(none.clone())?)?;
        if packed.made != fetch.made {
            return Err(none);
        }
        if part >= packed.parts {
            return Err(Refusal::NotFound("part"));
        }
        let whole = self.data_key(id).await?.ok_or(none.clone())?;
        let name = field::package_key(&packed.made);
        let broken = |_| Refusal::Damaged("a part of a package cannot be opened".to_owned());
        let key = self.store.sealed(id, &name).await?.filter(|key| !key.is_empty()).ok_or(none.clone())?;
        let key = whole.open_within(&name, &key).map_err(broken)?;
        let sealed = self.store.sealed(id, &field::package(&packed.made, part)).await?.ok_or(none)?;
        let last = part + 1 == packed.parts;
        key.open_part(&field::package_of(&packed.made), part, last, &sealed).map_err(broken)
    }
}

impl Standing {
    fn package(&self, id: RequestId) -> Package {
        Package {
            name: format!("countersign-{id}.zip"),
            size: self.packed.bytes,
            parts: self.packed.parts,
            until: self.packed.until,
            left: self.left,
            proved: self.proved,
        }
    }
}

fn needs(caller: &Caller, id: RequestId) -> Needs {
    let mut records = vec![unpack::need(id), fresh::need(id)];
    if let Caller::Token(holder) = caller {
        records.extend([holder.need(), person::need(holder.person)]);
    }
    Needs { request: Some(id), records, ..Needs::default() }
}

fn standing(
    keys: &Keys,
    settings: &Settings,
    loaded: &Loaded,
    caller: &Caller,
    id: RequestId,
) -> Result<Standing, Refusal> {
    let record = loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?;
    let history = History::read(record)?;
    let requester = &history.state().dossier().submitted().asking.requester;
    let young = |at: Timestamp| (0..=settings.package_proof_max_age_ms).contains(&loaded.now.since_ms(at));
    let proved = match caller {
        Caller::Subject(own) if *own == id => {
            fresh::again(loaded)?.into_iter().chain(fresh::in_history(&history)).any(young)
        }
        Caller::Subject(_) => return Err(Refusal::NotFound("request")),
        // Only its own requester; a role that reads everything does not read this.
        Caller::Token(holder) => {
            caller.may(Act::Submit)?;
            let own = record::term("requester", holder.person.as_bytes());
            if *requester == Requester::Subject || !record.terms.contains(&own) {
                return Err(Refusal::NotFound("request"));
            }
            // A program has its token and nothing else; a person who enrolled a device is asked for it.
            let device = match requester {
                Requester::Staff { person } | Requester::Agent { person } => {
                    let people = person::loaded(keys, loaded)?;
                    people.get(person).is_some_and(|(person, _)| person.totp.is_some())
                }
                Requester::Subject | Requester::Service { .. } | Requester::Schedule { .. } => false,
            };
            !device || fresh::again(loaded)?.is_some_and(young)
        }
    };
    let State::Ended(_, Ending::Completed { outcome, .. }) = history.state() else {
        return Err(Refusal::Rule(countersign_core::request::Refusal::TooEarly));
    };
    let found = loaded.of_kind(unpack::KIND).next().filter(|_| outcome.package);
    let found = found.ok_or(Refusal::NotFound("package"))?;
    let packed: Packed = record::read(found)?;
    if packed.form != unpack::FORM {
        return Err(Refusal::NotFound("package"));
    }
    if packed.until <= loaded.now {
        return Err(Refusal::Standing("the package is not kept any longer: ask for it again".to_owned()));
    }
    let left = settings.package_fetches.saturating_sub(packed.fetched);
    Ok(Standing { version: found.version, packed, proved, left })
}
