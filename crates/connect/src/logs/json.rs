//! Where the values of a JSON object stand in its line, so that one can be replaced and every other byte stay. It must
//! not know what is looked for.

use std::ops::Range;

use serde::de::IgnoredAny;

/// Objects and lists in each other.
const DEEPEST: usize = 100;

/// A value that holds no other, or the name of a field.
pub(crate) struct Leaf {
    /// The field, with dots; elements of a list have the list's. Empty for the name of a field.
    pub(crate) path: String,
    /// Where it stands.
    pub(crate) span: Range<usize>,
    /// What a text says.
    pub(crate) text: Option<String>,
}

/// Every leaf of an object, in order; `None` if the line is no JSON object.
pub(crate) fn leaves(line: &[u8]) -> Option<Vec<Leaf>> {
    let start = line.iter().position(|it| !it.is_ascii_whitespace())?;
    if line[start] != b'{' {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    // Whole: after this, looking needs no care but for depth.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut scan = Scan { text, at: start, leaves: vec![] };
    scan.value("", 0)?;
    Some(scan.leaves)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    leaves: Vec<Leaf>,
}

impl Scan<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|it| it.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self, path: &str, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'{' => {
                self.at += 1;
                while self.peek()? != b'}' {
                    let name = self.string()?;
                    let span = name.clone();
                    let said = serde_json::from_str::<String>(&self.text[name]).ok();
                    let inner = match (path, said.as_deref().unwrap_or("")) {
                        ("", name) => name.to_owned(),
                        (path, name) => format!("{path}.{name}"),
                    };
                    self.leaves.push(Leaf { path: String::new(), span, text: said });
                    self.peek()?;
                    self.at += 1;
                    self.value(&inner, depth + 1)?;
                    if self.peek()? == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
            }
            b'[' => {
                self.at += 1;
                while self.peek()? != b']' {
                    self.value(path, depth + 1)?;
                    if self.peek()? == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
            }
            b'"' => {
                let span = self.string()?;
                let text = serde_json::from_str::<String>(&self.text[span.clone()]).ok();
                self.leaves.push(Leaf { path: path.to_owned(), span, text });
            }
            _ => {
                let rest = &self.text.as_bytes()[self.at..];
                let ends = |it: &u8| b",]}".contains(it) || it.is_ascii_whitespace();
                let length = rest.iter().take_while(|it| !ends(it)).count();
                let span = self.at..self.at + length;
                self.at = span.end;
                self.leaves.push(Leaf { path: path.to_owned(), span, text: None });
            }
        }
        Some(())
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while *bytes.get(self.at)? != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_leaf_is_found_where_it_stands() {
        let line = r#" {"a": {"b\u002e": [1, "x\"y", {"c": null}]}, "d":true , "a":"z"}"#;
        let found = leaves(line.as_bytes()).unwrap();
        let shown: Vec<String> = found
            .iter()
            .filter(|it| !it.path.is_empty())
            .map(|it| format!("{}={}", it.path, &line[it.span.clone()]))
            .collect();
        assert_eq!(shown, ["a.b.=1", r#"a.b.="x\"y""#, "a.b..c=null", "d=true", r#"a="z""#]);
        assert_eq!(found.iter().filter(|it| it.path.is_empty()).count(), 5);
    }

    #[test]
    fn what_is_no_object_is_no_json_line() {
        for line in ["", "x", "[1]", "\"a\"", "{\"a\":", "{\"a\":1} x", "{a:1}"] {
            assert!(leaves(line.as_bytes()).is_none(), "{line}");
        }
        assert!(leaves(b"{\"a\":\"\xff\"}").is_none());
        let deep = "{\"a\":".repeat(500) + "1" + &"}".repeat(500);
        assert!(leaves(deep.as_bytes()).is_none());
    }
}
