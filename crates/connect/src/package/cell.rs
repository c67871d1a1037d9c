//! One value in each of the forms: JSON, a CSV cell, a cell of a page.

use std::borrow::Cow;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_service::ports::source::Value;
use serde_json::value::RawValue;

/// What stands before each value of a JSON object, column by column: `{"id":`, `,"name":`.
pub(super) fn json_keys(columns: &[String]) -> Vec<String> {
    let key = |(place, column): (usize, &String)| {
        format!("{}{}:", if place == 0 { '{' } else { ',' }, serde_json::Value::from(&**column))
    };
    columns.iter().enumerate().map(key).collect()
}

/// A row as a JSON object, columns in their order.
pub(super) fn json_row(keys: &[String], values: &[Value], out: &mut Vec<u8>) {
    if keys.is_empty() {
        out.push(b'{');
    }
    for (key, value) in keys.iter().zip(values) {
        out.extend_from_slice(key.as_bytes());
        json(value, out);
    }
    out.push(b'}');
}

// Writing into a `Vec` does not fail.
fn json(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => drop(write!(out, "{value}")),
        Value::Int(value) => drop(write!(out, "{value}")),
        // JSON has no word for what is no number: it becomes null.
        Value::Real(value) => drop(serde_json::to_writer(out, value)),
        Value::Text(text) => drop(serde_json::to_writer(out, text)),
        Value::Bytes(bytes) => drop(write!(out, "\"{}\"", base64(bytes))),
        Value::Json(text) => match serde_json::from_str::<&RawValue>(text) {
            Ok(document) => out.extend_from_slice(document.get().as_bytes()),
            Err(_) => drop(serde_json::to_writer(out, text)),
        },
    }
}

/// As text, for people.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Int(value) => Cow::Owned(value.to_string()),
        Value::Real(value) => Cow::Owned(value.to_string()),
        Value::Text(text) | Value::Json(text) => Cow::Borrowed(text),
        Value::Bytes(bytes) => Cow::Owned(base64(bytes)),
    }
}

/// As a CSV cell.
pub(super) fn csv(value: &Value) -> Cow<'_, str> {
    match value {
        // A number is no formula, whatever its sign.
        Value::Int(_) | Value::Real(_) | Value::Bool(_) | Value::Null => text(value),
        Value::Text(text) | Value::Json(text) => guarded(text),
        Value::Bytes(bytes) => Cow::Owned(base64(bytes)),
    }
}

/// Text that no spreadsheet takes for a formula: an apostrophe before whatever one could begin with.
pub(super) fn guarded(text: &str) -> Cow<'_, str> {
    let formula = text
        .trim_start_matches([' ', '\u{feff}'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']);
    let guard = formula && text.parse::<f64>().is_err();
    if !guard && !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    let text = text.replace('\0', "\u{fffd}");
    Cow::Owned(if guard { format!("'{text}") } else { text })
}

/// Text in a page.
pub(super) fn html(text: &str, out: &mut Vec<u8>) {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let safe = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#39;",
            '\t' | '\n' => continue,
            c if c.is_control() => "\u{fffd}",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        out.extend_from_slice(safe.as_bytes());
        plain = at + c.len_utf8();
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
}

fn base64(bytes: &[u8]) -> String {
    let mut text = "base64:".to_owned();
    STANDARD.encode_string(bytes, &mut text);
    text
}
