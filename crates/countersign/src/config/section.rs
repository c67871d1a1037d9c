//! Reads a section of TOML key by key, noting every mistake with its place instead of stopping at the first.
//! It knows no key of ours.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, suggestion};

/// Where the mistakes of a file are gathered.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<Vec<Mistake>>);

impl Notes {
    /// Notes that something is wrong.
    pub(super) fn add(&self, span: Range<usize>, what: impl Into<String>, advice: impl Into<String>) {
        self.0.borrow_mut().push(Mistake { span, what: what.into(), advice: advice.into() });
    }

    /// All of them, in the order of their places.
    pub(super) fn into_sorted(self) -> Vec<Mistake> {
        let mut all = self.0.into_inner();
        all.sort_by_key(|mistake| mistake.span.start);
        all
    }
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// One table being read. Keys that were asked for are known; [`Section::close`] finds the others.
pub(super) struct Section<'a> {
    name: String,
    table: Option<&'a DeTable<'a>>,
    span: Range<usize>,
    asked: Vec<&'static str>,
    notes: &'a Notes,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(table: &'a Spanned<DeTable<'a>>, notes: &'a Notes) -> Self {
        Self { name: String::new(), table: Some(table.get_ref()), span: 0..0, asked: Vec::new(), notes }
    }

    /// How messages call it: `[server]`.
    fn title(&self) -> String {
        if self.name.is_empty() { "the file".to_owned() } else { format!("[{}]", self.name) }
    }

    /// Where the section stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The section's own note.
    pub(super) fn note(&self, span: Range<usize>, what: impl Into<String>, advice: impl Into<String>) {
        self.notes.add(span, what, advice);
    }

    fn take(&mut self, key: &'static str) -> Option<(&'a DeValue<'a>, Range<usize>)> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let value = self.table?.get(key)?;
        Some((value.get_ref(), value.span()))
    }

    /// A section within; an empty one when it is not there.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'a> {
        self.asked.push(key);
        let found = self.table.and_then(|table| table.get_key_value(key));
        self.within(key, found)
    }

    fn within(
        &self,
        key: &str,
        found: Option<(&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>)>,
    ) -> Section<'a> {
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        let span = found.map_or(self.span.clone(), |(key, _)| key.span());
        let table = match found.map(|(_, value)| value) {
            None => None,
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => Some(table),
                other => {
                    let what = format!("`{key}` must be a section, not {}", kind(other));
                    self.notes.add(value.span(), what, format!("write a line [{name}] and its keys below"));
                    None
                }
            },
        };
        Section { name, table, span, asked: Vec::new(), notes: self.notes }
    }

    /// Every section within, with its name: for `[sources.NAME]`.
    pub(super) fn sections(&self) -> Vec<(Located<String>, Section<'a>)> {
        let Some(table) = self.table else { return Vec::new() };
        table
            .iter()
            .map(|(key, value)| {
                let located = Located { value: key.get_ref().to_string(), span: key.span() };
                (located, self.within(key.get_ref(), Some((key, value))))
            })
            .collect()
    }

    /// Whether the section is written in the file.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether a key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Where a key's value stands, if it is written; from then on the key is known.
    pub(super) fn place(&mut self, key: &'static str) -> Option<Range<usize>> {
        self.take(key).map(|(_, span)| span)
    }

    /// Yes or no, if the key is there.
    pub(super) fn truth(&mut self, key: &'static str) -> Option<bool> {
        let (value, span) = self.take(key)?;
        match value {
            DeValue::Boolean(truth) => Some(*truth),
            other => {
                let what = format!("`{key}` must be true or false, not {}", kind(other));
                self.note(span, what, "write it without quotes");
                None
            }
        }
    }

    /// A text, if the key is there.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        let (value, span) = self.take(key)?;
        match value {
            DeValue::String(text) if text.trim().is_empty() => {
                self.note(span, format!("`{key}` is empty"), "give it a value or take the line out");
                None
            }
            DeValue::String(text) => Some(Located { value: text.to_string(), span }),
            other => {
                self.note(span, format!("`{key}` must be a text, not {}", kind(other)), "put it in quotes");
                None
            }
        }
    }

    /// A list of texts; empty if the key is not there.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some((value, span)) = self.take(key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            self.note(
                span,
                format!("`{key}` must be a list, not {}", kind(value)),
                "write it as in [\"one\", \"two\"]",
            );
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) if !text.trim().is_empty() => texts.push(text.to_string()),
                other => self.note(
                    item.span(),
                    format!("`{key}` lists texts, not {}", kind(other)),
                    "put it in quotes",
                ),
            }
        }
        texts
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, key: &'static str, example: &str) -> Option<Located<String>> {
        if !self.has(key) {
            let title = self.title();
            self.note(
                self.span(),
                format!("{title} has no `{key}`"),
                format!("add a line: {key} = {example}"),
            );
        }
        self.text(key)
    }

    /// One of a few words, with what each stands for.
    pub(super) fn word<T: Clone>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let written = self.text(key)?;
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == written.value) {
            return Some(meant.clone());
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let advice = suggestion(&written.value, &known);
        self.note(written.span, format!("`{key}` knows no `{}`", written.value), advice);
        None
    }

    /// A whole number within bounds, if the key is there.
    pub(super) fn number(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let (value, span) = self.take(key)?;
        let DeValue::Integer(integer) = value else {
            let advice = match value {
                DeValue::String(_) => "write it without quotes",
                _ => "write it in digits",
            };
            self.note(span, format!("`{key}` must be a whole number, not {}", kind(value)), advice);
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if bounds.contains(&number) => Some(number),
            _ => {
                let (low, high) = bounds.into_inner();
                self.note(span, format!("`{key}` is out of range"), format!("from {low} to {high}"));
                None
            }
        }
    }

    /// Notes every key that nobody asked for.
    pub(super) fn close(self) {
        let Some(table) = self.table else { return };
        for (key, _) in table.iter().filter(|(key, _)| !self.asked.contains(&key.get_ref().as_ref())) {
            let written = key.get_ref().as_ref();
            let place = if self.name.is_empty() { String::new() } else { format!(" in {}", self.title()) };
            let word = if self.name.is_empty() { "section" } else { "key" };
            self.note(
                key.span(),
                format!("unknown {word} `{written}`{place}"),
                suggestion(written, &self.asked),
            );
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
