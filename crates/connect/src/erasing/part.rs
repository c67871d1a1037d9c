//! A part of a step, in a transaction of its own: the keys of the step and of the part first, then picking, clearing or
//! deleting, comparing, commit (`docs/decisions/027-erasure-in-parts.md`).

use std::ops::ControlFlow::{self, Break, Continue};

use countersign_core::plan::Counts;
use countersign_core::receipt::ReceiptKey;
use countersign_service::ports::source::{Stepped, Target};

use super::{
    Step, Transacting, act, as_they_should_be, old_rows, record, roots_missing, so_far, standing, starts,
};
use crate::footprint::part::Portion;
use crate::job::{beyond, other_schema, refused};
use crate::sql::Sql;

/// Does a part of a step; `None` if nothing is left that goes in parts.
pub(crate) async fn part<T: Transacting>(mut on: T, step: &Step<'_>) -> Result<Option<Stepped>, T::Error> {
    let whole = ReceiptKey { chunk: 0, ..step.key.clone() };
    // INVARIANT 6: whoever does a part holds the key of the whole meanwhile; once it is taken there are no parts.
    if !on.take(&whole).await? {
        return standing(&mut on, &whole).await.map(Some);
    }
    if !on.take(step.key).await? {
        return standing(&mut on, step.key).await.map(Some);
    }
    let before = so_far(&mut on, step.key).await?;
    let portions = match ahead(&mut on, step, before.is_none()).await? {
        Continue(portions) => portions,
        Break(stepped) => return Ok(Some(stepped)),
    };
    let mut room = u64::from(step.map.chunk_rows.unwrap_or(u32::MAX));
    let mut touched = Counts::default();
    for mut portion in portions {
        on.collect(portion.number, portion.pick(room)).await?;
        on.make(&portion.makings).await?;
        let done = act(&mut on, &portion.act, &portion.table, room).await?;
        if let Some(sql) = &portion.undone {
            let undone = on.lines(sql).await?.iter().map(|(_, rows)| rows).sum();
            as_they_should_be(on.source(), &portion.table, undone)?;
        }
        if done > 0 {
            touched.add(on.source(), &portion.table, done);
        }
        room -= done;
        if room == 0 {
            break;
        }
    }
    if touched.rows() == 0 {
        return Ok(None);
    }
    let mut sum = before.unwrap_or_default();
    sum.add_all(&touched);
    if beyond(&sum, step.ceiling) {
        return Ok(Some(Stepped::Beyond { counted: sum }));
    }
    let receipt = record(&mut on, step.key, touched).await?;
    on.give_back(&whole).await?;
    on.commit().await?;
    Ok(Some(Stepped::Part(receipt)))
}

/// What goes in parts, or why nothing may; what leads to those rows is collected. Before the first part, looks whether
/// the whole may be done.
async fn ahead<T: Transacting>(
    on: &mut T,
    step: &Step<'_>,
    first: bool,
) -> Result<ControlFlow<Stepped, Vec<Portion>>, T::Error> {
    let read = on.read().await?;
    let roots = match step.target {
        Target::Subject(roots) => roots,
        Target::Dataset { name, before } => {
            let purge = on.purge(step.map, &read, name)?;
            if let Some(what) = other_schema(step.map, &purge.fingerprint()) {
                return Ok(Break(Stepped::Changed { what: what.to_owned() }));
            }
            if first {
                let counted = old_rows(on, &purge, *before).await?;
                if beyond(&counted, step.ceiling) {
                    return Ok(Break(Stepped::Beyond { counted }));
                }
            }
            return Ok(Continue(purge.portions(*before)));
        }
    };
    let footprint = on.footprint(step.map, &read)?;
    if let Some(what) = other_schema(step.map, &footprint.fingerprint()) {
        return Ok(Break(Stepped::Changed { what: what.to_owned() }));
    }
    let starts = starts(on, step.map, roots)?;
    if let Some(what) = roots_missing(on, &footprint, &starts).await? {
        return Ok(Break(Stepped::Changed { what }));
    }
    if first {
        let found = on.lines(&footprint.look_ahead(&starts)).await?;
        let counted = footprint.counts(on.source(), &found);
        if beyond(&counted, step.ceiling) {
            return Ok(Break(Stepped::Beyond { counted }));
        }
        if let Some(sql) = footprint.strangers_ahead(&starts)
            && let Some(reason) = footprint.stopped(&on.lines(&sql).await?)
        {
            return Err(refused(on.source(), reason).into());
        }
    }
    let portions = footprint.portions(&starts);
    for i in footprint.reach_order.iter().copied() {
        if !portions.iter().any(|it| it.needs.contains(&i)) {
            continue;
        }
        let mut sql = Sql::new(on.dialect());
        footprint.reached(i, &starts, &mut sql);
        on.collect(i, &sql).await?;
    }
    Ok(Continue(portions))
}
