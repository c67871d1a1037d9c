//! What a data map says about files by prefix, and where somebody's files are by it. A value that would lead elsewhere is
//! refused. It must not read any file.

use std::collections::BTreeSet;

use countersign_core::plan::{PlanLine, Treatment};
use countersign_service::ports::following::{self, Values};
use countersign_service::settings::datamap::{DataMap, Link, Part, Template, Way};
use object_store::path::Path;

/// The column that ways go by.
const PATH: &str = "path";
/// The age of a dataset: when a file was written.
const MODIFIED: &str = "modified";
/// Where receipts are kept.
pub(super) const OWN: &str = ".countersign";

/// Why versions stay, and links.
pub(super) const VERSIONS: &str = "versions_kept";
pub(super) const LINKS: &str = "unreadable";

/// A place where files are somebody's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    /// All below.
    Below(Path),
    /// This very one.
    Exactly(Path),
}

/// The map, with the lines of its plan.
pub(super) struct Rules<'a> {
    pub(super) tables: Vec<Table<'a>>,
    pub(super) lines: Vec<PlanLine>,
}

/// Files of one table of the map.
pub(super) struct Table<'a> {
    pub(super) name: &'a str,
    /// Kept ones first: law stands over everything.
    pub(super) ways: Vec<(&'a Template, Treatment, usize)>,
    /// Lines of what is not reached: versions, links.
    pub(super) versions: usize,
    pub(super) links: usize,
    /// What a dataset is of.
    pub(super) below: Option<Path>,
}

impl<'a> Rules<'a> {
    pub(super) fn read(map: &'a DataMap) -> Result<Self, Vec<String>> {
        let mut wrong = following::unfit(map);
        let mut rules = Rules { tables: vec![], lines: vec![] };
        for table in &map.tables {
            let mut ways = vec![];
            for way in &table.ways {
                match template(way) {
                    Ok(equals) => {
                        let (basis, until) = (way.rule.basis.as_deref(), way.rule.until.as_deref());
                        let line =
                            rules.line(&table.name, equals.to_string(), way.rule.treatment, basis, until);
                        ways.push((equals, way.rule.treatment, line));
                    }
                    Err(why) => wrong.push(format!("`{}`: {why}", table.name)),
                }
            }
            ways.sort_by_key(|it| it.1 != Treatment::Keep);
            rules.table(&table.name, ways, None);
        }
        if wrong.is_empty() { Ok(rules) } else { Err(wrong) }
    }

    pub(super) fn of_dataset(map: &'a DataMap, name: &str) -> Result<Self, Vec<String>> {
        let Some(dataset) = map.dataset(name) else {
            return Err(vec![format!("the map has no dataset `{name}`")]);
        };
        if dataset.age != MODIFIED {
            return Err(vec![format!("the dataset `{name}`: files have one age, `{MODIFIED}`")]);
        }
        let below = Path::parse(dataset.table.trim_end_matches('/'))
            .ok()
            .filter(|it| !it.as_ref().is_empty() && dataset.table.ends_with('/'));
        let Some(below) = below.filter(|it| it.parts().next().is_some_and(|it| it.as_ref() != OWN)) else {
            return Err(vec![format!("the dataset `{name}`: `table` is a folder, such as `tmp/`")]);
        };
        let mut rules = Rules { tables: vec![], lines: vec![] };
        rules.line(&dataset.table, "age".to_owned(), Treatment::Delete, None, None);
        rules.table(&dataset.table, vec![], Some(below));
        Ok(rules)
    }

    fn table(&mut self, name: &'a str, ways: Vec<(&'a Template, Treatment, usize)>, below: Option<Path>) {
        // A table of its own: what was signed for files is no room for more of them.
        let of_versions = format!("{name} (versions)");
        let way = "not reached: the bucket keeps versions of what is deleted".to_owned();
        let until = "its rule for old versions removes them";
        let versions = self.line(&of_versions, way, Treatment::Keep, Some(VERSIONS), Some(until));
        let way = "not reached: links to elsewhere".to_owned();
        let until = "somebody looks where they lead";
        let links = self.line(name, way, Treatment::Keep, Some(LINKS), Some(until));
        self.tables.push(Table { name, ways, versions, links, below });
    }

    fn line(
        &mut self,
        table: &str,
        way: String,
        treatment: Treatment,
        basis: Option<&str>,
        until: Option<&str>,
    ) -> usize {
        let (basis, until) = (basis.map(str::to_owned), until.map(str::to_owned));
        self.lines.push(PlanLine {
            table: table.to_owned(),
            way,
            treatment,
            basis,
            until,
            rows: 0,
            bytes: Some(0),
        });
        self.lines.len() - 1
    }
}

