//! Reads `[break_glass]`. It must not know what stands in the policies that it names.

use std::collections::BTreeSet;

use countersign_policy::Vocabulary;

use super::names;
use crate::settings::bundle::Bundle;
use crate::settings::duration::{DAY_MS, LONGEST_MS};
use crate::settings::section::{Placed, Section, brief};

const REVIEW_WITHIN_MS: i64 = 3 * DAY_MS;
const LEAST_MS: i64 = 100;

/// The section as it is written.
pub(super) struct Written {
    pub(super) file: String,
    pub(super) who: BTreeSet<String>,
    pub(super) seats: BTreeSet<String>,
    pub(super) review_within_ms: i64,
}

impl Written {
    /// Reads the section, if it is there and makes sense.
    pub(super) fn read(top: &Section<'_>, bundle: &Bundle, vocabulary: &Vocabulary) -> Option<Self> {
        let section = top.section("break_glass")?;
        let page = section.page();
        let file = section.needed("policies", "\"policies/break-glass.cedar\"").filter(|it| {
            let there = it.value.starts_with("policies/") && bundle.files.contains_key(it.value);
            if !there {
                let message = format!("there is no file `{}`", brief(it.value));
                page.wrong(it.span.clone(), message, "name one of `policies/*.cedar`");
            }
            there
        });
        let groups = |key: &'static str, needed: bool| {
            let names = section.texts(key);
            if needed && names.is_empty() {
                section.missing(key, "[\"privacy\"]");
            }
            let known = |name: &Placed<&str>| {
                let groups = vocabulary.groups.iter().map(String::as_str);
                names::is_known(page, "group", name, groups)
            };
            names.into_iter().filter(known).map(|it| it.value.to_owned()).collect()
        };
        let (who, seats) = (groups("who", true), groups("seats", true));
        let review_within_ms =
            section.duration("review_within", LEAST_MS..=LONGEST_MS).unwrap_or(REVIEW_WITHIN_MS);
        section.finish();
        Some(Self { file: file?.value.to_owned(), who, seats, review_within_ms })
    }
}
