//! The table `settings`: every version of the settings, the highest being the active one.

use countersign_core::time::Timestamp;
use countersign_service::ports::store::NewSettings;

use super::chain::Chain;
use super::statement::Broken;
use super::value::int;
use crate::fault::Fault;

/// The settings of a version.
pub(super) const OF_VERSION: &str = "select version, body from settings where version = $1";
/// The active settings.
pub(super) const ACTIVE: &str = "select version, body from settings order by version desc limit 1";

/// Adds the version after the active one. Whoever does holds the lock of the settings.
pub(super) fn change(
    writes: &mut Chain,
    new: &NewSettings,
    active: u64,
    now: Timestamp,
) -> Result<(), Fault> {
    // Entered meanwhile: decided again, and then it is a conflict or not.
    let broken = if new.version == active + 1 { Broken::Raced } else { Broken::Conflict };
    let statement = writes.changing("settings");
    let version = statement.value(int(new.version)?);
    let at = statement.value(now.as_millis());
    let body = statement.value(new.body.clone());
    statement.part(
        "entered",
        &format!(
            "insert into settings (version, at, body) select {version}::bigint, {at}::bigint, {body}::bytea \
             where {version}::bigint = (select coalesce(max(version), 0) + 1 from settings) returning 1"
        ),
    );
    statement.guard("entered", 1, broken);
    Ok(())
}
