//! Ways along foreign keys from the root downwards, and a first treatment for each. It must not know how the text of
//! a map looks.

mod reach;
mod table;

use countersign_core::plan::Treatment;

use super::clearing::{self, Clearing};
use super::root::Root;
use super::{need, words};
use crate::catalog::{Catalog, ForeignKey, Table};
use reach::Reach;
use table::Drawing;

/// The legal basis that is proposed where rows look like what the law wants kept.
pub(super) const BY_LAW: &str = "legal_obligation";
/// Stands where rows have to stay and nobody has said why they may.
pub(super) const UNDECIDED: &str = "to_be_decided";

/// A map as it is drawn.
pub(super) struct Sketch<'a> {
    /// What becomes of the root row.
    pub(super) root: Rule,
    /// Pointers of other people's root rows.
    pub(super) root_ways: Vec<Way>,
    pub(super) root_remarks: Vec<String>,
    /// The nearest to the root first, then by name.
    pub(super) tables: Vec<Drawn<'a>>,
}

/// A table with rows of the subject, or with pointers to them.
pub(super) struct Drawn<'a> {
    pub(super) table: &'a Table,
    pub(super) ways: Vec<Way>,
    pub(super) remarks: Vec<String>,
}

/// A way by which rows are reached.
pub(super) struct Way {
    pub(super) from: String,
    /// Pairs of the own and the other table's column.
    pub(super) on: Vec<(String, String)>,
    pub(super) rule: Rule,
}

/// What happens to rows, and why.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) treatment: Treatment,
    pub(super) basis: Option<&'static str>,
    pub(super) clearing: Clearing,
    pub(super) reason: String,
    pub(super) doubts: Vec<String>,
}

impl Rule {
    pub(super) fn new(treatment: Treatment, reason: impl Into<String>) -> Self {
        Self { treatment, basis: None, clearing: Clearing::default(), reason: reason.into(), doubts: vec![] }
    }

    pub(super) fn doubted(mut self, doubt: impl Into<String>) -> Self {
        self.doubts.push(doubt.into());
        self
    }
}

impl Drawn<'_> {
    pub(super) fn has(&self, treatments: &[Treatment]) -> bool {
        self.ways.iter().any(|it| treatments.contains(&it.rule.treatment))
    }
}

impl Sketch<'_> {
    pub(super) fn drawn(&self, table: &str) -> Option<&Drawn<'_>> {
        self.tables.iter().find(|it| it.table.name == table)
    }

    /// Whether rows of `table` are reached through rows of `origin`.
    fn comes_from(&self, table: &str, origin: &str) -> bool {
        let ways = self.drawn(table).into_iter().flat_map(|it| &it.ways);
        let mut leads = ways.filter(|it| it.rule.treatment != Treatment::Detach);
        leads.any(|it| it.from == origin || self.comes_from(&it.from, origin))
    }
}

/// Draws the map of everything below `root`.
pub(super) fn draw<'a>(catalog: &'a Catalog, root: &Root<'a>) -> Sketch<'a> {
    let reach = Reach::of(catalog, &root.table.name);
    let mut sketch = Sketch {
        root: Rule::new(Treatment::Delete, "nothing that stays needs the row"),
        root_ways: vec![],
        root_remarks: vec![],
        tables: vec![],
    };
    let mut lent = vec![];
    for name in reach.order() {
        let Some(table) = catalog.tables.get(name) else { continue };
        let drawn = Drawing { catalog, root, reach: &reach, sketch: &sketch, table }.draw(&mut lent);
        sketch.tables.push(drawn);
    }
    asides(catalog, root, &reach, &mut sketch);
    into_root(catalog, root, &reach, &mut sketch, &mut lent);
    for key in catalog.keys.iter().filter(|it| reach.lends_from_above(it, catalog)) {
        lent.push(key);
    }
    // Catalogues come in any order; the map does not.
    lent.sort_by_key(|it| (&it.parent, &it.child, &it.on));
    lent.dedup();
    for key in lent {
        lend(catalog, key, &mut sketch);
    }
    need::settle(catalog, root, &mut sketch);
    sketch
}

