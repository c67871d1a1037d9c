//! From TOML to a [`DataMap`], with every mistake at its line. It must not know any database.

mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::known::known;
use super::notify::recipients;
use super::sample::samples;
use super::{
    AgeFormat, Attribute, AttributeKind, Compare, DataMap, Dataset, IdentityColumn, Link, Root, Table, Way,
};
use crate::settings::mistake::{Mistake, did_you_mean};
use crate::settings::section::{Page, Placed, Section, Value, brief};
use countersign_core::plan::Treatment;
use way::is_code;

/// A way as it was read, with the places that later checks point to.
struct ReadWay {
    way: Way,
    /// Of `from` or `root`, or of the way where neither is written.
    target: Range<usize>,
    /// Of the way.
    span: Range<usize>,
}

/// A table or root as it was read.
struct ReadTable {
    name: String,
    name_span: Range<usize>,
    is_root: bool,
    ways: Vec<ReadWay>,
}

pub(super) fn read(file: &str, text: &str) -> Result<DataMap, Vec<Mistake>> {
    let page = Page::new(file, text);
    let document = page.parse();
    if !page.is_clean() {
        return Err(page.into_mistakes());
    }
    let map = read_all(&page, &document);
    let mut mistakes = page.into_mistakes();
    mistakes.sort();
    match map {
        Some(map) if mistakes.is_empty() => Ok(map),
        _ if mistakes.is_empty() => Err(vec![Mistake::whole(file, "says nothing")]),
        _ => Err(mistakes),
    }
}

fn read_all<'a>(page: &'a Page<'a>, document: &'a toml::Spanned<toml::de::DeTable<'a>>) -> Option<DataMap> {
    let top = Section::top(page, document);
    let source = top.needed("source", "\"shop\"");
    if let Some(empty) = source.as_ref().filter(|it| it.value.is_empty()) {
        page.wrong(empty.span.clone(), "`source` is empty", "the source's name in the configuration");
    }
    let chunk_rows = top.number("chunk_rows", 1..=10_000_000).and_then(|it| u32::try_from(it).ok());
    let mut shapes = vec![];
    let roots: Vec<Root> = top.list("root").into_iter().filter_map(|it| root(it, &mut shapes)).collect();
    let only_root = (roots.len() == 1).then(|| roots[0].table.clone());
    let tables: Vec<Table> =
        top.list("table").into_iter().filter_map(|it| table(it, only_root.as_deref(), &mut shapes)).collect();
    let datasets: Vec<Dataset> = top.list("dataset").into_iter().filter_map(dataset).collect();
    if !top.has("root") && !top.has("dataset") {
        page.wrong(
            0..0,
            "the map has neither a root nor a dataset",
            "add a [[root]] with the table of the subjects",
        );
    }
    let notify = recipients(&top, &roots);
    let known = known(&top);
    if known.is_none() && roots.iter().any(|it| it.drift.is_some()) {
        let advice = "write down what was looked at: `countersign source known SOURCE MAP`";
        page.wrong(0..0, "an attribute tells of drift, and the map has no [known]", advice);
    }
    top.finish();
    if !page.is_clean() {
        return None;
    }
    check(page, &shapes);
    let mut names = BTreeSet::new();
    if let Some(twice) = datasets.iter().find(|it| !names.insert(&it.name)) {
        page.wrong(0..0, format!("two datasets are named `{}`", twice.name), "give one another name");
    }
    // The attributes of all roots are one entity in policies: a name has one type.
    let mut kinds: BTreeMap<&str, AttributeKind> = BTreeMap::new();
    for (name, attribute) in roots.iter().flat_map(|it| &it.attributes) {
        let drifts = roots.iter().any(|it| it.drift.as_ref() == Some(name));
        if kinds.insert(name, attribute.kind).is_some_and(|kind| kind != attribute.kind) || drifts {
            page.wrong(
                0..0,
                format!("the attribute `{name}` has two types"),
                "give it the same type in every root",
            );
        }
    }
    let map = page.is_clean().then(|| {
        let ways = |name: &str| -> Vec<Way> {
            let shape = shapes.iter().find(|it| it.name == name);
            shape.into_iter().flat_map(|it| &it.ways).map(|it| resolve(it.way.clone(), &roots)).collect()
        };
        let with_ways = |mut it: Table| {
            it.ways = ways(&it.name);
            it
        };
        let tables = tables.into_iter().map(with_ways).collect();
        let roots = roots.iter().cloned().map(|mut it| {
            it.ways = ways(&it.table);
            it
        });
        let source = source.map_or_else(String::new, |it| it.value.to_owned());
        let (roots, version) = (roots.collect(), String::new());
        DataMap::versioned(DataMap {
            source,
            roots,
            tables,
            datasets,
            notify,
            chunk_rows,
            known,
            rests_on: None,
            version,
        })
    })?;
    map.check_terms(page);
    page.is_clean().then_some(map)
}

