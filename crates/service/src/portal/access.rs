//! Which of a request's derived tokens opens it. Whoever proves at the portal to read the subject's mail takes the
//! request over: it opens in that browser from then on, and no longer in the one where the address was merely typed.

use countersign_core::id::RequestId;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::Caller;
use crate::ports::store::{Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;

/// The kind of record. It never runs out: without it the first token would open the request again.
const KIND: &str = "subject_access";

#[derive(Default, Serialize, Deserialize)]
struct Access {
    turn: u32,
}

pub(super) fn need(request: RequestId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(request.to_string()))
}

/// How often the request was taken over, and the version of the record that says so.
pub(super) fn turn(loaded: &Loaded) -> Result<(u32, u64), Refusal> {
    match loaded.of_kind(KIND).next() {
        Some(found) => Ok((record::read::<Access>(found)?.turn, found.version)),
        None => Ok((0, 0)),
    }
}

pub(super) fn put(request: RequestId, turn: u32, expect: u64) -> Result<RecordChange, Refusal> {
    record::put(KIND, request.to_string(), &Access { turn }, Vec::new(), Some(expect))
}

impl Service {
    /// Who calls with a token that names a request of a subject.
    pub(crate) async fn subject(&self, token: &str, request: RequestId) -> Result<Caller, Refusal> {
        let loaded = self.store.load(Needs { records: vec![need(request)], ..Needs::default() }).await?;
        let (turn, _) = turn(&loaded)?;
        let opens = self.keys.opens(token, request, turn);
        opens.then_some(Caller::Subject(request)).ok_or(Refusal::Unauthenticated)
    }
}
