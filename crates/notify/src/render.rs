//! The words of a message: plain text, short, and nothing about a person beyond what its reader must know.
//! Knows neither addresses nor how mail travels. A language is a file in `render/`.

use std::sync::LazyLock;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::notifier::{About, Awaited};
use countersign_service::words::Words;

/// Longer words than these are no names from a configuration.
const LONGEST_WORD: usize = 80;
/// A link to a portal.
const LONGEST_LINK: usize = 1000;

/// A worded message.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// One line. Never holds a code: subjects show on locked screens.
    pub subject: String,
    /// Lines that end with `\n`; a code stands on a line of its own.
    pub body: String,
}

/// The words of one language.
struct Language(Words);

static ENGLISH: LazyLock<Language> = LazyLock::new(|| Language(Words::read(include_str!("render/en.txt"))));
static GERMAN: LazyLock<Language> = LazyLock::new(|| Language(Words::read(include_str!("render/de.txt"))));

/// Puts a message into words of a language: `de`, or English.
#[must_use]
pub fn render(about: &About, language: &str) -> Text {
    let words = if language == "de" { &*GERMAN } else { &*ENGLISH };
    let (subject, lines) = match about {
        About::Code { code, request, action, expires_at, link } => {
            words.code(code, *request, action, *expires_at, link)
        }
        About::Outcome { request, action, status, detail, kept, package_until, link } => {
            let mut lines = vec![
                words.fill("outcome.about", &[("asked", &words.asked(action))]),
                words.outcome(status, detail.as_deref()),
                words.kept(kept),
                package_until.map(|at| words.until("outcome.package", at)).unwrap_or_default(),
            ];
            if let Some(link) = link {
                lines.extend([words.text("outcome.see"), word_of(link, LONGEST_LINK)]);
            }
            lines.push(words.request(*request));
            let key = format!("outcome.subject.{status}");
            (words.0.find(&key).unwrap_or_else(|| words.0.say("outcome.subject.other")).to_owned(), lines)
        }
        About::SignIn { link, expires_at } => (
            words.text("sign_in.subject"),
            vec![
                words.text("sign_in.open"),
                word_of(link, LONGEST_LINK),
                words.until("sign_in.until", *expires_at),
                words.text("sign_in.not_you"),
            ],
        ),
        About::SetUp => {
            (words.text("set_up.subject"), vec![words.text("set_up.about"), words.text("set_up.not_you")])
        }
        About::CallToVote { request, action, seat, due_at, again, reminder, link } => {
            let (asked, seat) = (words.asked(action), word(seat));
            let subject = match (reminder, again) {
                (true, _) => "vote.subject.reminder",
                (false, true) => "vote.subject.again",
                (false, false) => "vote.subject",
            };
            let mut lines = vec![
                words.fill("vote.who", &[("asked", &asked), ("seat", &seat)]),
                if *reminder { words.text("vote.reminder") } else { String::new() },
                if *again { words.text("vote.again") } else { String::new() },
                due_at.map(|at| words.until("vote.due", at)).unwrap_or_default(),
                words.text("vote.where"),
            ];
            lines.extend(link.iter().map(|link| word_of(link, LONGEST_LINK)));
            lines.push(words.request(*request));
            (words.text(subject), lines)
        }
        About::Mandate { agent, request, action, link } => (
            words.text("mandate.subject"),
            vec![
                words.fill("mandate.who", &[("agent", &word(agent)), ("asked", &words.asked(action))]),
                words.text("mandate.open"),
                word_of(link, LONGEST_LINK),
                words.text("mandate.not_you"),
                words.request(*request),
            ],
        ),
        About::Erased { request, name, references } => {
            let mut lines =
                vec![words.fill("erased.what", &[("name", &word(name))]), words.text("erased.please")];
            if !references.is_empty() {
                lines.push(words.text("erased.reference"));
                lines.extend(references.iter().map(|it| word(it)));
            }
            lines.push(words.request(*request));
            (words.text("erased.subject"), lines)
        }
        About::Digest { waiting, more, link } => words.digest(waiting, *more, link),
        About::GlassBroken { request, action, review_due, overdue, link } => {
            let mut lines = vec![
                words.fill("glass.what", &[("asked", &words.asked(action))]),
                words.text(if *overdue { "glass.overdue" } else { "glass.look" }),
                words.until("glass.due", *review_due),
            ];
            lines.extend(link.iter().map(|link| word_of(link, LONGEST_LINK)));
            lines.push(words.request(*request));
            (words.text(if *overdue { "glass.subject.overdue" } else { "glass.subject" }), lines)
        }
    };
    let paragraphs: Vec<_> =
        [words.text("hello")].into_iter().chain(lines).filter(|line| !line.is_empty()).collect();
    Text { subject, body: paragraphs.join("\n\n") + "\n" }
}

