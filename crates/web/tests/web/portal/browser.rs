//! A browser without a script: keeps cookies, finds forms, sends them.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{HeaderMap, Request};

use crate::given::House;

/// A browser.
pub(crate) struct Browser<'a> {
    pub(crate) house: &'a House,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
    /// Sent with each form, beside what a browser sends.
    pub(crate) origin: Option<&'static str>,
    /// Sent with each call, for whoever calls with a token.
    pub(crate) bearer: Option<String>,
    /// What the browser says of where a form stood.
    pub(crate) site: Option<&'static str>,
}

/// A page, or what else came.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) location: String,
    pub(crate) text: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(house: &'a House) -> Self {
        Self {
            house,
            cookies: BTreeMap::new(),
            language: "en",
            origin: Some("http://privacy.test"),
            bearer: None,
            site: None,
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.call("GET", path, Body::empty()).await
    }

    /// What it sends as cookies.
    pub(crate) fn cookie(&self) -> String {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }

    /// Sends the first form of a page.
    pub(crate) async fn send(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        self.send_to(page, "", fields).await
    }

    /// Sends the form of a page whose address ends so.
    pub(crate) async fn send_to(&mut self, page: &Page, ending: &str, fields: &[(&str, &str)]) -> Page {
        let (action, hidden) = page.form(ending);
        let all: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (&**name, &**value)).chain(fields.iter().copied()).collect();
        self.post(&action, &all).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let text = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        self.call("POST", path, Body::from(text.collect::<Vec<_>>().join("&"))).await
    }

    async fn call(&mut self, method: &str, path: &str, body: Body) -> Page {
        let mut request = Request::builder().method(method).uri(path).header("host", "privacy.test");
        request = request.header("accept-language", self.language);
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        if let Some(site) = self.site {
            request = request.header("sec-fetch-site", site);
        }
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded");
            if let Some(origin) = self.origin {
                request = request.header("origin", origin);
            }
        }
        if !self.cookies.is_empty() {
            request = request.header("cookie", self.cookie());
        }
        let answer = self.house.send(request.body(body).unwrap()).await;
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page {
            status: answer.status.as_u16(),
            location: answer.header("location").to_owned(),
            text: String::from_utf8_lossy(&answer.body).into_owned(),
            headers: answer.headers,
        }
    }
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The address and the hidden fields of a form.
    pub(crate) fn form(&self, ending: &str) -> (String, Vec<(String, String)>) {
        for form in self.text.split("<form ").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let action = between(form, "action=\"", "\"").unwrap();
            if action.ends_with(ending) {
                let inputs = form.split("<input ").skip(1).filter(|input| input.contains("type=\"hidden\""));
                let hidden = inputs.map(|input| {
                    let part = |name: &str| between(input, name, "\"").unwrap().to_owned();
                    (part("name=\""), part("value=\""))
                });
                return (action.to_owned(), hidden.collect());
            }
        }
        panic!("no form to `{ending}` in {}", self.text);
    }

    /// A page's text without what is of one form alone.
    pub(crate) fn without_forms(&self, text: &str) -> String {
        let mut parts = text.split("type=\"hidden\"");
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            kept.push_str(part.split_once('>').map_or("", |(_, rest)| rest));
        }
        kept
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
