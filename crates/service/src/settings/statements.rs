//! `[[statements]]`: customers' own applications that may state who is signed in there, by which keys, and what a statement
//! must say. Whoever may change this may speak for every subject, so it is part of what two administrators decide.

use url::Url;

use super::duration::DAY_MS;
use super::section::{Placed, Section};
use crate::jws::SigningKeys;

const MINUTE_MS: i64 = 60_000;
const MAX_AGE_MS: i64 = 10 * MINUTE_MS;
const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];

/// Where an application's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysAt {
    /// In the settings: a JWK set, as text.
    Here(String),
    /// At an address that is asked now and then.
    Url {
        /// The address.
        url: String,
        /// Whether it may be in a private network, and without TLS.
        private: bool,
    },
}

/// One application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The claim `iss`.
    pub issuer: String,
    /// What the claim `aud` has to name.
    pub audience: String,
    /// The claim that says whom a statement is about.
    pub claim: String,
    /// Of which kind that identity is, such as `account`.
    pub identity: String,
    /// How statements may be signed.
    pub algorithms: Vec<String>,
    /// How long ago its user may have signed in.
    pub max_age_ms: i64,
    /// The keys.
    pub keys: KeysAt,
}

impl Application {
    /// Reads every section.
    pub(super) fn read_all(top: &Section<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for section in top.list("statements") {
            let (page, span) = (section.page(), section.span());
            let Some(application) = Self::read(section) else { continue };
            if all.iter().any(|it| it.issuer == application.issuer) {
                page.wrong(span, "this issuer has a section already", "only the first would count");
                continue;
            }
            all.push(application);
        }
        all
    }

    fn read(section: Section<'_>) -> Option<Self> {
        let text = |it: Placed<&str>| it.value.to_owned();
        let issuer = section.needed("issuer", "\"https://shop.example\"").map(text);
        let audience = section.needed("audience", "\"https://privacy.example\"").map(text);
        let identity = section.needed("identity", "\"account\"").map(text);
        let claim = section.text("claim").map_or_else(|| "sub".to_owned(), text);
        let max_age_ms = section.duration("max_age", MINUTE_MS..=DAY_MS).unwrap_or(MAX_AGE_MS);
        let algorithms = algorithms(&section);
        let keys = keys(&section);
        section.finish();
        Some(Self {
            issuer: issuer?,
            audience: audience?,
            claim,
            identity: identity?,
            algorithms,
            max_age_ms,
            keys: keys?,
        })
    }
}

fn algorithms(section: &Section<'_>) -> Vec<String> {
    let named = section.texts("algorithms");
    if named.is_empty() {
        section.missing("algorithms", "[\"ES256\"]");
    }
    let choices = ALGORITHMS.map(|name| (name, name));
    let known = named.iter().filter_map(|it| section.choose("algorithms", it, &choices));
    known.map(str::to_owned).collect()
}

fn keys(section: &Section<'_>) -> Option<KeysAt> {
    let (here, url) = (section.text("keys"), section.text("keys_url"));
    let private = section.flag("keys_private").unwrap_or(false);
    let page = section.page();
    match (here, url) {
        (Some(here), None) => {
            if SigningKeys::read(here.value.as_bytes()).is_none_or(|keys| keys.is_empty()) {
                page.wrong(
                    here.span,
                    "`keys` is no JWK set with a key to sign by",
                    "as in {\"keys\": [{…}]}",
                );
                return None;
            }
            Some(KeysAt::Here(here.value.to_owned()))
        }
        (None, Some(url)) => {
            let scheme = Url::parse(url.value).map(|it| it.scheme().to_owned()).unwrap_or_default();
            if scheme == "https" || (scheme == "http" && private) {
                return Some(KeysAt::Url { url: url.value.to_owned(), private });
            }
            let advice = "begin it with https://; http:// only for a private one, with `keys_private = true`";
            page.wrong(url.span, "`keys_url` is no address that keys are taken from", advice);
            None
        }
        (Some(_), Some(url)) => {
            page.wrong(url.span, "there are `keys` and `keys_url`", "keep one of them");
            None
        }
        (None, None) => {
            section.missing("keys_url", "\"https://shop.example/.well-known/jwks.json\"");
            None
        }
    }
}
