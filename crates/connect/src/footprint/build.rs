//! Lays a map over a catalogue: resolves every name, writes the plan's lines, and says what does not fit.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::plan::{PlanLine, Treatment};
use countersign_service::ports::source::{Finding, Severity};
use countersign_service::settings::datamap::{Compare, DataMap, Link, Root, Way};

use super::ties::{self, Ties};
use super::{Detach, Effect, Footprint, Lead, Node, NodeWay, SoftLink, check};
use crate::catalog::{Catalog, Table};
use crate::dialect::Dialect;

/// What was found on the way.
#[derive(Default)]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    pub(crate) fn error(&mut self, message: String) {
        self.0.push(Finding { severity: Severity::Error, message });
    }

    pub(crate) fn warning(&mut self, message: String) {
        self.0.push(Finding { severity: Severity::Warning, message });
    }

    pub(crate) fn note(&mut self, message: String) {
        self.0.push(Finding { severity: Severity::Note, message });
    }

    /// What there is in the source and nobody looked at, and what was known and is gone.
    pub(crate) fn drift(&mut self, map: &DataMap, catalog: &Catalog) {
        let there = catalog.names();
        for new in map.drift(&there) {
            let message = format!("`{new}` is not in [known]: is it the subject's?");
            self.0.push(Finding { severity: Severity::Drift, message });
        }
        for (table, columns) in map.known.iter().flatten() {
            let Some(now) = there.get(table) else {
                self.note(format!("`{table}` is in [known] and not in the source any more"));
                continue;
            };
            for gone in columns.iter().filter(|it| !now.contains(it)) {
                self.note(format!("`{table}.{gone}` is in [known] and not in the source any more"));
            }
        }
    }

    pub(crate) fn are_fatal(&self) -> bool {
        self.0.iter().any(|it| it.severity == Severity::Error)
    }

    /// The errors, for a refusal.
    pub(crate) fn reason(&self) -> String {
        let errors = self.0.iter().filter(|it| it.severity == Severity::Error);
        errors.map(|it| &*it.message).collect::<Vec<_>>().join("; ")
    }
}

impl<'a> Footprint<'a> {
    /// The footprint of `map` in a source, or none if an error is among the findings.
    pub(crate) fn build(
        map: &'a DataMap,
        catalog: &'a Catalog,
        dialect: &'static dyn Dialect,
    ) -> (Option<Self>, Findings) {
        let mut findings = Findings::default();
        check::names(map, catalog, dialect, &mut findings);
        if findings.are_fatal() {
            return (None, findings);
        }
        let mut lines = Lines::default();
        let mut nodes = nodes(map, catalog, &mut lines);
        detaches(map, &mut nodes, &mut lines, catalog, &mut findings);
        let mut footprint = Self {
            map,
            catalog,
            dialect,
            reach_order: reach_order(&nodes),
            nodes,
            lines: lines.lines,
            effects: lines.effects,
            ties: Ties::default(),
            anew: false,
            told: BTreeSet::new(),
        };
        ties::tie(&mut footprint, &mut findings);
        footprint.hold();
        check::fit(&footprint, &mut findings);
        if findings.are_fatal() { (None, findings) } else { (Some(footprint), findings) }
    }

    /// Adds a line for pointers that are emptied although the map does not mention them.
    pub(crate) fn add_implied(&mut self, node: usize, mut detach: Detach<'a>, way: String) {
        detach.line = self.lines.len();
        let table = self.nodes[node].table.name.clone();
        self.lines.push(PlanLine {
            table,
            way,
            treatment: Treatment::Detach,
            basis: None,
            until: None,
            rows: 0,
            bytes: None,
        });
        self.effects.push(Effect::Detach);
        self.nodes[node].detaches.push(detach);
    }

    /// Decides which tables' reached rows are collected, with which columns.
    fn hold(&mut self) {
        let mut held: BTreeSet<usize> = BTreeSet::new();
        let mut carried: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut needs = |origin: usize, lead: &Lead<'_>| {
            held.insert(origin);
            if let Lead::Key(on) = lead {
                carried.entry(origin).or_default().extend(on.iter().map(|(_, other)| other.clone()));
            }
        };
        for node in &self.nodes {
            node.ways.iter().for_each(|it| needs(it.origin, &it.lead));
            node.detaches.iter().for_each(|it| needs(it.origin, &it.lead));
        }
        for hook in &self.ties.hooks {
            needs(hook.parent, &Lead::Key(hook.on.clone()));
        }
        for guard in &self.ties.guards {
            needs(guard.parent, &Lead::Key(guard.on.clone()));
        }
        held.extend(self.ties.hooks.iter().map(|it| it.child));
        for (i, node) in self.nodes.iter_mut().enumerate() {
            let told_apart = node.mixes() || (!node.detaches.is_empty() && !node.ways.is_empty());
            node.held = node.root.is_some() || told_apart || (held.contains(&i) && !node.ways.is_empty());
            node.carried = carried.remove(&i).unwrap_or_default();
            if let Some(root) = node.root {
                node.carried.extend(root.key.iter().cloned());
            }
        }
    }
}