impl Language {
    fn text(&self, key: &str) -> String {
        self.0.say(key).to_owned()
    }

    fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.0.fill(key, values)
    }

    fn code(
        &self,
        code: &str,
        request: RequestId,
        action: &str,
        expires_at: Timestamp,
        link: &Option<String>,
    ) -> (String, Vec<String>) {
        let mut lines = vec![
            self.fill("code.who", &[("asked", &self.asked(action))]),
            self.text("code.enter"),
            word(code),
        ];
        if let Some(link) = link {
            lines.extend([self.text("code.link"), word_of(link, LONGEST_LINK)]);
        }
        let not_you = if link.is_some() { "code.not_you_link" } else { "code.not_you" };
        lines.extend([self.until("code.until", expires_at), self.text(not_you), self.request(request)]);
        (self.text("code.subject"), lines)
    }

    fn digest(&self, waiting: &[Awaited], more: u64, link: &Option<String>) -> (String, Vec<String>) {
        let one = |awaited: &Awaited| {
            let (asked, seat) = (self.asked(&awaited.action), word(&awaited.seat));
            let parts = [
                self.fill("digest.one", &[("asked", &asked), ("seat", &seat)]),
                awaited.due_at.map(|at| self.until("digest.due", at)).unwrap_or_default(),
                awaited.link.as_ref().map(|link| word_of(link, LONGEST_LINK)).unwrap_or_default(),
                self.request(awaited.request),
            ];
            let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            parts.join("\n  ")
        };
        let mut lines = vec![self.text("digest.about")];
        lines.extend(waiting.iter().map(one));
        if more > 0 {
            lines.push(self.fill("digest.more", &[("count", &more.to_string())]));
        }
        if let Some(link) = link {
            lines.extend([self.text("digest.inbox"), word_of(link, LONGEST_LINK)]);
        }
        let count = (waiting.len() as u64 + more).to_string();
        let subject = if count == "1" {
            self.text("digest.subject.one")
        } else {
            self.fill("digest.subject", &[("count", &count)])
        };
        (subject, lines)
    }

    fn request(&self, id: RequestId) -> String {
        self.fill("request", &[("id", &id.to_string())])
    }

    /// What was asked, to follow "asked" or "a request".
    fn asked(&self, action: &str) -> String {
        match action {
            "access" | "export" | "erase" | "purge" => self.text(&format!("asked.{action}")),
            other => self.fill("asked.other", &[("action", &word(other))]),
        }
    }

    fn outcome(&self, status: &str, detail: Option<&str>) -> String {
        match (status, detail) {
            ("completed", Some("partial")) => self.text("outcome.partial"),
            ("denied", Some(code)) => self.fill("outcome.denied.why", &[("detail", &word(code))]),
            ("completed" | "denied" | "expired" | "withdrawn" | "abandoned", _) => {
                self.text(&format!("outcome.{status}"))
            }
            (other, Some(detail)) => {
                self.fill("outcome.other.why", &[("status", &word(other)), ("detail", &word(detail))])
            }
            (other, None) => self.fill("outcome.other", &[("status", &word(other))]),
        }
    }

    fn kept(&self, kept: &[(String, u64)]) -> String {
        if kept.is_empty() {
            return String::new();
        }
        let rows = kept.iter().map(|(code, rows)| {
            let key = if *rows == 1 { "outcome.kept.one" } else { "outcome.kept.many" };
            format!("\n  {}", self.fill(key, &[("rows", &rows.to_string()), ("reason", &word(code))]))
        });
        format!("{}{}", self.0.say("outcome.kept"), rows.collect::<String>())
    }

    /// A sentence with the moment in UTC; nothing for a moment beyond any calendar.
    fn until(&self, key: &str, at: Timestamp) -> String {
        let Ok(at) = jiff::Timestamp::from_millisecond(at.as_millis()) else { return String::new() };
        let at = at.to_zoned(jiff::tz::TimeZone::UTC);
        let month = usize::from(at.month().unsigned_abs()).saturating_sub(1);
        let moment = self.fill(
            "moment",
            &[
                ("day", &at.day().to_string()),
                ("month", self.0.say("months").split(',').nth(month).unwrap_or_default()),
                ("year", &at.year().to_string()),
                ("time", &at.strftime("%H:%M").to_string()),
            ],
        );
        self.fill(key, &[("moment", &moment)])
    }
}

/// A word from outside on one line: what controls a terminal or ends a line becomes a space, and its length is held.
fn word(text: &str) -> String {
    word_of(text, LONGEST_WORD)
}

fn word_of(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if breaks(c) { ' ' } else { c }).take(most).collect();
    line.trim().to_owned()
}

fn breaks(c: char) -> bool {
    // The line and paragraph separators, and the marks that turn the direction of text.
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