/// A name in a soft link's template may be a kind of identity; it becomes the column that holds it.
fn resolve(mut way: Way, roots: &[Root]) -> Way {
    if let Link::Value { root, equals, .. } = &mut way.link
        && let Some(root) = roots.iter().find(|it| it.table == *root)
    {
        for part in &mut equals.0 {
            if let super::Part::Column(name) = part
                && let Some(identity) = root.identities.get(name)
            {
                *name = identity.column.clone();
            }
        }
    }
    way
}

fn root(section: Section<'_>, shapes: &mut Vec<ReadTable>) -> Option<Root> {
    let page = section.page();
    let table = section.needed("table", "\"customer\"");
    let key = columns(&section, "key");
    if !section.has("key") {
        section.missing("key", "[\"id\"]");
    } else if key.is_empty() && page.is_clean() {
        page.wrong(section.span(), "`key` names no column", "write the columns of the table's key");
    }
    let mut identities = BTreeMap::new();
    if let Some(all) = section.section("identities") {
        for (kind, value) in all.entries() {
            if let Some(identity) = identity(&all, &kind, value) {
                identities.insert(kind.value.to_owned(), identity);
            }
        }
    }
    if identities.is_empty() && page.is_clean() {
        page.wrong(section.span(), "the root has no identities", "add `identities = { email = \"email\" }`");
    }
    let (attributes, drift) = attributes(&section);
    let rule = way::rule(&section, &[("delete", Treatment::Delete), ("clear", Treatment::Clear)]);
    let never_disclose = columns(&section, "never_disclose");
    let samples = samples(&section);
    let name = table.as_ref().map(|it| it.value.to_owned());
    let ways = section.list("way").into_iter().filter_map(|it| {
        let span = it.span();
        let way = way::way(it, name.as_deref())?;
        if way.way.rule.treatment != Treatment::Detach {
            let advice = "a root's own row has its treatment in [[root]]; only `detach` stands here";
            page.wrong(span, "a way to a root table that takes another subject's row", advice);
        }
        Some(way)
    });
    let ways: Vec<ReadWay> = ways.collect();
    section.finish();
    let (table, rule) = (table?, rule?);
    shapes.push(ReadTable { name: table.value.to_owned(), name_span: table.span, is_root: true, ways });
    Some(Root {
        table: table.value.to_owned(),
        key,
        identities,
        attributes,
        drift,
        rule,
        never_disclose,
        samples,
        ways: vec![],
    })
}