#[derive(Default)]
struct Lines<'a> {
    lines: Vec<PlanLine>,
    effects: Vec<Effect<'a>>,
}

impl<'a> Lines<'a> {
    fn add(
        &mut self,
        table: &Table,
        way: String,
        treatment: Treatment,
        basis: Option<&str>,
        until: Option<&str>,
        effect: Effect<'a>,
    ) -> usize {
        let (basis, until) = (basis.map(str::to_owned), until.map(str::to_owned));
        self.lines.push(PlanLine {
            table: table.name.clone(),
            way,
            treatment,
            basis,
            until,
            rows: 0,
            bytes: None,
        });
        self.effects.push(effect);
        self.lines.len() - 1
    }

    fn of_way(&mut self, table: &Table, way: &'a Way) -> usize {
        let rule = &way.rule;
        let (treatment, effect, name) = match rule.treatment {
            Treatment::Delete => (Treatment::Delete, Effect::Delete, way_name(&way.link)),
            Treatment::Clear => (Treatment::Clear, Effect::Clear(rule), way_name(&way.link)),
            Treatment::Keep => (Treatment::Keep, Effect::Keep, way_name(&way.link)),
            Treatment::Detach => (Treatment::Detach, Effect::Detach, way_name(&way.link)),
            Treatment::KeepForOthers => {
                (Treatment::Delete, Effect::Delete, format!("{}, nobody else's", way_name(&way.link)))
            }
        };
        self.add(table, name, treatment, rule.basis.as_deref(), rule.until.as_deref(), effect)
    }
}

/// How a plan names a way: `customer_id → customer`.
pub(crate) fn way_name(link: &Link) -> String {
    match link {
        Link::Key { from, on } => key_name(from, on),
        Link::Value { column, equals, .. } => format!("{column} = {equals}"),
    }
}

pub(crate) fn key_name(from: &str, on: &[(String, String)]) -> String {
    let own: Vec<&str> = on.iter().map(|(own, _)| &**own).collect();
    format!("{} → {from}", own.join(", "))
}

fn nodes<'a>(map: &'a DataMap, catalog: &'a Catalog, lines: &mut Lines<'a>) -> Vec<Node<'a>> {
    let order: Vec<&str> =
        map.roots.iter().map(|it| &*it.table).chain(map.tables.iter().map(|it| &*it.name)).collect();
    let index = |name: &str| order.iter().position(|it| *it == name);
    let mut nodes: Vec<Node<'a>> = vec![];
    for root in &map.roots {
        let Some(table) = catalog.tables.get(&root.table) else { continue };
        let treatment = root.rule.treatment;
        let effect = if treatment == Treatment::Clear { Effect::Clear(&root.rule) } else { Effect::Delete };
        let (basis, until) = (root.rule.basis.as_deref(), root.rule.until.as_deref());
        let line = lines.add(table, "root".to_owned(), treatment, basis, until, effect);
        nodes.push(node(table, Some(root), &root.never_disclose, line));
    }
    for mapped in &map.tables {
        let Some(table) = catalog.tables.get(&mapped.name) else { continue };
        let mut one = node(table, None, &mapped.never_disclose, 0);
        let shared: Vec<&Way> =
            mapped.ways.iter().filter(|it| it.rule.treatment == Treatment::KeepForOthers).collect();
        for way in mapped.ways.iter().filter(|it| it.rule.treatment != Treatment::Detach) {
            let Some(origin) = origin(&way.link, index) else { continue };
            let line = lines.of_way(table, way);
            let lead = lead(way, &mut nodes, origin, table);
            one.ways.push(NodeWay { way, origin, line, lead });
        }
        if !shared.is_empty() {
            let names: Vec<String> = shared.iter().map(|it| way_name(&it.link)).collect();
            let basis = Some("owned_by_others");
            one.stay_line =
                Some(lines.add(table, names.join("; "), Treatment::KeepForOthers, basis, None, Effect::Stay));
        }
        nodes.push(one);
    }
    nodes
}

