//! What was asked of a browser and is not answered yet. It is kept here and never in the browser, lives for minutes, and is
//! gone with its answer.

use countersign_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::Service;
use crate::keys::{Keys, mac};
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;

const KIND: &str = "ceremony";
const LIVES_MS: i64 = 5 * 60_000;

/// What for. An answer to one is none to another.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    SignIn,
    Enrol,
    Again,
    Device,
    /// The word is the request's: whoever has its key may be at another browser by then.
    Prove,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Purpose::SignIn => "sign_in",
            Purpose::Enrol => "enrol",
            Purpose::Again => "again",
            Purpose::Device => "device",
            Purpose::Prove => "prove",
        }
    }
}

/// What to load. `word` is what the browser's forms are tied to.
pub(super) fn need(keys: &Keys, purpose: Purpose, word: &str) -> (String, Find) {
    (KIND.to_owned(), Find::Id(id(keys, purpose, word)))
}

fn id(keys: &Keys, purpose: Purpose, word: &str) -> String {
    hex::encode(mac(&keys.index, &[b"ceremony", purpose.word().as_bytes(), word.as_bytes()]))
}

/// Gone, with whatever became of it.
pub(super) fn end(loaded: &Loaded) -> Vec<RecordChange> {
    loaded
        .of_kind(KIND)
        .map(|found| RecordChange::Delete { kind: KIND.to_owned(), id: found.id.clone() })
        .collect()
}

/// What was asked, as long as it may be answered.
pub(super) fn standing<T: DeserializeOwned>(loaded: &Loaded) -> Result<T, Refusal> {
    let found = loaded.of_kind(KIND).next().filter(|found| is_young(found.expires_at, loaded.now));
    record::read(found.ok_or(Refusal::NoChallenge)?)
}

fn is_young(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|at| now < at)
}

impl Service {
    /// Keeps what is asked of a browser, in place of what was asked of it before. Answers until when it may be answered.
    pub(super) async fn begin_ceremony(
        &self,
        purpose: Purpose,
        word: &str,
        state: &impl Serialize,
    ) -> Result<Timestamp, Refusal> {
        let (id, body) = (id(&self.keys, purpose, word), record::bytes(state)?);
        self.act(Needs::default(), move |loaded| {
            let until = loaded.now.plus_ms(LIVES_MS);
            let put = RecordChange::Put {
                kind: KIND.to_owned(),
                id: id.clone(),
                body: body.clone(),
                terms: Vec::new(),
                expires_at: Some(until),
                expect: None,
            };
            Ok((Change { records: vec![put], ..Change::default() }, until))
        })
        .await
        .map(|(_, until)| until)
    }

    /// What was asked of a browser.
    pub(super) async fn ceremony<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        word: &str,
    ) -> Result<T, Refusal> {
        let records = vec![need(&self.keys, purpose, word)];
        standing(&self.store.load(Needs { records, ..Needs::default() }).await?)
    }
}
