//! The languages that a package speaks: English and German here, others by files of the operator's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use countersign_core::time::Timestamp;
use countersign_service::words::Words;

const ENGLISH: &str = include_str!("words/en.txt");
const GERMAN: &str = include_str!("words/de.txt");

static OURS: LazyLock<BTreeMap<String, Words>> = LazyLock::new(|| {
    [("en", ENGLISH), ("de", GERMAN)].map(|(code, file)| (code.to_owned(), Words::read(file))).into()
});
static IN_ENGLISH: LazyLock<Words> = LazyLock::new(|| Words::read(ENGLISH));

/// Languages beside ours, by code.
#[derive(Clone, Debug, Default)]
pub(super) struct Languages(Arc<BTreeMap<String, Words>>);

/// One of them. A text that its file lacks is said in English.
#[derive(Clone, Debug)]
pub(super) struct Language {
    pub(super) code: String,
    words: Words,
}

impl Languages {
    /// Every `<code>.txt` of a folder. They are read once, at the start.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let unread = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut all = BTreeMap::new();
        for file in std::fs::read_dir(folder).map_err(unread)? {
            let path = file.map_err(unread)?.path();
            let code = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let fits = (2..=12).contains(&code.len())
                && code.bytes().all(|c| c.is_ascii_lowercase() || c == b'-' || c.is_ascii_digit());
            if !fits || path.extension().is_none_or(|extension| extension != "txt") {
                continue;
            }
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            // As long as the node runs: it is read once.
            let words = Words::read(text.leak());
            if let Some(unknown) = words.keys().find(|key| IN_ENGLISH.find(key).is_none()) {
                return Err(format!("{}: a package has no text called `{unknown}`", path.display()));
            }
            all.insert(code.to_owned(), words);
        }
        Ok(Self(Arc::new(all)))
    }

    /// The one of a code; English for one that nobody wrote.
    pub(super) fn of(&self, code: &str) -> Language {
        let found = self.0.get(code).or_else(|| OURS.get(code));
        let code = if found.is_some() { code } else { "en" };
        Language { code: code.to_owned(), words: found.unwrap_or(&IN_ENGLISH).clone() }
    }
}

impl Language {
    pub(super) fn say(&self, key: &'static str) -> &'static str {
        self.words.find(key).unwrap_or_else(|| IN_ENGLISH.say(key))
    }

    pub(super) fn fill(&self, key: &'static str, values: &[(&str, &str)]) -> String {
        let words = if self.words.find(key).is_some() { &self.words } else { &IN_ENGLISH };
        words.fill(key, values)
    }

    /// Why a column is left out. A reason of a source's own is said as the source says it.
    pub(super) fn reason<'a>(&self, reason: &'a str) -> &'a str {
        let key = format!("reason.{}", reason.replace(' ', "_"));
        self.words.find(&key).or_else(|| IN_ENGLISH.find(&key)).unwrap_or(reason)
    }

    pub(super) fn rows(&self, rows: u64) -> String {
        match rows {
            0 => self.say("rows.none").to_owned(),
            1 => self.say("rows.one").to_owned(),
            rows => self.fill("rows.many", &[("rows", &rows.to_string())]),
        }
    }

    pub(super) fn moment(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
        let at = at.to_zoned(jiff::tz::TimeZone::UTC);
        let month = usize::from(at.month().unsigned_abs()).saturating_sub(1);
        let month = self.say("months").split(',').nth(month).unwrap_or_default();
        let (day, year) = (at.day().to_string(), at.year().to_string());
        let time = at.strftime("%H:%M").to_string();
        self.fill("moment", &[("day", &day), ("month", month), ("year", &year), ("time", &time)])
    }
}
