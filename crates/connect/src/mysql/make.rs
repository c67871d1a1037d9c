//! What Rust makes of old values, in a temporary table beside them, for the statements that clear. Old values come out
//! of the source and go back into its transaction alone; the key stays here.

use std::collections::BTreeSet;

use mysql_async::{Error, Value};

use super::connection::Session;
use crate::footprint::clear::Making;
use crate::recipe::PseudonymKey;

/// The table. Where something is replaced twice by the same recipe, each value stands in it once.
pub(super) const TABLE: &str = "countersign_made";
/// Rows that one statement puts there.
const AT_ONCE: usize = 500;

/// Fills the table, if there is anything to be made.
pub(super) async fn before(
    session: &mut Session,
    makings: &[Making],
    key: Option<&PseudonymKey>,
) -> Result<(), Error> {
    if makings.is_empty() {
        return Ok(());
    }
    let exact = session.dialect().exact;
    session.run(&format!("DROP TEMPORARY TABLE IF EXISTS {TABLE}")).await?;
    session
        .run(&format!(
            "CREATE TEMPORARY TABLE {TABLE} (recipe bigint NOT NULL, old longtext COLLATE {exact} NOT NULL, \
             made longtext COLLATE {exact}, KEY (recipe, old(100))) ENGINE = InnoDB CHARACTER SET utf8mb4"
        ))
        .await?;
    let mut known: BTreeSet<(i64, String)> = BTreeSet::new();
    for Making { recipe, sql } in makings {
        let olds = session.texts(sql).await?.into_iter().filter_map(|row| row.into_iter().next().flatten());
        let new: Vec<String> = olds.filter(|it| known.insert((recipe.number(), it.clone()))).collect();
        for some in new.chunks(AT_ONCE) {
            let places = vec!["(?, ?, ?)"; some.len()].join(", ");
            let values = some.iter().flat_map(|old| {
                let made = recipe.make(old.as_bytes(), key);
                [recipe.number().into(), old.as_str().into(), made.map_or(Value::NULL, Value::from)]
            });
            session.execute_with(&format!("INSERT INTO {TABLE} VALUES {places}"), values.collect()).await?;
        }
    }
    Ok(())
}
