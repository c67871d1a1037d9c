//! `[log]`: what the program tells about its work.

use super::section::Section;

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// As `RUST_LOG` writes it: `info`, `countersign=debug,warn`, …
    pub(crate) filter: String,
    /// For people or for programs.
    pub(crate) form: LogForm,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let filter = section.text("filter").map_or_else(|| "info".to_owned(), |filter| filter.value);
        let form = section.word("format", &[("text", LogForm::Text), ("json", LogForm::Json)]);
        section.close();
        Self { filter, form: form.unwrap_or(LogForm::Text) }
    }
}
