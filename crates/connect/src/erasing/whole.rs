//! A whole step, or what its parts left of it, in one transaction.

use std::ops::ControlFlow::{self, Break, Continue};

use countersign_core::plan::Counts;
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{SourceError, Stepped, Target};
use countersign_service::settings::datamap::Root;

use super::{
    Answer, Ask, Opened, Step, Transacting, act, answers, as_they_should_be, no_more, old_rows, pause,
    record, roots_there, standing, starts, sum_of,
};
use crate::footprint::Footprint;
use crate::footprint::act::Act;
use crate::footprint::lookup::{self, Remembered};
use crate::footprint::reach::Start;
use crate::job::{beyond, other_schema, plus, refused};
use crate::sql::Sql;

/// What was touched, or why nothing may be.
type End = ControlFlow<Stepped, Counts>;

/// Does a step. Its key is of the whole.
pub(crate) async fn whole<T: Transacting>(mut on: T, step: &Step<'_>) -> Result<Stepped, T::Error> {
    // INVARIANT 6: the receipt is the first statement. Whoever finds its key taken has nothing to do.
    let Some(Opened { parts, read }) = on.open(step.key).await? else {
        return standing(&mut on, step.key).await;
    };
    let parts = sum_of(on.source(), parts)?.unwrap_or_default();
    let end = match step.target {
        Target::Subject(roots) => {
            let starts = starts(&on, step.map, roots)?;
            subject(&mut on, step, &read, &starts, &parts).await?
        }
        Target::Dataset { name, before } => dataset(&mut on, step, &read, name, *before, &parts).await?,
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
    read: &T::Read,
    name: &str,
    before: Timestamp,
    parts: &Counts,
) -> Result<End, T::Error> {
    let purge = on.purge(step.map, read, name)?;
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
    read: &T::Read,
    starts: &[Start],
    parts: &Counts,
) -> Result<End, T::Error> {
    let mut footprint = on.footprint(step.map, read)?;
    if let Some(what) = other_schema(step.map, &footprint.fingerprint()) {
        return Ok(Break(Stepped::Changed { what: what.to_owned() }));
    }
    // What parts have cleared is told from the rest by collected rows.
    let acts = footprint.acts_anew_if(parts.rows() == 0);
    footprint.told = footprint.told_by(&acts);
    let mut seen = look(on, &footprint, starts).await?;
    if let Some((there, wanted)) = seen.roots.iter().find(|(there, wanted)| there != wanted) {
        return Ok(Break(Stepped::Changed { what: roots_there(*there, *wanted) }));
    }
    if parts.rows() > 0 {
        seen.found = without_those_cleared(on, &footprint, seen.found).await?;
    }
    if footprint.told.is_empty()
        && let Some(beyond) = beyond_ceiling(on, step, &footprint, &seen.found, parts)
    {
        return Ok(Break(beyond));
    }
    if let Some(reason) = footprint.stopped(&seen.strangers) {
        return Err(refused(on.source(), reason).into());
    }
    on.make(&footprint.makings()).await?;
    let done = do_all(on, &footprint, starts, acts, &seen).await?;
    seen.found.extend(done);
    // What deletions tell is judged when they have told it: nothing is committed yet.
    if let Some(beyond) = beyond_ceiling(on, step, &footprint, &seen.found, parts) {
        return Ok(Break(beyond));
    }
    on.memory().keep(seen.remembered);
    Ok(Continue(footprint.touched(on.source(), &seen.found)))
}

fn beyond_ceiling<T: Transacting>(
    on: &T,
    step: &Step<'_>,
    footprint: &Footprint<'_>,
    found: &[(usize, u64)],
    parts: &Counts,
) -> Option<Stepped> {
    let counted = plus(&footprint.counts(on.source(), found), parts);
    beyond(&counted, step.ceiling).then_some(Stepped::Beyond { counted })
}

/// What is there before anything is done.
#[derive(Default)]
struct Seen {
    /// How many root rows are there of how many.
    roots: Vec<(usize, usize)>,
    /// `line, rows` of what no deletion tells.
    found: Vec<(usize, u64)>,
    /// The same of rows that are still to be cleared, where each statement says anew which rows it is about: afterwards
    /// nothing may tell any more which rows these were.
    uncleared: Vec<(usize, u64)>,
    /// `guard, rows` of others in the way.
    strangers: Vec<(usize, u64)>,
    /// What leads from the root rows to others, for the look afterwards.
    remembered: Vec<Remembered>,
}

/// What an answer is about.
enum About<'a> {
    Roots(usize),
    Collecting,
    Rows,
    Uncleared,
    Strangers,
    Root(&'a Root, Vec<&'a str>),
}

