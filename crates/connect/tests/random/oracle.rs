//! What an erasure must come to, by going over every row again and again: whose it is, what happens to it, what is left
//! of it. Written from the words of the data map's documentation, without a look at any SQL.

use std::collections::BTreeSet;

use countersign_core::plan::Treatment;

use crate::case::{Case, Lead, Row, Table, Way, second};

/// Numbers of rows, by table.
pub type Rows = Vec<BTreeSet<i64>>;

/// The rows that a person reaches, in every way but `detach`.
pub fn reach(case: &Case, person: i64) -> Rows {
    let mut reached: Rows = vec![BTreeSet::new(); case.tables.len()];
    reached[0] = case.tables[0].rows.iter().map(|it| it.id).filter(|it| *it == person).collect();
    for t in 1..case.tables.len() {
        let table = &case.tables[t];
        let ways = || table.ways.iter().filter(|it| it.treatment != Treatment::Detach);
        let mine = table.rows.iter().filter(|row| ways().any(|way| leads(case, table, row, way, &reached)));
        reached[t] = mine.map(|it| it.id).collect();
    }
    reached
}

/// Whether `way` leads from reached rows to `row`.
fn leads(case: &Case, table: &Table, row: &Row, way: &Way, reached: &Rows) -> bool {
    match way.lead {
        Lead::Down(n) => {
            let to = table.pointers[n].to;
            target(case, table, row, n).is_some_and(|it| reached[to].contains(&it))
        }
        Lead::Up { origin, pointer } => {
            let other = &case.tables[origin];
            let rows = other.rows.iter().filter(|it| reached[origin].contains(&it.id));
            rows.into_iter().any(|it| target(case, other, it, pointer) == Some(row.id))
        }
        Lead::Value => row.who.as_ref().is_some_and(|who| reached[0].iter().any(|it| it.to_string() == *who)),
    }
}

/// The number of the row that a whole pointer leads to, if the row is there.
fn target(case: &Case, table: &Table, row: &Row, pointer: usize) -> Option<i64> {
    let other = &case.tables[table.pointers[pointer].to];
    let (first, rest) = row.points[pointer];
    let id = first?;
    (rest == second(other, id) && other.rows.iter().any(|it| it.id == id)).then_some(id)
}

fn gone(table: &Table, id: i64) -> String {
    match second(table, id) {
        Some(second) => format!("gone-{id}-{second}"),
        None => format!("gone-{id}"),
    }
}

fn lives(case: &Case, person: i64) -> bool {
    let people = &case.tables[0];
    let row = people.rows.iter().find(|it| it.id == person);
    row.is_some_and(|it| !case.root_clears || it.note.is_some() || it.what != gone(people, it.id))
}

/// What happens to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    Clear,
    Stay,
    Delete,
}

/// The case after `person` was erased, and how many of that person's rows stayed in some way; `None` where rows of somebody else stand in the way.
pub fn erased(case: &Case, person: i64) -> Option<(Case, u64)> {
    let reached = reach(case, person);
    let people: Vec<i64> = case.tables[0].rows.iter().map(|it| it.id).collect();
    let others: Vec<Rows> =
        people.into_iter().filter(|it| *it != person && lives(case, *it)).map(|it| reach(case, it)).collect();
    let fate = |t: usize, row: &Row| -> Option<Fate> {
        if !reached[t].contains(&row.id) {
            return None;
        }
        if t == 0 {
            return Some(if case.root_clears { Fate::Clear } else { Fate::Delete });
        }
        let table = &case.tables[t];
        let leading: Vec<&Way> =
            table.ways.iter().filter(|it| leads(case, table, row, it, &reached)).collect();
        let any = |wanted: &dyn Fn(&&Way) -> bool| leading.iter().any(wanted);
        let shares = table.ways.iter().any(|it| it.treatment == Treatment::KeepForOthers);
        Some(if any(&|it| it.treatment == Treatment::Keep) {
            Fate::Keep
        } else if any(&|it| it.treatment == Treatment::Clear && it.basis) {
            Fate::Clear
        } else if shares && others.iter().any(|it| it[t].contains(&row.id)) {
            Fate::Stay
        } else if any(&|it| matches!(it.treatment, Treatment::Delete | Treatment::KeepForOthers)) {
            Fate::Delete
        } else {
            Fate::Clear
        })
    };
    let fates: Vec<Vec<Option<Fate>>> = (0..case.tables.len())
        .map(|t| case.tables[t].rows.iter().map(|row| fate(t, row)).collect())
        .collect();
    let fate_of = |t: usize, id: i64| {
        let at = case.tables[t].rows.iter().position(|it| it.id == id);
        at.and_then(|at| fates[t][at])
    };
    let mut after = case.clone();
    for (t, (table, fates)) in case.tables.iter().zip(&fates).enumerate() {
        let mut rows = vec![];
        for (row, fate) in table.rows.iter().zip(fates) {
            if *fate == Some(Fate::Delete) {
                continue;
            }
            let mut left = row.clone();
            if *fate == Some(Fate::Clear) {
                left.what = gone(table, row.id);
                left.note = None;
            }
            for (n, pointer) in table.pointers.iter().enumerate() {
                let Some(id) = target(case, table, row, n) else { continue };
                let theirs = fate_of(pointer.to, id);
                let subjects = theirs.is_some_and(|it| it != Fate::Stay);
                let way = table.ways.iter().find(|it| it.lead == Lead::Down(n)).map(|it| it.treatment);
                let detached = subjects && way == Some(Treatment::Detach);
                let stays = subjects && way.is_some() && *fate == Some(Fate::Stay) && pointer.declared;
                let torn = theirs == Some(Fate::Delete) && pointer.declared;
                if torn && !pointer.nullable {
                    return None;
                }
                if (detached || stays || torn) && pointer.nullable {
                    left.points[n] = (None, None);
                }
            }
            let by_value = table.ways.iter().find(|it| it.lead == Lead::Value);
            if let Some(way) = by_value.filter(|it| leads(case, table, row, it, &reached)) {
                // Nobody else has that number.
                if way.treatment == Treatment::Detach || *fate == Some(Fate::Stay) {
                    left.who = None;
                }
            }
            rows.push(left);
        }
        after.tables[t].rows = rows;
    }
    let staying = fates.iter().flatten().filter(|it| !matches!(it, None | Some(Fate::Delete))).count();
    Some((after, staying as u64))
}
