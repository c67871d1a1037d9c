//! One value in each of the forms: JSON, a CSV cell, a cell of a page.

use std::borrow::Cow;

use countersign_service::ports::source::Value;
use serde_json::value::RawValue;

/// A row as a JSON object, columns in their order.
pub(super) fn json_row(columns: &[String], values: &[Value]) -> String {
    let mut row = String::from("{");
    for (place, (column, value)) in columns.iter().zip(values).enumerate() {
        if place > 0 {
            row.push(',');
        }
        row.push_str(&serde_json::Value::from(&**column).to_string());
        row.push(':');
        row.push_str(&json(value));
    }
    row.push('}');
    row
}

fn json(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        // JSON has no word for what is no number: `from` makes it null.
        Value::Real(value) => serde_json::Value::from(*value).to_string(),
        Value::Text(text) => serde_json::Value::from(&**text).to_string(),
        Value::Bytes(bytes) => serde_json::Value::from(base64(bytes)).to_string(),
        Value::Json(text) => match serde_json::from_str::<Box<RawValue>>(text) {
            Ok(document) => document.get().to_owned(),
            Err(_) => serde_json::Value::from(&**text).to_string(),
        },
    }
}

/// As text, for people.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Bool(value) => Cow::Owned(value.to_string()),
        Value::Int(value) => Cow::Owned(value.to_string()),
        Value::Real(value) => Cow::Owned(value.to_string()),
        Value::Text(text) | Value::Json(text) => Cow::Borrowed(text),
        Value::Bytes(bytes) => Cow::Owned(base64(bytes)),
    }
}

/// As a CSV cell.
pub(super) fn csv(value: &Value) -> String {
    match value {
        // A number is no formula, whatever its sign.
        Value::Int(_) | Value::Real(_) | Value::Bool(_) | Value::Null => text(value).into_owned(),
        Value::Text(_) | Value::Json(_) | Value::Bytes(_) => guarded(&text(value)),
    }
}

/// Text that no spreadsheet takes for a formula: an apostrophe before whatever one could begin with.
pub(super) fn guarded(text: &str) -> String {
    let formula = text
        .trim_start_matches([' ', '\u{feff}'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']);
    let text = text.replace('\0', "\u{fffd}");
    if formula && text.parse::<f64>().is_err() { format!("'{text}") } else { text }
}

/// Text in a page.
pub(super) fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' => safe.push(c),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    format!("base64:{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}
