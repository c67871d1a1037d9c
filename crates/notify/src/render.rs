//! The words of a message: plain text, short, and nothing about a person beyond what its reader must know.
//! Knows neither addresses nor how mail travels.

use countersign_core::time::Timestamp;
use countersign_service::ports::notifier::About;

/// Longer words than these are no names from a configuration.
const LONGEST_WORD: usize = 80;

/// A worded message.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// One line. Never holds a code: subjects show on locked screens.
    pub subject: String,
    /// Lines that end with `\n`; a code stands on a line of its own.
    pub body: String,
}

/// Puts a message into words.
#[must_use]
pub fn render(about: &About) -> Text {
    let (subject, lines) = match about {
        About::Code { code, request, action, expires_at } => (
            "Your confirmation code".to_owned(),
            vec![
                "Hello,".to_owned(),
                format!("somebody, probably you, asked {}.", asked(action)),
                "To confirm that it was you, enter this code:".to_owned(),
                word(code),
                until(*expires_at, "It works until", "."),
                "If it was not you, do nothing: without the code nothing happens. Never tell it to anybody, \
                 not even to us."
                    .to_owned(),
                format!("Request {request}"),
            ],
        ),
        About::Outcome { request, action, status, detail, kept, package_until } => (
            outcome_subject(status).to_owned(),
            vec![
                "Hello,".to_owned(),
                format!("this is about your request {}.", asked(action)),
                outcome(status, detail.as_deref()),
                kept_rows(kept),
                package_until.map(|at| until(at, "You can fetch the package until", ".")).unwrap_or_default(),
                format!("Request {request}"),
            ],
        ),
        About::CallToVote { request, action, seat, due_at, again } => (
            if *again { "A request needs your vote again" } else { "A request waits for your vote" }
                .to_owned(),
            vec![
                "Hello,".to_owned(),
                format!("a request {} waits for a vote of {}.", asked(action), word(seat)),
                if *again {
                    "The data changed after the votes were given, so they no longer count. Please look again."
                        .to_owned()
                } else {
                    String::new()
                },
                due_at.map(|at| until(at, "The law wants it answered by", ".")).unwrap_or_default(),
                "What it would touch, and what else is missing, stands in your inbox of Countersign."
                    .to_owned(),
                format!("Request {request}"),
            ],
        ),
    };
    let paragraphs: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    Text { subject, body: paragraphs.join("\n\n") + "\n" }
}

/// What was asked, to follow "asked" or "a request".
fn asked(action: &str) -> String {
    match action {
        "access" => "to see personal data".to_owned(),
        "export" => "for a copy of personal data".to_owned(),
        "erase" => "to erase personal data".to_owned(),
        "purge" => "to purge old data".to_owned(),
        other => format!("for the action {}", word(other)),
    }
}

fn outcome_subject(status: &str) -> &'static str {
    match status {
        "completed" => "Your request is done",
        "denied" => "Your request was denied",
        "expired" => "Your request has expired",
        "withdrawn" => "Your request was withdrawn",
        _ => "News of your request",
    }
}

fn outcome(status: &str, detail: Option<&str>) -> String {
    match (status, detail) {
        ("completed", Some("partial")) => "It was carried out in part.".to_owned(),
        ("completed", _) => "It was carried out.".to_owned(),
        ("denied", Some(code)) => format!("It was denied. The reason is: {}.", word(code)),
        ("denied", None) => "It was denied.".to_owned(),
        ("expired", _) => {
            "Its time ran out before everything it needed had come together. You may ask again.".to_owned()
        }
        ("withdrawn", _) => "It was withdrawn. Nothing was done.".to_owned(),
        ("abandoned", _) => "It could not be carried out to its end, and was given up.".to_owned(),
        (other, Some(detail)) => format!("It is now {} ({}).", word(other), word(detail)),
        (other, None) => format!("It is now {}.", word(other)),
    }
}

fn kept_rows(kept: &[(String, u64)]) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let rows = kept.iter().map(|(code, rows)| {
        format!("\n  {rows} {} kept: {}", if *rows == 1 { "record" } else { "records" }, word(code))
    });
    format!("Some records must stay:{}", rows.collect::<String>())
}

/// `before`, the moment in UTC, `after`; nothing for a moment beyond any calendar.
fn until(at: Timestamp, before: &str, after: &str) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map(|at| format!("{before} {}{after}", at.strftime("%-d %B %Y, %H:%M UTC")))
        .unwrap_or_default()
}

/// A word from outside on one line: what controls a terminal or ends a line becomes a space, and its length is held.
fn word(text: &str) -> String {
    let line: String = text.chars().map(|c| if breaks(c) { ' ' } else { c }).take(LONGEST_WORD).collect();
    line.trim().to_owned()
}

fn breaks(c: char) -> bool {
    // The line and paragraph separators, and the marks that turn the direction of text.
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
