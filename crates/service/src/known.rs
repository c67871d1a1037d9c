//! Callers that were seen a moment ago: for calls whose own transaction looks at the token again, so that nothing has to
//! be asked before it.

use std::collections::HashMap;
use std::sync::Mutex;

use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::keys::Keys;
use crate::ports::store::{Find, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::token::{self, Token};

/// How long a caller is remembered: so long at least it goes unnoticed here that a token was *given* more.
const LIVES_MS: i64 = 60_000;
/// Callers remembered at most.
const MANY: usize = 1024;

/// Who may submit, by the key of the token, and when that was read.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<String, (Holder, Timestamp)>>);

impl Known {
    fn seen(&self, key: &str, now: Timestamp) -> Option<Holder> {
        let known = self.0.lock().ok()?;
        let (holder, at) = known.get(key)?;
        (0..LIVES_MS).contains(&now.since_ms(*at)).then(|| holder.clone())
    }

    fn remember(&self, holder: &Holder, now: Timestamp) {
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= MANY {
                known.clear();
            }
            known.insert(holder.key.clone(), (holder.clone(), now));
        }
    }

    fn forget(&self, key: &str) -> bool {
        self.0.lock().is_ok_and(|mut known| known.remove(key).is_some())
    }
}

impl Service {
    /// Who calls with this token in order to submit. The token is looked at again by [`Service::submit`], and by nothing
    /// else: no other call may rest on this.
    pub async fn submitter(&self, bearer: &str) -> Result<Caller, Refusal> {
        let now = (self.clock)();
        let ours = Keys::named_by(bearer).is_none();
        if let Some(holder) = ours.then(|| self.known.seen(&Token::key(&self.keys, bearer), now)).flatten() {
            return Ok(Caller::Token(holder));
        }
        let caller = self.caller(bearer).await?;
        if let Caller::Token(holder) = &caller
            && holder.may(Act::Submit)
        {
            self.known.remember(holder, now);
        }
        Ok(caller)
    }

    /// A holder that was only remembered, as it stands now; `None` if it was not, so that there is nothing to look up.
    pub(crate) async fn not_only_remembered(&self, holder: &Holder) -> Result<Option<Holder>, Refusal> {
        if !self.known.forget(&holder.key) {
            return Ok(None);
        }
        let records = vec![(token::KIND.to_owned(), Find::Id(holder.key.clone()))];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let record = loaded.of_kind(token::KIND).next().ok_or(Refusal::Unauthenticated)?;
        record::read::<Token>(record)?
            .holder(&record.id, loaded.now)
            .ok_or(Refusal::Unauthenticated)
            .map(Some)
    }
}
