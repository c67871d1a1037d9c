//! What cleared columns hold instead, and texts with names of columns in them.

use serde::Serialize;

/// A text with names of columns in braces: `customer:{id}`. Written, a brace of the text itself is doubled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Template(pub Vec<Part>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// As it stands.
    Text(String),
    /// The value of a column.
    Column(String),
}

impl Template {
    /// The columns that it names, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Column(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Column(name) => write!(f, "{{{name}}}"),
        })
    }
}

/// The value that a cleared column gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Replacement {
    /// A text; `{key}` in it is the row's own key, other names are columns of the row.
    Text(Template),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Real(f64),
    /// True or false.
    Bool(bool),
    /// A pseudonym of the old value between two texts.
    Pseudonym {
        /// What stands before it.
        before: String,
        /// What stands behind it.
        after: String,
    },
    /// What is left of the old value when it says less.
    Generalise(Generalise),
}

/// How a value says less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Generalise {
    /// The first of January of a date's year.
    Year,
    /// The network of an address.
    Network,
}

impl Generalise {
    /// The word in a map.
    pub const fn name(self) -> &'static str {
        match self {
            Generalise::Year => "year",
            Generalise::Network => "network",
        }
    }
}
