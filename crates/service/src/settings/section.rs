//! Reading TOML with every value's place at hand: each wrong type, unknown key and missing value becomes a
//! mistake at its line, and reading goes on. It must not know what the keys mean.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration;
use super::mistake::{Mistake, did_you_mean};

/// One file while it is read, with the mistakes found so far.
pub(super) struct Page<'a> {
    name: &'a str,
    text: &'a str,
    mistakes: RefCell<Vec<Mistake>>,
}

/// A value and its place.
pub(super) type Value<'a> = &'a Spanned<DeValue<'a>>;

/// One table of a page. Keys that nobody asked for are mistakes when it is [finished](Section::finish).
pub(super) struct Section<'a> {
    page: &'a Page<'a>,
    /// As in `[actions.erase]`; empty for the top.
    title: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

/// Something read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'a> Page<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, mistakes: RefCell::default() }
    }

    /// Notes that something at `span` is wrong; `advice` says what to do.
    pub(super) fn wrong(&self, span: Range<usize>, message: impl Into<String>, advice: &str) {
        self.mistakes.borrow_mut().push(Mistake::at(self.name, self.text, span, message, advice));
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.mistakes.borrow().is_empty()
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner()
    }

    /// The text as a table, as far as it can be read.
    pub(super) fn parse(&self) -> Spanned<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let end = self.text.len();
            self.wrong(error.span().unwrap_or(end..end), error.message(), "");
        }
        table
    }
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn top(page: &'a Page<'a>, table: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            page,
            title: String::new(),
            span: table.span(),
            table: table.get_ref(),
            asked: RefCell::default(),
        }
    }

    fn inner(&self, title: String, value: Value<'a>) -> Option<Section<'a>> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(&title, value, "a table");
            return None;
        };
        Some(Section { page: self.page, title, span: value.span(), table, asked: RefCell::default() })
    }

    /// The page it stands on.
    pub(super) fn page(&self) -> &'a Page<'a> {
        self.page
    }

    /// Where it stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Every key with its value, for tables whose keys are names that the author chose.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Placed<&'a str>, Value<'a>)> {
        self.table
            .iter()
            .map(|(key, value)| (Placed { value: key.get_ref().as_ref(), span: key.span() }, value))
    }

    /// The tables below `key`, by their names: `[key.name]`.
    pub(super) fn named(&self, key: &'static str) -> Vec<(Placed<&'a str>, Section<'a>)> {
        let Some(all) = self.section(key) else { return vec![] };
        all.entries()
            .filter_map(|(name, value)| {
                let title = format!("{}.{}", all.title, name.value);
                Some((name, self.inner(title, value)?))
            })
            .collect()
    }

    /// The table `[key]`.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        self.inner(self.path(key), value)
    }

    /// The tables of a list: `[[key]]`.
    pub(super) fn list(&self, key: &'static str) -> Vec<Section<'a>> {
        let items = self.array(key);
        items.into_iter().filter_map(|it| self.inner(self.path(key), it)).collect()
    }

    /// The items of an array.
    pub(super) fn array(&self, key: &'static str) -> Vec<Value<'a>> {
        let Some(value) = self.value(key) else { return vec![] };
        match value.get_ref().as_array() {
            Some(items) => items.iter().collect(),
            None => {
                self.wrong_type(key, value, "a list");
                vec![]
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Vec<Placed<&'a str>> {
        self.array(key).into_iter().filter_map(|it| self.as_text(key, it)).collect()
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Option<Placed<&'a str>> {
        self.as_text(key, self.value(key)?)
    }

    /// A text that must be there.
    pub(super) fn needed(&self, key: &'static str, example: &str) -> Option<Placed<&'a str>> {
        if !self.has(key) {
            self.asked.borrow_mut().push(key);
            self.missing(key, example);
            return None;
        }
        self.text(key)
    }

    /// Whether `key` is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.peek(key).is_some()
    }

    /// Notes that `key` must be there.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let advice = format!("add a line such as `{key} = {example}`");
        // The place of a table is its header; that of the whole file is its first line.
        let span = if self.title.is_empty() { 0..0 } else { self.span() };
        self.page.wrong(span, format!("`{key}` is missing{}", self.place()), &advice);
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(key, value, "`true` or `false`");
        }
        flag
    }

    /// A whole number within `range`.
    pub(super) fn number(&self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?;
        let Some(written) = value.get_ref().as_integer() else {
            self.wrong_type(key, value, "a whole number");
            return None;
        };
        let number = i64::from_str_radix(written.as_str(), written.radix()).ok();
        let number = number.filter(|it| range.contains(it));
        if number.is_none() {
            let advice = format!("from {} to {}", range.start(), range.end());
            self.page.wrong(value.span(), format!("`{key}` is out of range"), &advice);
        }
        number
    }

    /// Milliseconds of a length of time within `range`.
    pub(super) fn duration(&self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?;
        let Some(written) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a length of time");
            return None;
        };
        match duration::parse(written) {
            Ok(span_ms) if range.contains(&span_ms) => Some(span_ms),
            Ok(_) => {
                let (least, most) = (duration::show(*range.start()), duration::show(*range.end()));
                let message = format!("`{key}` is out of range");
                self.page.wrong(value.span(), message, &format!("from \"{least}\" to \"{most}\""));
                None
            }
            Err(error) => {
                self.page.wrong(value.span(), format!("`{key}` is no length of time"), &error.to_string());
                None
            }
        }
    }

    /// The same, or the word `never`: that is no length of time at all.
    pub(super) fn duration_or_never(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<Option<i64>> {
        if self.value(key).is_some_and(|value| value.get_ref().as_str() == Some("never")) {
            return Some(None);
        }
        self.duration(key, range).map(Some)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let written = self.text(key)?;
        self.choose(key, &written, choices)
    }

    /// What `written` stands for.
    pub(super) fn choose<T: Copy>(
        &self,
        what: &str,
        written: &Placed<&str>,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(word, _)| *word == written.value).map(|(_, it)| *it);
        if found.is_none() {
            let words = || choices.iter().map(|(word, _)| *word);
            let mut advice = did_you_mean(written.value, words());
            if advice.is_empty() {
                advice = format!(
                    "one of {}",
                    words().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ")
                );
            }
            self.page.wrong(
                written.span.clone(),
                format!("`{what}` cannot be `{}`", brief(written.value)),
                &advice,
            );
        }
        found
    }

    /// Ends the reading: every key that was not asked for is a mistake. Says whether there was none.
    pub(super) fn finish(self) -> bool {
        let asked = self.asked.borrow();
        let mut clean = true;
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            clean = false;
            let mut advice = did_you_mean(name, asked.iter().copied());
            if advice.is_empty() {
                let mut known: Vec<&str> = asked.to_vec();
                known.sort_unstable();
                advice = format!("known here: {}", known.join(", "));
            }
            self.page.wrong(key.span(), format!("unknown key `{}`{}", brief(name), self.place()), &advice);
        }
        clean
    }

    /// `value` as a text, or a mistake about `what`.
    pub(super) fn as_text(&self, what: &str, value: Value<'a>) -> Option<Placed<&'a str>> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(what, value, "a text in quotes");
        }
        Some(Placed { value: text?, span: value.span() })
    }

    fn value(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().push(key);
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<Value<'a>> {
        self.table.iter().find(|(it, _)| it.get_ref() == key).map(|(_, value)| value)
    }

    fn wrong_type(&self, what: &str, value: Value<'a>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.page.wrong(
            value.span(),
            format!("`{}` is of the type {found}", brief(what)),
            &format!("write {wanted}"),
        );
    }

    fn path(&self, key: &str) -> String {
        if self.title.is_empty() { key.to_owned() } else { format!("{}.{key}", self.title) }
    }

    fn place(&self) -> String {
        if self.title.is_empty() { String::new() } else { format!(" in [{}]", brief(&self.title)) }
    }
}

/// A text as far as it fits into a message.
pub(super) fn brief(text: &str) -> String {
    const LONGEST: usize = 60;
    let plain: String = text.chars().take(LONGEST).map(|it| if it.is_control() { ' ' } else { it }).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{plain}…") } else { plain }
}
