//! What Rust makes of old values, in a temporary table beside them, for the statements that clear. Old values come out
//! of the source and go back into its transaction alone; the key stays here.

use tokio_postgres::{Error, Transaction};

use super::connection::values;
use crate::footprint::clear::Making;
use crate::recipe::PseudonymKey;

/// The table. Where something is replaced twice by the same recipe, each value stands in it once.
pub(super) const TABLE: &str = "pg_temp.countersign_made";
/// Old values that are in memory at once.
const AT_ONCE: i32 = 1_000;

/// Fills the table, if there is anything to be made.
pub(super) async fn before(
    transaction: &Transaction<'_>,
    makings: &[Making],
    key: Option<&PseudonymKey>,
) -> Result<(), Error> {
    if makings.is_empty() {
        return Ok(());
    }
    transaction
        .batch_execute(
            "DROP TABLE IF EXISTS pg_temp.countersign_made;
             CREATE TEMP TABLE countersign_made (recipe bigint, old text COLLATE \"C\", made text) ON COMMIT DROP;
             CREATE INDEX countersign_made_old ON pg_temp.countersign_made USING hash (old)",
        )
        .await?;
    // Where a value was made already by the same recipe, for another column, it is not put there again.
    let insert = format!(
        "INSERT INTO {TABLE} SELECT $1::bigint, n.old, n.made FROM unnest($2::text[], $3::text[]) AS n (old, made)
          WHERE NOT EXISTS (SELECT 1 FROM {TABLE} AS m WHERE m.recipe = $1::bigint AND m.old = n.old COLLATE \"C\")"
    );
    for Making { recipe, sql } in makings {
        let portal = transaction.bind(&sql.text, &values(sql)).await?;
        loop {
            let rows = transaction.query_portal(&portal, AT_ONCE).await?;
            if rows.is_empty() {
                break;
            }
            let (mut old, mut made) = (vec![], vec![]);
            for row in &rows {
                let text: String = row.try_get(0)?;
                made.push(recipe.make(text.as_bytes(), key));
                old.push(text);
            }
            transaction.execute(&insert, &[&recipe.number(), &old, &made]).await?;
        }
    }
    Ok(())
}
