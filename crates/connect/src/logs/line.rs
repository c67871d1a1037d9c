//! What becomes of one line: whose it is, whether it names somebody else, and how it reads without the subject. Every
//! byte that is not the subject's stays. It must not know where lines come from.

use std::ops::Range;

use countersign_core::plan::Treatment;
use countersign_service::settings::datamap::{Replacement, Rule};

use super::json::{self, Leaf};
use super::rules::{Family, LINE};
use super::seek::{Needle, addresses};
use crate::recipe::{self, PseudonymKey, Recipe};

/// What stands where a value was.
pub(super) const ERASED: &str = "[erased]";
const NOT_DISCLOSED: &str = "[not disclosed]";
const SOMEBODY_ELSE: &str = "[somebody else]";

/// What becomes of a line, with its line of the plan.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not the subject's.
    Untouched,
    /// It stays by a rule, or there is nothing left to do.
    Kept(usize),
    /// It goes.
    Gone(usize),
    /// It stays and reads so from now on.
    Changed(usize, Vec<u8>),
}

/// Whoever is meant, in one family of files.
pub(super) struct Sight<'a> {
    family: &'a Family<'a>,
    /// By way.
    needles: Vec<Vec<Needle>>,
    key: Option<&'a PseudonymKey>,
}

impl<'a> Sight<'a> {
    pub(super) fn new(
        family: &'a Family<'a>,
        subjects: &[countersign_service::ports::following::Values],
        key: Option<&'a PseudonymKey>,
    ) -> Self {
        let needles = family.ways.iter().map(|it| it.needles(subjects)).collect();
        Self { family, needles, key }
    }

    /// Whether there is anything to look for.
    pub(super) fn is_blind(&self) -> bool {
        self.needles.iter().all(Vec::is_empty)
    }

    /// What becomes of a line, which comes without its end.
    pub(super) fn fate(&self, line: &[u8]) -> Fate {
        let leaves = json::leaves(line);
        let ways = &self.family.ways;
        let hits: Vec<usize> =
            (0..ways.len()).filter(|way| self.hits(*way, line, leaves.as_deref())).collect();
        let of = |wanted: fn(&Rule) -> bool| hits.iter().copied().find(|it| wanted(ways[*it].rule));
        if let Some(way) = of(|it| it.treatment == Treatment::Keep) {
            return Fate::Kept(ways[way].line);
        }
        let by_law = of(|it| it.treatment == Treatment::Clear && it.basis.is_some());
        if let Some(way) = of(|it| it.treatment == Treatment::Delete).filter(|_| by_law.is_none()) {
            let without = self.without(line, leaves.as_deref());
            return if self.others(&without).is_empty() {
                Fate::Gone(ways[way].line)
            } else {
                Fate::Changed(ways[way].others, without)
            };
        }
        let Some(way) = by_law.or_else(|| of(|it| it.treatment == Treatment::Clear)) else {
            return Fate::Untouched;
        };
        let mut cleared = line.to_vec();
        for hit in hits.iter().filter(|it| ways[**it].rule.treatment == Treatment::Clear) {
            cleared = self.cleared(*hit, &cleared);
        }
        if cleared == line { Fate::Kept(ways[way].line) } else { Fate::Changed(ways[way].line, cleared) }
    }

    /// Whether a line is the subject's at all.
    pub(super) fn sees(&self, line: &[u8]) -> bool {
        let leaves = json::leaves(line);
        (0..self.family.ways.len()).any(|way| self.hits(way, line, leaves.as_deref()))
    }

    /// A line as it is handed out: without what is never disclosed, and without anybody else.
    pub(super) fn shown(&self, line: &[u8]) -> Vec<u8> {
        let mut shown = line.to_vec();
        if let Some(leaves) = json::leaves(line) {
            let hidden = |leaf: &Leaf| {
                let secret = self.family.never_disclose.iter().any(|it| is_under(&leaf.path, it));
                secret.then(|| quoted(NOT_DISCLOSED))
            };
            shown = edited(line, &leaves, hidden);
        }
        let others = self.others(&shown);
        replaced(&shown, &others, |_| SOMEBODY_ELSE.to_owned())
    }