/// The path of a way, or why it is none.
fn template(way: &Way) -> Result<&Template, String> {
    let Link::Value { column, equals, .. } = &way.link else {
        return Err(
            "files have no keys: write `column = \"path\"` and `equals = \"users/{account}/\"`".to_owned()
        );
    };
    if column != PATH {
        return Err(format!("files are reached by `path`, not by `{column}`"));
    }
    match way.rule.treatment {
        Treatment::Delete | Treatment::Keep => {}
        Treatment::Clear | Treatment::Detach | Treatment::KeepForOthers => {
            return Err(format!("a file is `delete` or `keep`, not `{}`", way.rule.treatment.name()));
        }
    }
    if way.only.is_some() {
        return Err("a file has no columns: take `only` away".to_owned());
    }
    let sample: String = equals
        .0
        .iter()
        .map(|it| match it {
            Part::Text(text) => text.as_str(),
            Part::Column(_) => "x",
        })
        .collect();
    spot(&sample).map(|_| equals).ok_or_else(|| format!("`{equals}` is no path below the source"))
}

/// A text as a place; `None` if it leads anywhere else.
fn spot(text: &str) -> Option<Spot> {
    let folder = text.ends_with('/');
    let plain = text.strip_suffix('/').unwrap_or(text);
    let odd = |it: &str| it.is_empty() || it == "." || it == ".." || it.contains(['\\', '\0']);
    if plain.split('/').any(odd) || text.chars().any(char::is_control) {
        return None;
    }
    let path = Path::parse(plain).ok()?;
    if path.parts().next().is_none_or(|it| it.as_ref() == OWN) {
        return None;
    }
    Some(if folder { Spot::Below(path) } else { Spot::Exactly(path) })
}

impl Table<'_> {
    /// Where a subject's files are, by a way.
    ///
    /// # Errors
    /// When a value would lead elsewhere.
    pub(super) fn spots(template: &Template, subjects: &[Values]) -> Result<BTreeSet<Spot>, String> {
        let mut spots = BTreeSet::new();
        for values in subjects {
            let mut named = template.columns().filter_map(|it| values.get(it)).flatten();
            if named.any(|it| it.contains(['/', '\\', '\0']) || it.trim() != it || it.starts_with('.')) {
                let why = "a value of the subject would lead to another folder, with `/` or a dot in front";
                return Err(format!("`{template}`: {why}"));
            }
            for text in following::filled(template, values) {
                let spot = spot(&text);
                spots.insert(
                    spot.ok_or_else(|| format!("`{template}` makes no path of the subject's value"))?,
                );
            }
        }
        Ok(spots)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_value_leads_elsewhere() {
        let template = Template(vec![
            Part::Text("users/".to_owned()),
            Part::Column("account".to_owned()),
            Part::Text("/".to_owned()),
        ]);
        let of = |value: &str| {
            Table::spots(&template, &[Values::from([("account".to_owned(), vec![value.to_owned()])])])
        };
        let below = Spot::Below(Path::parse("users/42").unwrap());
        assert_eq!(of("42").unwrap(), BTreeSet::from([below]));
        for bad in ["..", ".", "../42", "4/2", "4\\2", "/42", "42/", ".hidden", " 42", "4\0", "4\u{1}2"] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        assert!(Table::spots(&template, &[Values::new()]).unwrap().is_empty());
        for bad in ["", "/", "a//b/", ".countersign/", "../a", "a/./b"] {
            assert_eq!(spot(bad), None, "{bad:?}");
        }
    }
}
