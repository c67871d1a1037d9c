//! Rows that stay keep the rows that they point to, and rows reached through shared rows are shared too: changes a
//! sketch until that holds. It must not know how the text of a map looks.

use countersign_core::plan::Treatment;

use super::clearing;
use super::root::Root;
use super::sketch::{Rule, Sketch, UNDECIDED, columns, staying};
use crate::catalog::{Catalog, ForeignKey};

/// Settles `sketch`. Treatments only ever change towards staying, so it comes to an end.
pub(super) fn settle(catalog: &Catalog, root: &Root<'_>, sketch: &mut Sketch<'_>) {
    loop {
        let kept = catalog.keys.iter().filter(|it| keep_parent(catalog, root, sketch, it)).count();
        if kept + share(sketch) == 0 {
            break;
        }
    }
    ask_of_parts(sketch);
    drop_idle(root, sketch);
}

/// Asks where a part goes and the whole stays.
fn ask_of_parts(sketch: &mut Sketch<'_>) {
    let whole = |it: &&super::sketch::Drawn<'_>| it.has(&[Treatment::Keep, Treatment::Clear]);
    let staying: Vec<String> = sketch.tables.iter().filter(whole).map(|it| it.table.name.clone()).collect();
    for way in sketch.tables.iter_mut().flat_map(|it| &mut it.ways).filter(|it| staying.contains(&it.from)) {
        if way.rule.treatment == Treatment::Delete {
            way.rule.doubts.push(format!("its row of `{}` stays: should it stay too?", way.from));
        }
    }
}

/// Keeps the rows that `key` points to if rows that stay cannot do without; whether anything changed.
fn keep_parent(catalog: &Catalog, root: &Root<'_>, sketch: &mut Sketch<'_>, key: &ForeignKey) -> bool {
    if key.child == key.parent || !key.emptiable(catalog).is_empty() {
        return false;
    }
    let Some((basis, shared)) = stays(root, sketch, &key.child) else { return false };
    let why = format!("rows of `{}` stay and need it: `{}` may not be NULL", key.child, columns(key));
    if key.parent == root.table.name {
        let clearing = clearing::of(root.table, root.key, catalog);
        if sketch.root.treatment != Treatment::Delete || clearing.is_nothing() {
            return false;
        }
        let doubts = clearing.doubts.clone();
        sketch.root = Rule { clearing, doubts, ..Rule::new(Treatment::Clear, why) };
        return true;
    }
    let Some(drawn) = sketch.tables.iter_mut().find(|it| it.table.name == key.parent) else { return false };
    let goes = |it: &&mut super::sketch::Way| match it.rule.treatment {
        Treatment::Delete => true,
        // Rows reached through shared rows stay exactly as long as those do.
        Treatment::KeepForOthers => !shared,
        Treatment::Clear | Treatment::Keep | Treatment::Detach => false,
    };
    let mut changed = false;
    for way in drawn.ways.iter_mut().filter(goes) {
        let mut rule = staying(drawn.table, catalog, why.clone());
        if way.rule.treatment == Treatment::KeepForOthers {
            // Emptying a row that others share would take from them.
            rule = Rule::new(Treatment::Keep, why.clone());
        }
        rule.basis = basis;
        rule.doubts.extend(std::mem::take(&mut way.rule.doubts));
        if rule.treatment == Treatment::Keep && basis.is_none() {
            rule.basis = Some(UNDECIDED);
            rule = rule.doubted("it stays for no better reason than that: on which legal basis may it?");
        }
        way.rule = rule;
        changed = true;
    }
    changed
}

/// Whether rows of `table` may stay: on which basis, and whether only because others share them.
fn stays(root: &Root<'_>, sketch: &Sketch<'_>, table: &str) -> Option<(Option<&'static str>, bool)> {
    if table == root.table.name {
        return (sketch.root.treatment == Treatment::Clear).then_some((None, false));
    }
    let drawn = sketch.drawn(table)?;
    if drawn.has(&[Treatment::Keep, Treatment::Clear]) {
        let bases = drawn.ways.iter().filter_map(|it| it.rule.basis);
        return Some((bases.into_iter().next(), false));
    }
    drawn.has(&[Treatment::KeepForOthers]).then_some((None, true))
}

/// Rows reached through rows that may stay for others; how many ways changed.
fn share(sketch: &mut Sketch<'_>) -> usize {
    let shared: Vec<String> = sketch
        .tables
        .iter()
        .filter(|it| it.has(&[Treatment::KeepForOthers]))
        .map(|it| it.table.name.clone())
        .collect();
    let mut changed = 0;
    for way in sketch.tables.iter_mut().flat_map(|it| &mut it.ways).filter(|it| shared.contains(&it.from)) {
        let takes = matches!(way.rule.treatment, Treatment::Delete | Treatment::Clear);
        if takes && way.rule.basis.is_none() {
            let reason = format!("stays as long as its row of `{}`, which others may share", way.from);
            way.rule = Rule::new(Treatment::KeepForOthers, reason);
            changed += 1;
        }
    }
    changed
}

/// Takes out what would empty pointers to rows that stay.
fn drop_idle(root: &Root<'_>, sketch: &mut Sketch<'_>) {
    let goes = |sketch: &Sketch<'_>, table: &str| {
        table == root.table.name
            || sketch.drawn(table).is_some_and(|it| it.has(&[Treatment::Delete, Treatment::KeepForOthers]))
    };
    let staying: Vec<String> =
        sketch.tables.iter().map(|it| it.table.name.clone()).filter(|it| !goes(sketch, it)).collect();
    let idle = |it: &super::sketch::Way| it.rule.treatment == Treatment::Detach && staying.contains(&it.from);
    let remark = |it: &super::sketch::Way| {
        let own: Vec<&str> = it.on.iter().map(|(own, _)| &**own).collect();
        format!("`{}` is left alone: the rows of `{}` that it points to stay", own.join(", "), it.from)
    };
    let remarks: Vec<String> = sketch.root_ways.iter().filter(|it| idle(it)).map(remark).collect();
    sketch.root_remarks.extend(remarks);
    sketch.root_ways.retain(|it| !idle(it));
    for drawn in &mut sketch.tables {
        let remarks: Vec<String> = drawn.ways.iter().filter(|it| idle(it)).map(remark).collect();
        drawn.remarks.extend(remarks);
        drawn.ways.retain(|it| !idle(it));
    }
    sketch.tables.retain(|it| !it.ways.is_empty());
}
