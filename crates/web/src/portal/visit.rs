//! Who looks at a page, as far as a page may know: their language, their browser's word for forms, the network address that
//! floods are counted by, and the keys to requests that the browser holds.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use countersign_service::portal::Door;
use countersign_service::refusal::Refusal;
use http::header::ACCEPT_LANGUAGE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use maud::{Markup, html};

use super::cookie::{self, Jar};
use super::language::Language;
use super::options::Portal;
use super::{guard, respond};
use crate::app::App;
use crate::problem::Problem;

/// What a language link keeps of a page's own address.
const KEPT: [&str; 2] = ["action", "key"];
/// The longest of what it keeps.
const KEPT_MAX: usize = 128;

/// A visit to a page.
pub(super) struct Visit {
    app: App,
    pub(super) portal: Portal,
    pub(super) language: Language,
    pub(super) jar: Jar,
    /// Forms are tied to this browser by it.
    pub(super) word: String,
    /// Where the portal begins, as a path.
    pub(super) root: String,
    /// The page's own path, with what a language link keeps of its query.
    here: (String, String),
    pub(super) query: BTreeMap<String, String>,
    headers: HeaderMap,
    client: String,
    cookies: Vec<HeaderValue>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let portal = app.options.portal.clone().ok_or_else(Problem::no_such_path)?;
        let query =
            Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri).map(|it| it.0).unwrap_or_default();
        let jar = Jar::of(&portal.url);
        let mut cookies = Vec::new();
        let word = cookie::sent(&parts.headers, &jar.form_name()).map(str::to_owned).unwrap_or_else(|| {
            let word = app.service.random_word();
            cookies.extend(jar.set(&jar.form_name(), &word));
            word
        });
        let language = language(parts, jar, &query, &mut cookies);
        let root = root(&portal.url);
        // Behind a proxy that cuts a prefix off, the path that links need is the portal's own.
        let path = format!("{root}{}", parts.uri.path().strip_prefix(super::ROOT).unwrap_or_default());
        let plain = |value: &str| {
            value.len() <= KEPT_MAX && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let kept = KEPT
            .iter()
            .filter_map(|name| {
                query.get(*name).filter(|value| plain(value)).map(|value| format!("{name}={value}&"))
            })
            .collect();
        let client = guard::client(parts, portal.proxies);
        let headers = parts.headers.clone();
        let here = (path, kept);
        Ok(Self {
            app: app.clone(),
            portal,
            language,
            jar,
            word,
            root,
            here,
            query,
            headers,
            client,
            cookies,
        })
    }
}

impl Visit {
    /// The subject, if this browser holds the key to the request.
    pub(super) async fn caller(&self, id: RequestId) -> Result<Option<Caller>, Refusal> {
        let Some(key) = cookie::sent(&self.headers, &self.jar.key_name(id)) else { return Ok(None) };
        match self.app.service.caller(key).await {
            // A key to something else, whosever it is, opens no page here.
            Ok(caller) => Ok(Some(caller).filter(|caller| *caller == Caller::Subject(id))),
            Err(Refusal::Unauthenticated) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Where this visit stands, for the service.
    pub(super) fn door(&self) -> Door {
        Door {
            url: self.portal.url.clone(),
            language: self.language.code().to_owned(),
            client: self.client.clone(),
        }
    }

    /// What every form carries: its own name, and the proof that we made it for this browser.
    pub(super) fn fields(&self) -> Markup {
        let form = self.app.service.random_word();
        let token = self.app.service.form_token(&self.word, &form);
        html! {
            input type="hidden" name="form" value=(form);
            input type="hidden" name="token" value=(token);
        }
    }

    /// This page in another language.
    pub(super) fn in_language(&self, language: Language) -> String {
        format!("{}?{}lang={}", self.here.0, self.here.1, language.code())
    }

    /// The page of a request.
    pub(super) fn request(&self, id: RequestId) -> String {
        format!("{}/requests/{id}", self.root)
    }

    /// A text.
    pub(super) fn say<'a>(&self, key: &'a str) -> &'a str {
        self.language.say(key)
    }

    /// A text with its places filled in.
    pub(super) fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.language.fill(key, values)
    }

    /// A sentence on where questions go; nothing where nobody said.
    pub(super) fn contact(&self) -> String {
        self.portal
            .contact
            .as_ref()
            .map(|contact| self.fill("contact", &[("contact", contact)]))
            .unwrap_or_default()
    }

    /// Cookies that this visit brings.
    pub(super) fn cookies(&self) -> &[HeaderValue] {
        &self.cookies
    }
}

/// The language chosen by a link, now or before, else the one that the browser asks for.
fn language(
    parts: &Parts,
    jar: Jar,
    query: &BTreeMap<String, String>,
    cookies: &mut Vec<HeaderValue>,
) -> Language {
    if let Some(chosen) = query.get("lang").and_then(|code| Language::of_code(code)) {
        cookies.extend(jar.set(&jar.language_name(), chosen.code()));
        return chosen;
    }
    let before = cookie::sent(&parts.headers, &jar.language_name()).and_then(Language::of_code);
    before.unwrap_or_else(|| {
        let header = parts.headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok());
        Language::accepted(header.unwrap_or_default())
    })
}

/// The path in an address.
fn root(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(|| super::ROOT.to_owned(), |at| rest[at..].trim_end_matches('/').to_owned())
}

/// The request that a path names.
pub(super) struct Of(pub(super) RequestId);

impl FromRequestParts<App> for Of {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let id = match RawPathParams::from_request_parts(parts, app).await {
            Ok(params) => params.iter().next().and_then(|(_, id)| id.parse().ok()),
            Err(_) => None,
        };
        match id {
            Some(id) => Ok(Self(id)),
            None => Err(respond::no_page(parts, app).await),
        }
    }
}
