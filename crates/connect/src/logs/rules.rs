//! What a data map says about log files: families of files by pattern, and the ways in which a line is a subject's. It
//! must not read any file.

use countersign_core::plan::{PlanLine, Treatment};
use countersign_service::ports::following::{self, Values};
use countersign_service::settings::datamap::{Compare, DataMap, Link, Part, Replacement, Rule, Table, Way};

use super::seek::Needle;
use crate::pattern::Pattern;

/// The column that means: anywhere in the line.
pub(super) const LINE: &str = "line";

/// Why lines of a file that is still written stay, as a code.
pub(super) const WRITTEN: &str = "being_written";
/// Why whatever is in a file that cannot be read stays.
pub(super) const UNREADABLE: &str = "unreadable";

/// Files of one pattern.
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) pattern: Pattern,
    pub(super) ways: Vec<LineWay<'a>>,
    pub(super) never_disclose: &'a [String],
    /// Plan lines of what is not reached: still written, unreadable.
    pub(super) unreached: [usize; 2],
}

/// One way in which a line is a subject's.
pub(super) struct LineWay<'a> {
    pub(super) column: &'a str,
    equals: &'a countersign_service::settings::datamap::Template,
    compare: Compare,
    pub(super) rule: &'a Rule,
    /// Its plan line, and where lines stay without the subject because they name somebody else, that one's.
    pub(super) line: usize,
    pub(super) others: usize,
}

/// The whole map.
pub(super) struct Rules<'a> {
    pub(super) families: Vec<Family<'a>>,
    pub(super) lines: Vec<PlanLine>,
}

impl<'a> Rules<'a> {
    /// Reads a map; what is wrong with it is told as a list.
    pub(super) fn read(map: &'a DataMap) -> Result<Self, Vec<String>> {
        let mut wrong = following::unfit(map);
        let mut rules = Rules { families: vec![], lines: vec![] };
        for table in &map.tables {
            match Pattern::parse(&table.name) {
                Ok(pattern) => rules.add(table, pattern, &mut wrong),
                Err(why) => wrong.push(format!("`{}` {why}", table.name)),
            }
        }
        if wrong.is_empty() { Ok(rules) } else { Err(wrong) }
    }

    /// What a dataset means: files of one pattern, and whatever in them is too old.
    pub(super) fn of_dataset(map: &'a DataMap, name: &str) -> Result<Self, Vec<String>> {
        let Some(dataset) = map.dataset(name) else {
            return Err(vec![format!("the map has no dataset `{name}`")]);
        };
        let table = &*dataset.table;
        let pattern = Pattern::parse(table).map_err(|why| vec![format!("`{table}` {why}")])?;
        let mut rules = Rules { families: vec![], lines: vec![] };
        rules.line(table, "age".to_owned(), Treatment::Delete, None, None);
        let unreached = rules.unreached(table);
        rules.families.push(Family { name: table, pattern, ways: vec![], never_disclose: &[], unreached });
        Ok(rules)
    }

    fn add(&mut self, table: &'a Table, pattern: Pattern, wrong: &mut Vec<String>) {
        let mut ways = vec![];
        for way in &table.ways {
            if let Some(why) = unfit(way) {
                wrong.push(format!("`{}`: {why}", table.name));
            }
            let Link::Value { column, equals, compare, .. } = &way.link else { continue };
            let says = if column == LINE {
                format!("the line has {equals}")
            } else {
                format!("{column} = {equals}")
            };
            let (basis, until) = (way.rule.basis.as_deref(), way.rule.until.as_deref());
            let line = self.line(&table.name, says.clone(), way.rule.treatment, basis, until);
            let others = match way.rule.treatment {
                Treatment::Delete => {
                    let says = format!("{says}, and it names somebody else");
                    self.line(&table.name, says, Treatment::Clear, None, None)
                }
                _ => line,
            };
            let compare = *compare;
            ways.push(LineWay { column, equals, compare, rule: &way.rule, line, others });
        }
        let unreached = self.unreached(&table.name);
        let never_disclose = &table.never_disclose;
        self.families.push(Family { name: &table.name, pattern, ways, never_disclose, unreached });
    }

    pub(super) fn makes_pseudonyms(&self) -> bool {
        let mut made = self.families.iter().flat_map(|it| &it.ways).flat_map(|it| it.rule.replace.values());
        made.any(|it| matches!(it, Replacement::Pseudonym { .. }))
    }

    fn unreached(&mut self, table: &str) -> [usize; 2] {
        let mut stays = |way: &str, basis, until| {
            self.line(table, format!("not reached: {way}"), Treatment::Keep, Some(basis), Some(until))
        };
        [
            stays("lines of files still written", WRITTEN, "the file is rotated; then erase again"),
            stays(
                "files that cannot be read",
                UNREADABLE,
                "somebody mends or removes the file; then erase again",
            ),
        ]
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
            bytes: None,
        });
        self.lines.len() - 1
    }
}

impl LineWay<'_> {
    /// What is looked for in this way, of everybody who is meant.
    pub(super) fn needles(&self, subjects: &[Values]) -> Vec<Needle> {
        let texts = subjects.iter().flat_map(|it| following::filled(self.equals, it));
        texts.filter_map(|text| Needle::new(&text, self.compare)).collect()
    }

    /// How the value of anybody begins, where the way says so: `user=` of `user={account}`.
    pub(super) fn begins(&self) -> Option<&str> {
        match self.equals.0.first() {
            Some(Part::Text(text)) if text.len() > 1 && text.contains(char::is_alphanumeric) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing but the value stands in the template.
    pub(super) fn is_bare(&self) -> bool {
        matches!(&*self.equals.0, [Part::Column(_)])
    }

    /// What it looks for, for people.
    pub(super) fn equals(&self) -> String {
        self.equals.to_string()
    }
}

/// Why a way cannot be carried out in a log.
fn unfit(way: &Way) -> Option<String> {
    let Link::Value { column, .. } = &way.link else {
        return Some("a log has no keys: write `column = \"line\"` and `equals = \"{email}\"`".to_owned());
    };
    match way.rule.treatment {
        Treatment::Detach | Treatment::KeepForOthers => {
            return Some(format!(
                "`{}` is not for logs: of a line that names somebody else, `delete` takes the subject's values alone",
                way.rule.treatment.name()
            ));
        }
        Treatment::Delete | Treatment::Clear | Treatment::Keep => {}
    }
    if way.only.is_some() {
        return Some("`only` is not for logs: name fields under `never_disclose`".to_owned());
    }
    if way.rule.treatment == Treatment::Clear
        && column == LINE
        && !way.rule.empty.iter().chain(way.rule.replace.keys()).any(|it| it == LINE)
    {
        return Some("what is found in the line stays: add `replace = { line = \"[erased]\" }`".to_owned());
    }
    let varies = |it: &Replacement| match it {
        Replacement::Text(text) => text.columns().next().is_some(),
        Replacement::Generalise(_) | Replacement::Pseudonym { .. } => false,
        Replacement::Int(_) | Replacement::Real(_) | Replacement::Bool(_) => false,
    };
    if way.rule.replace.values().any(varies) {
        return Some(
            "a line has no columns: `replace` takes plain texts, `{pseudonym}` or `generalise`".to_owned(),
        );
    }
    None
}
