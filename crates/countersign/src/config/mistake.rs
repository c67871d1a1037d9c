//! A mistake in a file, shown at its line with what to write instead.
//! Not only for `countersign.toml`: whatever is read from a text with places can be shown so.

use std::fmt;
use std::ops::Range;

use countersign_service::settings::did_you_mean;

/// Something wrong at a place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where, in bytes of the text.
    pub(crate) span: Range<usize>,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do; empty when there is nothing to add.
    pub(crate) advice: String,
}

/// All mistakes of one file. As text, each with its line:
///
/// ```text
/// error: countersign.toml
///   × line 14: unknown key `listn` in [server]
///  14 | listn = "127.0.0.1:7300"
///     | ^^^^^ did you mean `listen`?
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistakes {
    /// The file, as the user named it.
    pub(crate) file: String,
    /// What it says.
    pub(crate) text: String,
    /// At least one, in the order of their places.
    pub(crate) all: Vec<Mistake>,
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever prints an error writes `error: ` in front.
        write!(f, "{}", self.file)?;
        self.all.iter().try_for_each(|mistake| self.show(mistake, f))
    }
}

impl Mistakes {
    fn show(&self, mistake: &Mistake, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = floor(&self.text, mistake.span.start);
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        let line = self.text[start..end].trim_end_matches('\r');
        let number = self.text[..at].matches('\n').count() + 1;
        let margin = number.to_string().len().max(2);
        write!(f, "\n  × line {number}: {}", mistake.what)?;
        if line.trim().is_empty() {
            return if mistake.advice.is_empty() { Ok(()) } else { write!(f, "; {}", mistake.advice) };
        }
        let before = width(&line[..(at - start).min(line.len())]);
        // A mistake may stand where a line ends, at the carriage return that is not shown.
        let last = floor(&self.text, mistake.span.end.clamp(at, at.max(start + line.len())));
        let (shown, open) = masked(line);
        // Within a masked value nothing can be pointed at but its beginning.
        let pointed = match open {
            Some(open) if before >= open => 1,
            _ => width(&self.text[at..last]).max(1),
        };
        let before = open.map_or(before, |open| before.min(open));
        write!(f, "\n {number:>width$} | {shown}", width = margin - 1)?;
        write!(f, "\n {:margin$}| {:before$}{}", "", "", "^".repeat(pointed), margin = margin)?;
        if mistake.advice.is_empty() { Ok(()) } else { write!(f, " {}", mistake.advice) }
    }
}

/// The line as it may be shown, and the column from which on it is masked: secrets are never repeated.
fn masked(line: &str) -> (String, Option<usize>) {
    const SECRET: [&str; 5] = ["url", "pass", "secret", "token", "credential"];
    let plain = || (line.replace('\t', " "), None);
    let Some((key, value)) = line.split_once('=') else { return plain() };
    let name = key.trim().rsplit(['.', '{', ',', ' ']).next().unwrap_or_default().to_lowercase();
    let names_a_place = ["_env", "_file"].iter().any(|end| name.ends_with(end));
    // An inline table may have its secret anywhere.
    let inline =
        value.trim_start().starts_with('{') && SECRET.iter().any(|word| value.to_lowercase().contains(word));
    if inline || (!names_a_place && name != "public_url" && SECRET.iter().any(|word| name.contains(word))) {
        let open = width(key) + 2;
        return (format!("{key}= …").replace('\t', " "), Some(open));
    }
    plain()
}

/// Columns that a text takes on the screen; close enough for a configuration.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// `did you mean …?` when one of the words known is near, else all of them.
pub(crate) fn suggestion(written: &str, known: &[&str]) -> String {
    match did_you_mean(written, known.iter().copied()) {
        near if !near.is_empty() => near,
        _ if known.is_empty() => String::new(),
        _ => format!("known here: {}", known.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")),
    }
}
