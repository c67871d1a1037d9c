//! The machine-readable schema: what kinds of values each column has in this very package, as a JSON Schema.
//! Said of what was written and not of what a catalogue promises, so that it is true of any source.

use countersign_service::ports::source::Value;
use serde_json::{Map, json};

/// The kinds of values that were seen in a column.
#[derive(Clone, Copy, Default)]
pub(super) struct Kinds(u8);

const NULL: u8 = 1;
const BOOL: u8 = 2;
const INT: u8 = 4;
const REAL: u8 = 8;
const TEXT: u8 = 16;
const BYTES: u8 = 32;
const ANY: u8 = 64;

impl Kinds {
    pub(super) fn see(&mut self, value: &Value) {
        self.0 |= match value {
            Value::Null => NULL,
            Value::Bool(_) => BOOL,
            Value::Int(_) => INT,
            // What is no number is written as null.
            Value::Real(value) if !value.is_finite() => NULL,
            Value::Real(_) => REAL,
            Value::Text(_) => TEXT,
            Value::Bytes(_) => BYTES,
            Value::Json(_) => ANY,
        };
    }

    fn as_schema(self) -> serde_json::Value {
        // A document may be anything; a column without a row may too.
        if self.0 & ANY != 0 || self.0 == 0 {
            return json!({});
        }
        let words =
            [(NULL, "null"), (BOOL, "boolean"), (INT, "integer"), (REAL, "number"), (TEXT | BYTES, "string")];
        let kinds: Vec<&str> =
            words.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, word)| *word).collect();
        let mut schema = match &kinds[..] {
            [one] => json!({ "type": one }),
            more => json!({ "type": more }),
        };
        if self.0 & (TEXT | BYTES) == BYTES {
            schema["pattern"] = json!("^base64:");
        }
        schema
    }
}

/// The schema of one JSON file: a list of rows.
pub(super) fn of_table(file: &str, columns: &[String], kinds: &[Kinds]) -> serde_json::Value {
    let properties: Map<String, serde_json::Value> =
        columns.iter().zip(kinds).map(|(column, kinds)| (column.clone(), kinds.as_schema())).collect();
    json!({
        "title": file,
        "type": "array",
        "items": {
            "type": "object",
            "properties": properties,
            "required": columns,
            "additionalProperties": false,
        },
    })
}

/// The schema of a package: a definition a file, under the file's name.
pub(super) fn whole(tables: Vec<(String, serde_json::Value)>) -> serde_json::Value {
    let tables: Map<String, serde_json::Value> = tables.into_iter().collect();
    json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": tables })
}