fn identity(all: &Section<'_>, kind: &Placed<&str>, value: Value<'_>) -> Option<IdentityColumn> {
    let page = all.page();
    let usual = match kind.value {
        "email" => Compare::IgnoreCase,
        "phone" => Compare::Digits,
        _ => Compare::Exact,
    };
    if !is_code(kind.value) {
        let advice = "lower-case letters, digits and `_`, a letter first";
        page.wrong(
            kind.span.clone(),
            format!("`{}` cannot name a kind of identity", brief(kind.value)),
            advice,
        );
        return None;
    }
    if let Some(column) = value.get_ref().as_str() {
        return Some(IdentityColumn { column: column.to_owned(), compare: usual });
    }
    let table = value.get_ref().as_table();
    let text = |key: &str| {
        table?.iter().find(|(it, _)| it.get_ref() == key).and_then(|(_, it)| it.get_ref().as_str())
    };
    let known =
        table.is_some_and(|it| it.keys().all(|key| ["column", "compare"].contains(&&**key.get_ref())));
    let compare = match text("compare") {
        None => Some(usual),
        Some(word) => way::COMPARE.iter().find(|(it, _)| *it == word).map(|(_, it)| *it),
    };
    match (text("column"), compare, known) {
        (Some(column), Some(compare), true) => Some(IdentityColumn { column: column.to_owned(), compare }),
        _ => {
            let advice = "write a column's name, or `{ column = \"email\", compare = \"exact\" }` \
                          (or \"ignore-case\", \"digits\")";
            page.wrong(value.span(), format!("the identity `{}` is not understood", kind.value), advice);
            None
        }
    }
}

/// What policy may know, and the name under which it learns of drift.
fn attributes(section: &Section<'_>) -> (BTreeMap<String, Attribute>, Option<String>) {
    let mut attributes = BTreeMap::new();
    let mut drift = None;
    const KINDS: [(&str, Option<AttributeKind>); 4] = [
        ("bool", Some(AttributeKind::Bool)),
        ("long", Some(AttributeKind::Long)),
        ("text", Some(AttributeKind::Text)),
        ("drift", None),
    ];
    for (name, one) in section.named("attributes") {
        if !is_code(name.value) {
            let advice = "lower-case letters, digits and `_`, a letter first";
            one.page().wrong(
                name.span.clone(),
                format!("`{}` cannot name an attribute", brief(name.value)),
                advice,
            );
        }
        let kind = one.needed("type", "\"bool\"").and_then(|it| one.choose("type", &it, &KINDS));
        if kind == Some(None) {
            one.finish();
            if drift.replace(name.value.to_owned()).is_some() {
                section.page().wrong(name.span, "two attributes tell of drift", "take one away");
            }
            continue;
        }
        let column = one.needed("column", "\"vip\"");
        one.finish();
        if let (Some(column), Some(Some(kind))) = (column, kind) {
            attributes.insert(name.value.to_owned(), Attribute { column: column.value.to_owned(), kind });
        }
    }
    (attributes, drift)
}

fn table(section: Section<'_>, only_root: Option<&str>, shapes: &mut Vec<ReadTable>) -> Option<Table> {
    let name = section.needed("name", "\"orders\"");
    let never_disclose = columns(&section, "never_disclose");
    let samples = samples(&section);
    let mut ways = vec![];
    let listed = section.list("way");
    if listed.is_empty() && name.is_some() {
        let advice = "add a [[table.way]] with `from` and `on`, or with `column` and `equals`";
        section.page().wrong(section.span(), "the table has no way by which its rows are reached", advice);
    }
    ways.extend(listed.into_iter().filter_map(|it| way::way(it, only_root)));
    section.finish();
    let name = name?;
    shapes.push(ReadTable { name: name.value.to_owned(), name_span: name.span, is_root: false, ways });
    Some(Table { name: name.value.to_owned(), never_disclose, samples, ways: vec![] })
}

