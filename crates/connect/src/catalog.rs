//! What a source says of its own tables. Filled by each engine; it must not know any map.

use std::collections::{BTreeMap, BTreeSet};

use crate::discover::content::Seen;

/// The tables of a source and their foreign keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) keys: Vec<ForeignKey>,
    /// Whether this account may not see all that acts when rows go or change.
    pub(crate) hides_what_acts: bool,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// As maps name it.
    pub(crate) name: String,
    /// As statements name it: quoted and qualified.
    pub(crate) quoted: String,
    pub(crate) columns: Vec<Column>,
    /// In order; empty if there is none.
    pub(crate) primary_key: Vec<String>,
    /// Columns that together name one row and are never NULL; may be a hidden one. Empty if there are none.
    pub(crate) row_id: Vec<String>,
    /// Column lists of unique indexes, the primary key's too.
    pub(crate) uniques: Vec<Vec<String>>,
    /// Column lists of indexes without a condition.
    pub(crate) indexes: Vec<Vec<String>>,
    /// Columns with an index without a condition over `lower(column)`.
    pub(crate) lowered: BTreeSet<String>,
    /// Triggers and rules that act when rows go or change.
    pub(crate) triggers: Vec<String>,
    /// Whether some rows are hidden from us.
    pub(crate) hides_rows: bool,
    /// Tables that inherit from this one: their rows are their own, though the engine shows them here too.
    pub(crate) heirs: Vec<String>,
    /// What keeps copies of rows until somebody refreshes it: materialised views.
    pub(crate) copies: Vec<String>,
    /// Why its rows cannot be changed safely, if they cannot: no transactions, a history that keeps every row.
    pub(crate) unfit: Option<String>,
    /// What is worth knowing of it.
    pub(crate) remarks: Vec<String>,
    /// What a sample of each column's values looks like; only where somebody asked for it.
    pub(crate) content: BTreeMap<String, Seen>,
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As the engine writes it: `integer`, `character varying(60)`.
    pub(crate) type_name: String,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    /// Computed from other columns.
    pub(crate) generated: bool,
}

/// What kind of values a column has, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    Real,
    Text,
    Bytes,
    Json,
    Time,
    /// Numerics, enums, arrays; in SQLite also columns without a type.
    Other,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    /// As statements name the constraint; empty where it has no name.
    pub(crate) quoted: String,
    /// A table of the catalogue, or one that stands where the configuration does not look.
    pub(crate) child: String,
    pub(crate) parent: String,
    /// Pairs of the child's and the parent's column, sorted.
    pub(crate) on: Vec<(String, String)>,
    pub(crate) on_delete: OnDelete,
    pub(crate) deferrable: bool,
}

/// What the database does to rows that point to a deleted row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnDelete {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Catalog {
    /// Whether rows can only come back by what somebody does: there is no trigger and no rule.
    pub(crate) fn nothing_acts(&self) -> bool {
        !self.hides_what_acts && self.tables.values().all(|it| it.triggers.is_empty())
    }

    /// The tables, each with its columns in order.
    pub(crate) fn names(&self) -> BTreeMap<String, Vec<String>> {
        let columns = |it: &Table| it.columns.iter().map(|it| it.name.clone()).collect();
        self.tables.values().map(|it| (it.name.clone(), columns(it))).collect()
    }
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|it| it.name == name)
    }

    /// Whether `columns`, in any order, are the first columns of an index.
    pub(crate) fn is_indexed(&self, columns: &[&str]) -> bool {
        self.indexes.iter().any(|index| {
            index.len() >= columns.len() && index[..columns.len()].iter().all(|it| columns.contains(&&**it))
        })
    }

    /// Whether no two rows have the same values in `columns`.
    pub(crate) fn is_unique(&self, columns: &[&str]) -> bool {
        self.uniques
            .iter()
            .any(|unique| !unique.is_empty() && unique.iter().all(|it| columns.contains(&&**it)))
    }
}

impl Column {
    /// How many characters it takes, if its type says so: 60 for `character varying(60)`.
    pub(crate) fn limit(&self) -> Option<usize> {
        let (_, rest) = self.type_name.split_once('(')?;
        rest.split_once(')')?.0.trim().parse().ok().filter(|_| self.kind == Kind::Text)
    }
}

/// The column of an index over `lower(column)`, as engines write that: `lower("Mail")`, `lower(mail::text)`.
pub(crate) fn lowered(expression: &str) -> Option<String> {
    let inside =
        expression.trim().strip_prefix("lower(").or_else(|| expression.trim().strip_prefix("LOWER("))?;
    let inside = inside.strip_suffix(')')?.trim();
    let inside = inside.strip_suffix("::text").unwrap_or(inside);
    let inside = inside.strip_prefix('(').and_then(|it| it.strip_suffix(')')).unwrap_or(inside);
    let quoted = inside.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let name = quoted.map_or_else(|| inside.to_owned(), |it| it.replace("\"\"", "\""));
    let plain =
        !name.is_empty() && (quoted.is_some() || name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    plain.then_some(name)
}

impl ForeignKey {
    /// The columns of the child that may be NULL: emptying one of them unties the row.
    pub(crate) fn emptiable<'a>(&'a self, catalog: &'a Catalog) -> Vec<&'a str> {
        let Some(child) = catalog.tables.get(&self.child) else { return vec![] };
        let own = self.on.iter().map(|(own, _)| &**own);
        own.filter(|it| child.column(it).is_some_and(|it| it.nullable && !it.generated)).collect()
    }

    pub(crate) fn columns(&self) -> Vec<&str> {
        self.on.iter().map(|(own, _)| &**own).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::lowered;

    #[test]
    fn an_index_over_lower_is_of_its_column() {
        for (written, column) in [
            ("lower(mail)", Some("mail")),
            ("lower(mail::text)", Some("mail")),
            ("lower((\"E Mail\")::text)", Some("E Mail")),
            ("LOWER(mail)", Some("mail")),
            ("lower(mail || name)", None),
            ("upper(mail)", None),
            ("lower(trim(mail))", None),
        ] {
            assert_eq!(lowered(written).as_deref(), column, "{written}");
        }
    }
}
