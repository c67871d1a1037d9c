//! Votes that need their voter to be there: actions that the settings name take them from a session alone, and only soon
//! after its holder proved to be present.

use countersign_core::id::RequestId;

use super::session::{self, Session};
use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::ports::store::{Loaded, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Whether `holder` may vote on this action now, inside the transaction of the vote. A token proves nobody's presence.
pub(crate) fn check(
    settings: &Settings,
    action: &str,
    holder: &Holder,
    loaded: &Loaded,
) -> Result<(), Refusal> {
    // Settings that were changed a moment ago may name the action.
    if loaded.settings_version != settings.version {
        return Err(Refusal::Again);
    }
    let Some(within_ms) = settings.actions.get(action).and_then(|action| action.step_up_ms) else {
        return Ok(());
    };
    let own = loaded.of_kind(session::KIND).find(|found| holder.session && found.id == holder.key);
    let session: Option<Session> = own.map(record::read).transpose()?;
    let proved_at = session.and_then(|session| session.proved_at);
    let fresh = proved_at.is_some_and(|at| loaded.now.since_ms(at) < within_ms);
    fresh.then_some(()).ok_or(Refusal::StepUp { within_ms })
}

impl Service {
    /// Whether somebody could vote on all of these now, as far as being there goes. Each vote asks again for itself; this is
    /// for whoever casts several, so that they are asked before the first and not in the middle.
    ///
    /// # Errors
    /// When they have to prove first that they are there, or may not vote at all.
    pub async fn present_for(&self, caller: &Caller, ids: &[RequestId]) -> Result<(), Refusal> {
        let holder = caller.may(Act::Vote)?;
        for id in ids {
            let mut asked = self.present_once(holder, *id).await;
            if asked == Err(Refusal::Again) {
                self.reload().await?;
                asked = self.present_once(holder, *id).await;
            }
            asked?;
        }
        Ok(())
    }

    async fn present_once(&self, holder: &Holder, id: RequestId) -> Result<(), Refusal> {
        let settings = self.settings().await?;
        let needs = Needs { request: Some(id), records: vec![holder.need()], ..Needs::default() };
        let loaded = self.store.load(needs).await?;
        // What is not there is refused by its own vote.
        let Some(request) = &loaded.request else { return Ok(()) };
        check(&settings, &request.row.action, holder, &loaded)
    }
}