/// Declared detaches, of tables and of roots; when all nodes are there.
fn detaches<'a>(
    map: &'a DataMap,
    nodes: &mut Vec<Node<'a>>,
    lines: &mut Lines<'a>,
    catalog: &'a Catalog,
    findings: &mut Findings,
) {
    let order: Vec<String> = nodes.iter().map(|it| it.table.name.clone()).collect();
    let index = |name: &str| order.iter().position(|it| it == name);
    let of_roots = map.roots.iter().map(|it| (&*it.table, &it.ways));
    for (name, ways) in of_roots.chain(map.tables.iter().map(|it| (&*it.name, &it.ways))) {
        for way in ways.iter().filter(|it| it.rule.treatment == Treatment::Detach) {
            let (Some(own), Some(origin), Some(table)) =
                (index(name), origin(&way.link, index), catalog.tables.get(name))
            else {
                continue;
            };
            let line = lines.of_way(table, way);
            let lead = lead(way, nodes, origin, table);
            let columns: Vec<&str> = match &way.link {
                Link::Key { on, .. } => on.iter().map(|(own, _)| &**own).collect(),
                Link::Value { column, .. } => vec![column],
            };
            let can = |it: &&str| table.column(it).is_some_and(|it| it.nullable && !it.generated);
            let empties: Vec<String> = columns.iter().copied().filter(can).map(str::to_owned).collect();
            if empties.is_empty() {
                findings.error(format!(
                    "`{name}`: `{}` cannot be detached, for it may not be NULL; choose another treatment",
                    columns.join(", ")
                ));
            }
            nodes[own].detaches.push(Detach { origin, lead, empties, line, to_deleted: false });
        }
    }
}

fn node<'a>(table: &'a Table, root: Option<&'a Root>, never_disclose: &'a [String], line: usize) -> Node<'a> {
    Node {
        table,
        root,
        never_disclose,
        root_line: line,
        ways: vec![],
        detaches: vec![],
        stay_line: None,
        held: false,
        carried: BTreeSet::new(),
        links: vec![],
    }
}

fn origin(link: &Link, index: impl Fn(&str) -> Option<usize>) -> Option<usize> {
    match link {
        Link::Key { from, .. } => index(from),
        Link::Value { root, .. } => index(root),
    }
}

/// The lead of a way; a soft link is entered at its root.
fn lead<'a>(way: &'a Way, nodes: &mut [Node<'a>], origin: usize, own: &Table) -> Lead<'a> {
    match &way.link {
        Link::Key { on, .. } => Lead::Key(on.clone()),
        Link::Value { column, equals, compare, .. } => {
            let root = &mut nodes[origin];
            let one_column = match &*equals.0 {
                [countersign_service::settings::datamap::Part::Column(name)] => root.table.column(name),
                _ => None,
            };
            let same_type =
                one_column.zip(own.column(column)).is_some_and(|(it, own)| it.type_name == own.type_name);
            root.links.push(SoftLink { way, as_text: !same_type || *compare != Compare::Exact });
            Lead::Value(column, root.links.len() - 1)
        }
    }
}

/// Depth first: a node after its origins. The map has no rings.
fn reach_order(nodes: &[Node<'_>]) -> Vec<usize> {
    fn visit(nodes: &[Node<'_>], i: usize, order: &mut Vec<usize>) {
        if order.contains(&i) {
            return;
        }
        for way in &nodes[i].ways {
            visit(nodes, way.origin, order);
        }
        order.push(i);
    }
    let mut order = vec![];
    for i in 0..nodes.len() {
        visit(nodes, i, &mut order);
    }
    order
}

impl Footprint<'_> {
    /// SHA-256, in hex, of what a plan rests on in the source.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(self.nodes.iter().map(|it| &*it.table.name), self.catalog)
    }
}

/// SHA-256, in hex, of what a plan rests on in the source: the map's tables, their columns, triggers and keys.
pub(super) fn fingerprint<'t>(tables: impl Iterator<Item = &'t str>, catalog: &Catalog) -> String {
    use std::fmt::Write as _;

    use sha2::{Digest, Sha256};

    let names: BTreeSet<&str> = tables.collect();
    let mut text = String::new();
    for table in names.iter().filter_map(|it| catalog.tables.get(*it)) {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "table {:?} key {:?}", table.name, table.primary_key);
        for column in &table.columns {
            let (name, nullable) = (&column.name, column.nullable);
            let _ = writeln!(text, "column {name:?} {:?} nullable {nullable}", column.type_name);
        }
        for trigger in &table.triggers {
            let _ = writeln!(text, "trigger {trigger:?}");
        }
    }
    let touching =
        |it: &&crate::catalog::ForeignKey| names.contains(&*it.child) || names.contains(&*it.parent);
    let mut keys: Vec<String> = catalog
        .keys
        .iter()
        .filter(touching)
        .map(|it| {
            format!("key {:?} {:?} {:?} {:?} {}\n", it.child, it.parent, it.on, it.on_delete, it.deferrable)
        })
        .collect();
    keys.sort();
    text.extend(keys);
    hex::encode(Sha256::digest(text))
}
