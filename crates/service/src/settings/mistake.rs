//! A mistake in a file that a person wrote: what is wrong, where, and what was perhaps meant. It must not know
//! which files there are or what should stand in them.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// The longest piece of a line that is shown, in characters.
const SHOWN: usize = 100;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// The path in the bundle.
    pub file: String,
    /// From 1; `None` where the whole file is meant.
    pub line: Option<u32>,
    /// In characters, from 1.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// The line, and below it a mark with what to do.
    pub snippet: Option<String>,
}

impl Mistake {
    /// About a whole file.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, column: None, message: message.into(), snippet: None }
    }

    /// About the bytes `span` of `text`; `advice` stands behind the mark. A span beyond the text means its end.
    pub fn at(file: &str, text: &str, span: Range<usize>, message: impl Into<String>, advice: &str) -> Self {
        let start = floor(text, span.start);
        let begin = text[..start].rfind('\n').map_or(0, |it| it + 1);
        let line = 1 + text[..begin].matches('\n').count();
        let column = 1 + text[begin..start].chars().count();
        let end = floor(text, span.end).max(start);
        let marked = text[start..end].lines().next().map_or(0, |it| it.chars().count());
        Self::placed(file, text, (line, column, marked), message.into(), advice)
    }

    /// About `line` and `column` (from 1, in characters) of `text`.
    pub fn on_line(
        file: &str,
        text: &str,
        (line, column): (usize, usize),
        message: impl Into<String>,
        advice: &str,
    ) -> Self {
        Self::placed(file, text, (line, column, 1), message.into(), advice)
    }

    fn placed(
        file: &str,
        text: &str,
        (line, column, marked): (usize, usize, usize),
        message: String,
        advice: &str,
    ) -> Self {
        let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        Self {
            file: file.to_owned(),
            line: u32::try_from(line).ok(),
            column: u32::try_from(column).ok(),
            message,
            snippet: Some(snippet(line, written, column, marked, advice)),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.file, Body(self))
    }
}

/// A mistake without its file's name.
struct Body<'a>(&'a Mistake);

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Body(mistake) = self;
        f.write_str("  × ")?;
        if let Some(line) = mistake.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&mistake.message)?;
        match &mistake.snippet {
            Some(snippet) => write!(f, "\n{snippet}"),
            None => Ok(()),
        }
    }
}

/// All of them for a person: by file, in the order in which they stand there.
pub fn report(mistakes: &[Mistake]) -> String {
    let mut all: Vec<&Mistake> = mistakes.iter().collect();
    all.sort();
    let mut lines: Vec<String> = vec![];
    let mut file = None;
    for mistake in all {
        if file != Some(&mistake.file) {
            file = Some(&mistake.file);
            lines.push(mistake.file.clone());
        }
        lines.push(Body(mistake).to_string());
    }
    lines.join("\n")
}

/// Two lines: the text with its number, and a mark below.
fn snippet(line: usize, written: &str, column: usize, marked: usize, advice: &str) -> String {
    let before = column.saturating_sub(1);
    // Long lines are shown from a little before the mark.
    let skipped = if before < SHOWN { 0 } else { before - SHOWN / 2 };
    let plain = |it: char| if it.is_control() { ' ' } else { it };
    let shown: String = written.chars().skip(skipped).take(SHOWN).map(plain).collect();
    let indent = before - skipped;
    let room = shown.chars().count().saturating_sub(indent);
    let mark = "^".repeat(marked.min(room).max(1));
    let number = format!("{line:>3}");
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(indent);
    let below = format!("{margin} | {indent}{mark} {advice}");
    format!("{number} | {}\n{}", shown.trim_end(), below.trim_end())
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The one of `known` that `written` was perhaps meant to be, as `did you mean …?`; empty where none is near.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // A long text is no slip of the finger, and its distance costs time.
    if written.len() > 64 {
        return String::new();
    }
    let written_plain = written.to_lowercase();
    known
        .into_iter()
        .map(|it| (distance(&written_plain, &it.to_lowercase()), it))
        .filter(|(far, it)| *far <= it.chars().count().max(3) / 3)
        .min()
        .map(|(_, it)| format!("did you mean `{it}`?"))
        .unwrap_or_default()
}

/// How many letters must be added, taken away, changed or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = vec![];
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (i, letter) in one.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, &there) in other.iter().enumerate() {
            let mut least = (row[j] + usize::from(letter != there)).min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && last == Some(there) && letter == other[j - 1] && i > 0 {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mistake_shows_its_line_with_a_mark() {
        let text = "[server]\nlistn = 1\n";
        let mistake =
            Mistake::at("a.toml", text, 9..14, "unknown key `listn` in [server]", "did you mean `listen`?");
        let shown = "a.toml\n  × line 2: unknown key `listn` in [server]\n  2 | listn = 1\n    | ^^^^^ did you mean `listen`?";
        assert_eq!(mistake.to_string(), shown);
        assert_eq!((mistake.line, mistake.column), (Some(2), Some(1)));
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["listen", "store", "cron"];
        assert_eq!(did_you_mean("listn", known), "did you mean `listen`?");
        assert_eq!(did_you_mean("STORE", known), "did you mean `store`?");
        assert_eq!(did_you_mean("corn", known), "did you mean `cron`?");
        assert_eq!(did_you_mean("elephant", known), "");
    }

    proptest! {
        #[test]
        fn no_place_in_any_text_makes_it_panic(text in ".{0,300}", from in 0usize..400, to in 0usize..400) {
            let _ = Mistake::at("f", &text, from..to, "m", "a").to_string();
            let _ = Mistake::on_line("f", &text, (from, to), "m", "a").to_string();
        }
    }
}