/// Locks the roots, collects rows where they have to be, and looks at what is there.
async fn look<T: Transacting>(
    on: &mut T,
    footprint: &Footprint<'_>,
    starts: &[Start],
) -> Result<Seen, T::Error> {
    let (abouts, asked) = questions(footprint, starts);
    let mut seen = Seen::default();
    for (about, answer) in abouts.into_iter().zip(answers(on, &asked).await?) {
        match about {
            About::Roots(wanted) => seen.roots.push((answer.texts().len(), wanted)),
            About::Collecting => {}
            About::Rows => seen.found = answer.lines(),
            About::Uncleared => seen.uncleared = answer.lines(),
            About::Strangers => seen.strangers = answer.lines(),
            About::Root(root, columns) => {
                let rows = answer.texts().into_iter();
                seen.remembered.extend(rows.filter_map(|row| lookup::remembered(root, &columns, row)));
            }
        }
    }
    Ok(seen)
}

fn questions<'a>(footprint: &Footprint<'a>, starts: &[Start]) -> (Vec<About<'a>>, Vec<Ask>) {
    let mut all: Vec<(About<'a>, Ask)> = vec![];
    for (wanted, sql) in footprint.count_roots(starts, footprint.dialect.locks_rows()) {
        all.push((About::Roots(wanted), Ask::Texts(sql)));
    }
    let held = footprint.reach_order.iter().copied().filter(|it| footprint.nodes[*it].held);
    for i in held.filter(|_| !footprint.anew) {
        all.extend(footprint.lock_shared(i).map(|it| (About::Collecting, Ask::Execute(it))));
        let mut sql = Sql::new(footprint.dialect);
        footprint.reached(i, starts, &mut sql);
        all.push((About::Collecting, Ask::Collect(i, sql)));
    }
    let rows = footprint.count_before().map(|it| Ask::Lines(footprint.said(starts, it)));
    all.extend(rows.map(|it| (About::Rows, it)));
    if footprint.anew {
        let uncleared = footprint.left_uncleared().map(|it| Ask::Lines(footprint.said(starts, it)));
        all.extend(uncleared.map(|it| (About::Uncleared, it)));
    }
    let strangers = footprint.strangers().map(|it| Ask::Lines(footprint.said(starts, it)));
    all.extend(strangers.map(|it| (About::Strangers, it)));
    for root in &footprint.map.roots {
        if let Some((sql, columns)) = footprint.remember(root, starts) {
            all.push((About::Root(root, columns), Ask::Texts(sql)));
        }
    }
    all.into_iter().unzip()
}

/// What an answer is held against.
enum Bound<'a> {
    None,
    /// The rows of this line are as many as it says.
    Tells(usize),
    /// No more rows of a table than were counted. Fewer may be right, where a row had its value already or the database
    /// itself removed some with others.
    AtMost(&'a str, u64),
    /// As many as were to be cleared: who says anew which rows are the subject's may not find them again.
    Exactly(&'a str, u64),
    /// Nothing may be left.
    Nothing,
}

fn bound<'a>(footprint: &'a Footprint<'_>, seen: &Seen, act: &Act) -> Bound<'a> {
    let Some(of) = &act.lines else { return Bound::None };
    if act.deletes
        && act.writes.iter().any(|it| footprint.told.contains(it))
        && let Some(line) = of.first()
    {
        // Lines of one table are one number where they are judged.
        return Bound::Tells(*line);
    }
    let table = of.first().and_then(|it| footprint.lines.get(*it)).map_or("", |it| &*it.table);
    let rows =
        |all: &[(usize, u64)]| all.iter().filter(|(it, _)| of.contains(it)).map(|(_, rows)| rows).sum();
    if footprint.anew && !act.deletes {
        Bound::Exactly(table, rows(&seen.uncleared))
    } else {
        Bound::AtMost(table, rows(&seen.found))
    }
}

/// Changes and removes rows, and looks whether they are as they should be; `line, rows` of what deletions tell.
async fn do_all<T: Transacting>(
    on: &mut T,
    footprint: &Footprint<'_>,
    starts: &[Start],
    acts: Vec<Act>,
    seen: &Seen,
) -> Result<Vec<(usize, u64)>, T::Error> {
    let mut all: Vec<(Bound<'_>, Ask)> = vec![];
    for act in acts {
        all.push((bound(footprint, seen, &act), Ask::Execute(footprint.said(starts, act.sql))));
    }
    let look = if footprint.anew {
        None
    } else if footprint.catalog.nothing_acts() {
        footprint.left_uncleared()
    } else {
        let mut sql = Sql::new(footprint.dialect);
        footprint.left(None, &mut sql);
        Some(sql)
    };
    all.extend(look.map(|it| (Bound::Nothing, Ask::Lines(it))));
    let mut done = vec![];
    if on.pace().is_zero() {
        let (bounds, asked): (Vec<Bound<'_>>, Vec<Ask>) = all.into_iter().unzip();
        for (bound, answer) in bounds.iter().zip(answers(on, &asked).await?) {
            done.extend(held(on.source(), footprint, bound, answer)?);
        }
        return Ok(done);
    }
    for (bound, ask) in all {
        if !matches!(bound, Bound::Nothing) {
            pause(on).await;
        }
        for answer in answers(on, &[ask]).await? {
            done.extend(held(on.source(), footprint, &bound, answer)?);
        }
    }
    Ok(done)
}

/// The line and its rows, if the answer tells them.
///
/// # Errors
/// `Refused` where an answer is not within its bound.
fn held(
    source: &str,
    footprint: &Footprint<'_>,
    bound: &Bound<'_>,
    answer: Answer,
) -> Result<Option<(usize, u64)>, SourceError> {
    match bound {
        Bound::None => {}
        Bound::Tells(line) => return Ok(Some((*line, answer.touched()))),
        Bound::AtMost(table, counted) => no_more(source, table, answer.touched(), *counted)?,
        Bound::Exactly(table, counted) => {
            let touched = answer.touched();
            no_more(source, table, touched, *counted)?;
            as_they_should_be(source, table, counted - touched)?;
        }
        Bound::Nothing => {
            let left = footprint.touched(source, &answer.lines());
            if let Some((_, table, rows, _)) = left.beyond(&Counts::default()) {
                as_they_should_be(source, table, rows)?;
            }
        }
    }
    Ok(None)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::footprint::given::{DELETE, catalog, map};
    use crate::postgres::dialect::Postgres;

    #[test]
    fn what_is_said_anew_touches_what_was_counted_neither_more_nor_less() {
        let (map, catalog) = (map(DELETE, DELETE), catalog());
        let footprint = Footprint::build(&map, &catalog, &Postgres).0.unwrap();
        let touches = |bound, rows| held("shop", &footprint, &bound, Answer::Touched(rows)).is_ok();
        assert_eq!([1, 2, 3].map(|rows| touches(Bound::Exactly("orders", 2), rows)), [false, true, false]);
        assert_eq!([1, 2, 3].map(|rows| touches(Bound::AtMost("orders", 2), rows)), [true, true, false]);
    }
}