fn dataset(section: Section<'_>) -> Option<Dataset> {
    const FORMATS: [(&str, AgeFormat); 4] = [
        ("iso", AgeFormat::Iso),
        ("unix-seconds", AgeFormat::UnixSeconds),
        ("unix-millis", AgeFormat::UnixMillis),
        ("timestamp", AgeFormat::Timestamp),
    ];
    let name = section.needed("name", "\"app_log\"");
    let table = section.needed("table", "\"app_log\"");
    let age = section.needed("age", "\"created_at\"");
    let format = section.needed("format", "\"iso\"").and_then(|it| section.choose("format", &it, &FORMATS));
    if let Some(name) = name.as_ref().filter(|it| !is_code(it.value)) {
        let advice = "lower-case letters, digits and `_`, a letter first";
        section.page().wrong(
            name.span.clone(),
            format!("`{}` cannot name a dataset", brief(name.value)),
            advice,
        );
    }
    section.finish();
    let (name, table, age) = (name?, table?, age?);
    let [name, table, age] = [name, table, age].map(|it| it.value.to_owned());
    Some(Dataset { name, table, age, format: format? })
}

/// What can only be seen over the whole map.
fn check(page: &Page<'_>, shapes: &[ReadTable]) {
    let mut seen = BTreeSet::new();
    for shape in shapes {
        if !seen.insert(&shape.name) {
            let message = format!("the table `{}` stands in the map twice", brief(&shape.name));
            page.wrong(shape.name_span.clone(), message, "put its ways together");
        }
    }
    let find = |name: &str| shapes.iter().find(|it| it.name == name);
    for (shape, way) in shapes.iter().flat_map(|it| it.ways.iter().map(move |way| (it, way))) {
        let (target, roots_only) = match &way.way.link {
            Link::Key { from, .. } => (from, false),
            Link::Value { root, .. } => (root, true),
        };
        let known = || shapes.iter().filter(|it| it.is_root || !roots_only).map(|it| &*it.name);
        let Some(origin) = find(target).filter(|it| it.is_root || !roots_only) else {
            let mut advice = did_you_mean(target, known());
            if advice.is_empty() {
                advice = format!("known here: {}", known().collect::<Vec<_>>().join(", "));
            }
            let what = if roots_only { "root" } else { "table of this map" };
            page.wrong(way.target.clone(), format!("`{}` is no {what}", brief(target)), &advice);
            continue;
        };
        let takes = matches!(way.way.rule.treatment, Treatment::Delete | Treatment::Clear);
        let by_law = way.way.rule.basis.is_some();
        let shared = origin.ways.iter().any(|it| it.way.rule.treatment == Treatment::KeepForOthers);
        if takes && !by_law && shared && !roots_only {
            let message = format!(
                "rows of `{}` are reached through `{}`, whose rows may stay for others",
                brief(&shape.name),
                brief(target)
            );
            page.wrong(way.span.clone(), message, "treat them as `keep-for-others` too");
        }
    }
    for shape in shapes {
        let mut path = vec![&*shape.name];
        if in_ring(shapes, &shape.name, &mut path) {
            let message = format!("the ways to `{}` go in a ring: {}", brief(&shape.name), path.join(" ← "));
            page.wrong(shape.name_span.clone(), message, "take one way out, or make it a `detach`");
            return;
        }
    }
}

/// Whether a table's rows are reached through its own rows. `path` has the tables from it on.
fn in_ring<'a>(shapes: &'a [ReadTable], start: &str, path: &mut Vec<&'a str>) -> bool {
    let last = path.last().copied().unwrap_or_default();
    let Some(shape) = shapes.iter().find(|it| it.name == last) else { return false };
    for way in shape.ways.iter().filter(|it| it.way.rule.treatment != Treatment::Detach) {
        let Link::Key { from, .. } = &way.way.link else { continue };
        if from == start {
            path.push(from);
            return true;
        }
        if path.contains(&&**from) {
            continue;
        }
        path.push(from);
        if in_ring(shapes, start, path) {
            return true;
        }
        path.pop();
    }
    false
}

/// A list of columns, each once.
fn columns(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let mut columns: Vec<String> = vec![];
    for column in section.texts(key) {
        if column.value.is_empty() || columns.iter().any(|it| it == column.value) {
            let message = format!("`{}` stands in `{key}` twice or is empty", brief(column.value));
            section.page().wrong(column.span, message, "take it away");
        } else {
            columns.push(column.value.to_owned());
        }
    }
    columns
}
