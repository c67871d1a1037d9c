//! A statement while it is written: text and the values bound to it. It must not know any driver.

use crate::dialect::Dialect;

/// A value bound to a statement. Personal, mostly.
#[derive(Clone, PartialEq)]
pub(crate) enum Param {
    Text(String),
    Int(i64),
    Real(f64),
    Bool(bool),
}

/// A statement and its values, in order.
pub(crate) struct Sql {
    dialect: &'static dyn Dialect,
    pub(crate) text: String,
    pub(crate) params: Vec<Param>,
}

impl Sql {
    pub(crate) fn new(dialect: &'static dyn Dialect) -> Self {
        Self { dialect, text: String::new(), params: vec![] }
    }

    /// Appends text, which never holds a value.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Binds a value and appends its place.
    pub(crate) fn bind(&mut self, param: Param) -> &mut Self {
        let place = self.place(param);
        self.push(&place)
    }

    /// Binds a value; its place, to be written where it is needed, once.
    pub(crate) fn place(&mut self, param: Param) -> String {
        let place = self.dialect.placeholder(self.params.len() + 1, &param);
        self.params.push(param);
        place
    }
}

/// An identifier in double quotes, which both SQLite and PostgreSQL take as it is.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
