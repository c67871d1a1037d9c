//! Votes that need their voter to be there: actions that the settings name take them from a session alone, and only soon
//! after its holder proved to be present.

use super::session::{self, Session};
use crate::caller::Holder;
use crate::ports::store::Loaded;
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