    fn hits(&self, way: usize, line: &[u8], leaves: Option<&[Leaf]>) -> bool {
        let column = self.family.ways[way].column;
        self.needles[way].iter().any(|needle| match leaves {
            Some(leaves) if column == LINE => leaves
                .iter()
                .any(|it| it.text.as_ref().is_some_and(|it| !needle.find(it.as_bytes()).is_empty())),
            Some(leaves) => {
                let is = |it: &&Leaf| match &it.text {
                    Some(text) => needle.is(text),
                    None => std::str::from_utf8(&line[it.span.clone()]).is_ok_and(|it| needle.is(it)),
                };
                leaves.iter().filter(|it| it.path == column).any(|it| is(&it))
            }
            None => !self.found(way, needle, line).is_empty(),
        })
    }

    /// Where a value stands in a line that is no JSON. A bare number of a field counts only behind the field's name.
    fn found(&self, way: usize, needle: &Needle, line: &[u8]) -> Vec<Range<usize>> {
        let mut found = needle.find(line);
        let column = self.family.ways[way].column;
        if column != LINE && needle.is_number() {
            let name = column.rsplit('.').next().unwrap_or(column).as_bytes();
            found.retain(|it| {
                let before = &line[..it.start];
                let signs = before.iter().rev().take_while(|it| b"\"' :=".contains(it)).count();
                before[..before.len() - signs].ends_with(name)
            });
        }
        found
    }

    /// The line without any value of the subject.
    fn without(&self, line: &[u8], leaves: Option<&[Leaf]>) -> Vec<u8> {
        let ways = || self.family.ways.iter().zip(&self.needles);
        let Some(leaves) = leaves else {
            let spans = (0..self.needles.len())
                .flat_map(|way| self.needles[way].iter().flat_map(move |it| self.found(way, it, line)));
            return replaced(line, &spans.collect::<Vec<_>>(), |_| ERASED.to_owned());
        };
        edited(line, leaves, |leaf| {
            let whole = leaf.text.as_deref().or_else(|| std::str::from_utf8(&line[leaf.span.clone()]).ok());
            let is_own = |(way, needles): (&super::rules::LineWay<'_>, &Vec<Needle>)| {
                way.column == leaf.path && needles.iter().any(|it| whole.is_some_and(|text| it.is(text)))
            };
            if !leaf.path.is_empty() && ways().any(is_own) {
                return Some(quoted(ERASED));
            }
            // A bare number means somebody only where the map says so.
            let text = leaf.text.as_deref()?;
            let spans: Vec<_> = ways()
                .flat_map(|(way, needles)| needles.iter().map(move |it| (way, it)))
                .filter(|(way, it)| way.column == LINE || !it.is_number())
                .flat_map(|(_, it)| it.find(text.as_bytes()))
                .collect();
            (!spans.is_empty()).then(|| requoted(text, &spans, |_| ERASED.to_owned()))
        })
    }

    /// Where somebody else's values stand: addresses, and whatever stands where the subject's might.
    fn others(&self, line: &[u8]) -> Vec<Range<usize>> {
        let own =
            |text: &str| text.is_empty() || text == ERASED || text == NOT_DISCLOSED || text == SOMEBODY_ELSE;
        let is_subject = |text: &str| self.needles.iter().flatten().any(|it| it.is(text));
        let mut spans: Vec<Range<usize>> = addresses(line);
        if let Some(leaves) = json::leaves(line) {
            let fields = |leaf: &&Leaf| self.family.ways.iter().any(|it| it.column == leaf.path);
            for leaf in leaves.iter().filter(|it| !it.path.is_empty()).filter(fields) {
                let raw = String::from_utf8_lossy(&line[leaf.span.clone()]).into_owned();
                if leaf
                    .text
                    .as_deref()
                    .map_or(raw != "null" && !is_subject(&raw), |it| !own(it) && !is_subject(it))
                {
                    // Within the quotes; a number is replaced whole, which only a text can follow.
                    let inner = leaf.span.start + 1..leaf.span.end - 1;
                    spans.push(if leaf.text.is_some() { inner } else { leaf.span.clone() });
                }
            }
        }
        for begins in self.family.ways.iter().filter_map(super::rules::LineWay::begins) {
            let mut from = 0;
            while let Some(at) = find(&line[from..], begins.as_bytes()).map(|it| from + it + begins.len()) {
                let word = |it: &u8| it.is_ascii_alphanumeric() || b"_-".contains(it) || !it.is_ascii();
                let length = line[at..].iter().take_while(|it| word(it)).count();
                if length > 0 {
                    spans.push(at..at + length);
                }
                from = at + length;
            }
        }
        let subjects: Vec<Range<usize>> =
            self.needles.iter().flatten().flat_map(|it| it.find(line)).collect();
        spans.retain(|it| !subjects.iter().any(|own| own.start <= it.start && it.end <= own.end));
        merged(spans)
    }

