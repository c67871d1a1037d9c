//! JSON in the one spelling of RFC 8785 (JCS), as far as we need it: no fractions.

use std::collections::BTreeMap;
use std::fmt;

/// A JSON value without fractions. Prints itself in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number. Beyond 2^53 − 1 it is written as a string, since RFC 8785 knows only doubles.
    Int(i64),
    /// A text.
    Text(String),
    /// A list, in its own order.
    List(Vec<Json>),
    /// Members; written in the order of their names' UTF-16 code units.
    Object(BTreeMap<String, Json>),
}

const LARGEST_EXACT: i64 = (1 << 53) - 1;

impl Json {
    /// A text out of anything that can be shown.
    pub fn text(value: impl ToString) -> Self {
        Json::Text(value.to_string())
    }

    /// An object.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Int(value) if value.abs_diff(0) > LARGEST_EXACT as u64 => write!(f, "\"{value}\""),
            Json::Int(value) => write!(f, "{value}"),
            Json::Text(text) => string(f, text),
            Json::List(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                f.write_str("{")?;
                for (place, (name, value)) in sorted.into_iter().enumerate() {
                    if place > 0 {
                        f.write_str(",")?;
                    }
                    string(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// RFC 8785 section 3.2.2.2: two-character escapes where JSON has them, `\u00xx` for other controls.
fn string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\u{08}' => f.write_str("\\b")?,
            '\t' => f.write_str("\\t")?,
            '\n' => f.write_str("\\n")?,
            '\u{0c}' => f.write_str("\\f")?,
            '\r' => f.write_str("\\r")?,
            c if c < ' ' => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
