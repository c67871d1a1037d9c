//! Locks are rows of the table `lock`, taken in the order of their names. A gauge is locked by the names of its actions
//! and of every root of the request; whoever writes what such a decision reads takes the lock of the same name.

use std::collections::BTreeSet;

use countersign_core::id::RequestId;
use countersign_service::ports::store::Gauge;

use super::statement::Statement;
use super::value::bytes;

/// The lock of the settings: shared by decisions that look at a gauge, held by whoever enters new ones.
pub(super) const SETTINGS: &str = "settings";

/// The lock of an action's gauge.
pub(super) fn action(name: &str) -> String {
    format!("action/{name}")
}

/// The lock of a root: its first two bytes, which are those of a keyed hash. Two roots that share a lock wait for each
/// other without need, and nothing more.
pub(super) fn root(value: &[u8]) -> String {
    let mut name = "root/".to_owned();
    for byte in value.iter().take(2) {
        name.push_str(&format!("{byte:02x}"));
    }
    name
}

/// [`root`] of every root of request `$2`, said in SQL, with the names `$1`.
const OF_GAUGE: &str = "select unnest($1::text[]) union \
     select 'root/' || encode(substr(value, 1, 2), 'hex') from request_term where request = $2 and name = 'root'";

/// Takes the locks of a gauge, and shares that of the settings.
pub(super) fn of_gauge(gauge: &Gauge, request: Option<RequestId>) -> [Statement; 3] {
    let names: Vec<String> = gauge.actions.iter().map(|name| action(name)).collect();
    let request = request.map(bytes).unwrap_or_default();
    [
        Statement::plain(
            format!(
                "insert into lock (name) select n from ({OF_GAUGE}) of_gauge (n) order by n on conflict (name) do nothing"
            ),
            vec![Box::new(names.clone()), Box::new(request.clone())],
        ),
        Statement::plain(
            format!("select name from lock where name = any(array({OF_GAUGE})) order by name for update"),
            vec![Box::new(names), Box::new(request)],
        ),
        Statement::plain(format!("select name from lock where name = '{SETTINGS}' for share"), Vec::new()),
    ]
}

/// Takes these locks.
pub(super) fn take(names: BTreeSet<String>) -> [Statement; 2] {
    let names: Vec<String> = names.into_iter().collect();
    [
        Statement::plain(
            "insert into lock (name) select n from unnest($1::text[]) named (n) order by n on conflict (name) do nothing",
            vec![Box::new(names.clone())],
        ),
        Statement::plain(
            "select name from lock where name = any($1::text[]) order by name for update",
            vec![Box::new(names)],
        ),
    ]
}
