//! Who looks at a page of ours: their language, their browser's word for forms, and whether they are signed in.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query};
use countersign_service::portal::Door;
use countersign_service::refusal::Refusal;
use countersign_service::sign::SignedIn;
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use maud::{Markup, html};

use super::layout::Text;
use crate::app::App;
use crate::portal::cookie::{self, Jar};
use crate::portal::guard;
use crate::portal::language::Language;
use crate::problem::Problem;

/// Names of the cookies, after what binds them to their host over HTTPS.
const SESSION: &str = "countersign_session";
const BROWSER: &str = "countersign_browser";
/// The longest address to return to.
const RETURN_MAX: usize = 512;

/// A visit to a page.
pub(crate) struct Visit {
    pub(super) app: App,
    pub(crate) language: Language,
    jar: Jar,
    /// What forms are tied to: the session where there is one, else a word of this browser's.
    pub(super) word: String,
    /// What stands before every path of ours, where a proxy cuts it off.
    pub(crate) root: String,
    /// The page's own path, as a link to it begins.
    pub(super) path: String,
    pub(crate) query: BTreeMap<String, String>,
    /// Who is signed in, if anybody is.
    pub(crate) signed_in: Option<SignedIn>,
    pub(super) headers: HeaderMap,
    /// The network address that floods are counted by.
    client: String,
    cookies: Vec<HeaderValue>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let url = &app.options.sign_in.url;
        let query =
            Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri).map(|it| it.0).unwrap_or_default();
        let jar = Jar::of(url);
        let mut cookies = Vec::new();
        let secret = cookie::sent(&parts.headers, &named(jar, SESSION)).map(str::to_owned);
        let signed_in = match &secret {
            Some(secret) => match app.service.signed_in(secret).await {
                Ok(signed_in) => Some(signed_in),
                Err(Refusal::Unauthenticated) => None,
                Err(refusal) => return Err(refusal.into()),
            },
            None => None,
        };
        let browser = cookie::sent(&parts.headers, &named(jar, BROWSER)).map(str::to_owned);
        let word = match (secret.filter(|_| signed_in.is_some()), browser) {
            (Some(secret), _) => secret,
            (None, Some(browser)) => browser,
            (None, None) => {
                let word = app.service.random_word();
                cookies.extend(jar.set(&named(jar, BROWSER), &word));
                word
            }
        };
        let language = language(parts, jar, &query, &mut cookies);
        let root = root(url).to_owned();
        let path = parts.uri.path().to_owned();
        let headers = parts.headers.clone();
        let client = guard::client(parts, app.options.sign_in.proxies);
        let app = app.clone();
        Ok(Self { app, language, jar, word, root, path, query, signed_in, headers, client, cookies })
    }
}

impl Visit {
    /// What every form carries: its own name, and the proof that we made it for this browser, or for this session.
    pub(crate) fn fields(&self) -> Markup {
        let form = self.app.service.random_word();
        let token = self.app.service.form_token(&self.word, &form);
        html! {
            input type="hidden" name="form" value=(form);
            input type="hidden" name="token" value=(token);
        }
    }

    /// A page of ours, as a link to it.
    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Where to go on after signing in: a page of ours that was named, else the usual one.
    pub(super) fn after(&self, named: Option<&str>) -> String {
        self.to(named.and_then(own_path).unwrap_or(super::HOME))
    }

    /// A text.
    pub(crate) fn say<'a>(&self, key: &'a str) -> &'a str {
        Text::of(self.language).say(key)
    }

    /// A text with its places filled in.
    pub(crate) fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        Text::of(self.language).fill(key, values)
    }

    /// The browser in a few words, so that its user knows it again in a list.
    pub(super) fn device(&self) -> String {
        let agent = self.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        device(agent)
    }

    /// Where this visit stands, for the service.
    pub(super) fn door(&self) -> Door {
        Door {
            url: self.app.options.sign_in.url.clone(),
            language: self.language.code().to_owned(),
            client: self.client.clone(),
        }
    }

    /// The session's secret, where this browser sends one that opens something.
    pub(super) fn secret(&self) -> Option<&str> {
        self.signed_in.as_ref().map(|_| &*self.word)
    }

    /// What gives this browser a session, and takes the word away that its forms were tied to before.
    pub(super) fn entered(&self, secret: &str) -> Vec<HeaderValue> {
        let set = [(named(self.jar, SESSION), secret), (named(self.jar, BROWSER), "")];
        set.iter().filter_map(|(name, value)| self.jar.set(name, value)).collect()
    }

    /// What takes the session out of this browser.
    pub(super) fn left(&self) -> Vec<HeaderValue> {
        self.jar.set(&named(self.jar, SESSION), "").into_iter().collect()
    }

    /// Cookies that this visit brings.
    pub(super) fn cookies(&self) -> &[HeaderValue] {
        &self.cookies
    }
}

fn named(jar: Jar, name: &str) -> String {
    format!("{}{name}", jar.prefix())
}

/// What stands between the host and our paths in an address.
fn root(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| rest[at..].trim_end_matches('/'))
}

/// A path of our own, and nothing that a browser would take for another host.
pub(super) fn own_path(text: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/?=&%".contains(&b);
    let fits = text.len() <= RETURN_MAX
        && text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(plain);
    fits.then_some(text)
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

/// A browser and its system, as far as they are known by name.
fn device(agent: &str) -> String {
    // The order matters: most browsers also name those that they descend from.
    let browsers = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let known = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (known(&browsers), known(&systems)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_ours_is_returned_to() {
        for path in ["/", "/console", "/console/requests/0198?tab=plan&x=%20y", "/account/sessions"] {
            assert_eq!(own_path(path), Some(path));
        }
        for path in [
            "",
            "console",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\r\nset-cookie: x=1",
            "/@evil.example:80",
            "/\u{e9}",
        ] {
            assert_eq!(own_path(path), None, "{path}");
        }
        assert_eq!(own_path(&format!("/{}", "a".repeat(RETURN_MAX))), None);
    }

    #[test]
    fn browser_is_known_again_by_a_few_words() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0";
        assert_eq!(device(firefox), "Firefox, Linux");
        assert_eq!(device(edge), "Edge, Windows");
        assert_eq!(device("curl/8"), "");
    }

    #[test]
    fn pages_stand_below_what_a_proxy_cuts_off() {
        assert_eq!(root("https://shop.example"), "");
        assert_eq!(root("https://shop.example/"), "");
        assert_eq!(root("https://shop.example/countersign/"), "/countersign");
    }
}