    /// The line as one `clear` way leaves it.
    fn cleared(&self, way: usize, line: &[u8]) -> Vec<u8> {
        let rule = self.family.ways[way].rule;
        let in_line = |old: &str| match rule.replace.get(LINE) {
            Some(it) => self.made(it, old).map_or_else(|| ERASED.to_owned(), |it| plain(&it)),
            None if rule.empty.iter().any(|it| it == LINE) => String::new(),
            None => ERASED.to_owned(),
        };
        let Some(leaves) = json::leaves(line) else {
            let spans: Vec<_> = self.needles[way].iter().flat_map(|it| self.found(way, it, line)).collect();
            return replaced(line, &spans, |old| in_line(&String::from_utf8_lossy(old)));
        };
        edited(line, &leaves, |leaf| {
            if !leaf.path.is_empty() {
                let raw = &String::from_utf8_lossy(&line[leaf.span.clone()]);
                if rule.empty.iter().any(|it| it != LINE && is_under(&leaf.path, it)) {
                    return Some("null".to_owned());
                }
                let of =
                    |(column, _): &(&String, &Replacement)| *column != LINE && is_under(&leaf.path, column);
                if let Some((_, it)) = rule.replace.iter().find(of) {
                    let old = leaf.text.as_deref().unwrap_or(raw);
                    let nothing = leaf.text.is_none() && raw == "null";
                    return (!nothing).then(|| self.made(it, old).unwrap_or_else(|| "null".to_owned()));
                }
            }
            let text = leaf.text.as_deref().filter(|_| self.family.ways[way].column == LINE)?;
            let spans: Vec<_> = self.needles[way].iter().flat_map(|it| it.find(text.as_bytes())).collect();
            (!spans.is_empty()).then(|| requoted(text, &spans, in_line))
        })
    }

    /// A replacement as JSON; `None` where nothing can be made of the old value.
    fn made(&self, how: &Replacement, old: &str) -> Option<String> {
        Some(match how {
            Replacement::Text(text) => quoted(&text.to_string().replace("{{", "{").replace("}}", "}")),
            Replacement::Int(it) => it.to_string(),
            Replacement::Real(it) => it.to_string(),
            Replacement::Bool(it) => it.to_string(),
            Replacement::Pseudonym { before, after } => {
                let made = old.strip_prefix(&**before).and_then(|it| it.strip_suffix(&**after));
                if made.is_some_and(|it| recipe::is_pseudonym(it.as_bytes())) {
                    return Some(quoted(old));
                }
                quoted(&format!("{before}{}{after}", Recipe::Pseudonym.make(old.as_bytes(), self.key)?))
            }
            Replacement::Generalise(how) => quoted(&Recipe::from(*how).make(old.as_bytes(), None)?),
        })
    }
}

/// Whether a field is another one or stands in it.
fn is_under(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a JSON value says in a plain text.
fn plain(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned())
}

fn requoted(text: &str, spans: &[Range<usize>], with: impl Fn(&str) -> String) -> String {
    let new = replaced(text.as_bytes(), spans, |old| with(&String::from_utf8_lossy(old)));
    quoted(&String::from_utf8_lossy(&new))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|it| it.eq_ignore_ascii_case(wanted))
}

/// Spans in order, overlapping ones as one.
fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|it| (it.start, it.end));
    let mut merged: Vec<Range<usize>> = vec![];
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

fn replaced(text: &[u8], spans: &[Range<usize>], with: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let mut new = Vec::with_capacity(text.len());
    let mut at = 0;
    for span in merged(spans.to_vec()) {
        new.extend_from_slice(&text[at..span.start]);
        new.extend_from_slice(with(&text[span.clone()]).as_bytes());
        at = span.end;
    }
    new.extend_from_slice(&text[at..]);
    new
}

/// A line with leaves replaced by other JSON.
fn edited(line: &[u8], leaves: &[Leaf], with: impl Fn(&Leaf) -> Option<String>) -> Vec<u8> {
    let mut new = Vec::with_capacity(line.len());
    let mut at = 0;
    for leaf in leaves {
        if let Some(text) = with(leaf) {
            new.extend_from_slice(&line[at..leaf.span.start]);
            new.extend_from_slice(text.as_bytes());
            at = leaf.span.end;
        }
    }
    new.extend_from_slice(&line[at..]);
    new
}

#[cfg(test)]
mod tests;
