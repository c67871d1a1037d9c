//! A whole step, or what its parts left of it, in one transaction.

use std::ops::ControlFlow::{self, Break, Continue};

use countersign_core::plan::Counts;
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{Stepped, Target};

use super::{
    Step, Transacting, act, as_they_should_be, old_rows, pause, record, roots_missing, so_far, standing,
    starts,
};
use crate::footprint::act::Act;
use crate::footprint::reach::Start;
use crate::footprint::{Footprint, lookup};
use crate::job::{beyond, other_schema, plus, refused};
use crate::sql::Sql;

/// What was touched, or why nothing may be.
type End = ControlFlow<Stepped, Counts>;

/// Does a step. Its key is of the whole.
pub(crate) async fn whole<T: Transacting>(mut on: T, step: &Step<'_>) -> Result<Stepped, T::Error> {
    // INVARIANT 6: the receipt is the first statement. Whoever finds its key taken has nothing to do.
    if !on.take(step.key).await? {
        return standing(&mut on, step.key).await;
    }
    let parts = so_far(&mut on, step.key).await?.unwrap_or_default();
    let end = match step.target {
        Target::Subject(roots) => {
            let starts = starts(&on, step.map, roots)?;
            subject(&mut on, step, &starts, &parts).await?
        }
        Target::Dataset { name, before } => dataset(&mut on, step, name, *before, &parts).await?,
    };
    match end {
        Break(stepped) => Ok(stepped),
        Continue(touched) => {
            let receipt = record(&mut on, step.key, touched).await?;
            on.commit().await?;
            Ok(Stepped::Done(receipt))
        }
    }
}

async fn dataset<T: Transacting>(
    on: &mut T,
    step: &Step<'_>,
    name: &str,
    before: Timestamp,
    parts: &Counts,
) -> Result<End, T::Error> {
    let read = on.read().await?;
    let purge = on.purge(step.map, &read, name)?;
    if let Some(what) = other_schema(step.map, &purge.fingerprint()) {
        return Ok(Break(Stepped::Changed { what: what.to_owned() }));
    }
    let counted = old_rows(on, &purge, before).await?;
    let sum = plus(&counted, parts);
    if beyond(&sum, step.ceiling) {
        return Ok(Break(Stepped::Beyond { counted: sum }));
    }
    act(on, &purge.delete(before), &purge.table.name, counted.rows()).await?;
    Ok(Continue(counted))
}

async fn subject<T: Transacting>(
    on: &mut T,
    step: &Step<'_>,
    starts: &[Start],
    parts: &Counts,
) -> Result<End, T::Error> {
    let read = on.read().await?;
    let footprint = on.footprint(step.map, &read)?;
    if let Some(what) = other_schema(step.map, &footprint.fingerprint()) {
        return Ok(Break(Stepped::Changed { what: what.to_owned() }));
    }
    if let Some(what) = roots_missing(on, &footprint, starts).await? {
        return Ok(Break(Stepped::Changed { what }));
    }
    for i in footprint.reach_order.iter().copied().filter(|it| footprint.nodes[*it].held) {
        if let Some(lock) = footprint.lock_shared(i) {
            on.execute(&lock).await?;
        }
        let mut sql = Sql::new(on.dialect());
        footprint.reached(i, starts, &mut sql);
        on.collect(i, &sql).await?;
    }
    let mut sql = Sql::new(on.dialect());
    footprint.count(&mut sql);
    let mut found = on.lines(&sql).await?;
    if parts.rows() > 0 {
        found = without_those_cleared(on, &footprint, found).await?;
    }
    let counted = plus(&footprint.counts(on.source(), &found), parts);
    if beyond(&counted, step.ceiling) {
        return Ok(Break(Stepped::Beyond { counted }));
    }
    if let Some(sql) = footprint.strangers()
        && let Some(reason) = footprint.stopped(&on.lines(&sql).await?)
    {
        return Err(refused(on.source(), reason).into());
    }
    remember(on, &footprint, starts).await?;
    on.make(&footprint.makings()).await?;
    for Act { sql, lines } in footprint.acts() {
        let Some(of) = lines else {
            pause(on).await;
            on.execute(&sql).await?;
            continue;
        };
        let counted = found.iter().filter(|(line, _)| of.contains(line)).map(|(_, rows)| rows).sum();
        let table = of.first().and_then(|it| footprint.lines.get(*it)).map_or("", |it| &*it.table);
        act(on, &sql, table, counted).await?;
    }
    let look = if footprint.catalog.nothing_acts() {
        footprint.left_uncleared()
    } else {
        let mut sql = Sql::new(on.dialect());
        footprint.left(None, &mut sql);
        Some(sql)
    };
    if let Some(sql) = look {
        let left = on.lines(&sql).await?;
        let left = footprint.touched(on.source(), &left);
        if let Some((_, table, rows, _)) = left.beyond(&Counts::default()) {
            as_they_should_be(on.source(), table, rows)?;
        }
    }
    Ok(Continue(footprint.touched(on.source(), &found)))
}

/// What was found, but for rows that parts have cleared: they are reached still, and were counted already.
async fn without_those_cleared<T: Transacting>(
    on: &mut T,
    footprint: &Footprint<'_>,
    mut found: Vec<(usize, u64)>,
) -> Result<Vec<(usize, u64)>, T::Error> {
    let in_parts: Vec<usize> = footprint.cleared_in_parts().into_iter().map(|(_, line, _)| line).collect();
    let mut sql = Sql::new(on.dialect());
    footprint.left(None, &mut sql);
    let left = on.lines(&sql).await?;
    found.retain(|(line, _)| !in_parts.contains(line));
    found.extend(left.into_iter().filter(|(line, _)| in_parts.contains(line)));
    Ok(found)
}

/// Keeps what leads from the root rows to others, for the look afterwards.
async fn remember<T: Transacting>(
    on: &mut T,
    footprint: &Footprint<'_>,
    starts: &[Start],
) -> Result<(), T::Error> {
    for root in &footprint.map.roots {
        let Some((sql, columns)) = footprint.remember(root, starts) else { continue };
        let rows = on.texts(&sql).await?;
        on.memory().keep(rows.into_iter().filter_map(|row| lookup::remembered(root, &columns, row)));
    }
    Ok(())
}