/// Rows that stay: without the person, as far as there is one in them. The basis is for the caller to say.
pub(super) fn staying(table: &Table, catalog: &Catalog, why: String) -> Rule {
    let clearing = clearing::of(table, &table.primary_key, catalog);
    if clearing.is_nothing() {
        let doubts = clearing.doubts;
        return Rule { doubts, ..Rule::new(Treatment::Keep, format!("{why}; nothing personal in it")) };
    }
    let doubts = clearing.doubts.clone();
    Rule { clearing, doubts, ..Rule::new(Treatment::Clear, format!("{why}; without the person")) }
}

fn detach(key: &ForeignKey, why: &str) -> Way {
    Way { from: key.parent.clone(), on: key.on.clone(), rule: Rule::new(Treatment::Detach, why) }
}

pub(super) fn columns(key: &ForeignKey) -> String {
    key.columns().join(", ")
}

/// Tables that only point to the subject's rows.
fn asides<'a>(catalog: &'a Catalog, root: &Root<'a>, reach: &Reach<'a>, sketch: &mut Sketch<'a>) {
    for table in catalog.tables.values().filter(|it| it.name != root.table.name && !reach.reaches(&it.name)) {
        let keys = reach.keys_of(catalog, &table.name).into_iter().filter(|it| it.parent != table.name);
        let ways: Vec<Way> = keys
            .map(|key| {
                let mut way = detach(key, "says who did something, not whose the row is");
                way.rule.doubts.push("if the row is the subject's, `delete` it".to_owned());
                way
            })
            .collect();
        if !ways.is_empty() {
            sketch.tables.push(Drawn { table, ways, remarks: vec![] });
        }
    }
}

/// Keys of the root itself.
fn into_root<'a>(
    catalog: &'a Catalog,
    root: &Root<'a>,
    reach: &Reach<'a>,
    sketch: &mut Sketch<'a>,
    lent: &mut Vec<&'a ForeignKey>,
) {
    for key in catalog.keys.iter().filter(|it| it.child == root.table.name) {
        let nullable = !key.emptiable(catalog).is_empty();
        if key.parent == key.child {
            match nullable {
                true => sketch.root_ways.push(detach(key, "other people's rows lose their pointer to this one")),
                false => sketch.root_remarks.push(format!(
                    "DOUBT: `{}` points to the table itself and may not be NULL: somebody else's row that points to one \
                     that goes stops the erasure",
                    columns(key)
                )),
            }
        } else if reach.reaches(&key.parent) {
            match nullable {
                true => sketch
                    .root_ways
                    .push(detach(key, "points to rows that are reached from here: other people's lose it")),
                false => lent.push(key),
            }
        } else if words::is_staff(&key.parent) {
            sketch.root_remarks.push(format!(
                "`{}` points to `{}`, which looks like staff: not the subject's, and left alone",
                columns(key),
                key.parent
            ));
        }
    }
    sketch.root_ways.sort_by(|a, b| (&a.from, &a.on).cmp(&(&b.from, &b.on)));
}

/// Rows that rows of the subject point to and that other people's may point to as well: they go with the last.
fn lend<'a>(catalog: &'a Catalog, key: &'a ForeignKey, sketch: &mut Sketch<'a>) {
    if sketch.comes_from(&key.child, &key.parent) {
        return;
    }
    let mut on: Vec<(String, String)> =
        key.on.iter().map(|(own, other)| (other.clone(), own.clone())).collect();
    on.sort();
    let rule = Rule::new(Treatment::KeepForOthers, format!("rows of `{}` point to it", key.child))
        .doubted("may several people share such a row? It stays until the last of them goes");
    let way = Way { from: key.child.clone(), on, rule };
    let Some(table) = catalog.tables.get(&key.parent) else { return };
    if !sketch.tables.iter().any(|it| it.table.name == table.name) {
        sketch.tables.push(Drawn { table, ways: vec![], remarks: vec![] });
    }
    let Some(drawn) = sketch.tables.iter_mut().find(|it| it.table.name == table.name) else { return };
    for owned in drawn.ways.iter_mut().filter(|it| it.rule.treatment == Treatment::Delete) {
        owned.rule.treatment = Treatment::KeepForOthers;
        owned.rule.reason = format!("the subject's own, while nobody else's `{}` points to it", key.child);
    }
    drawn.ways.push(way);
}
