//! A browser without a script, over real sockets: keeps cookies by host and path, follows where it is led, sends forms.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The most often that it is led on at a time.
const LED_ON: usize = 16;

/// A browser.
#[derive(Default, Clone)]
pub(crate) struct Wanderer {
    cookies: BTreeMap<(String, String, String), String>,
    /// Every address that it was at.
    pub(crate) visited: Vec<String>,
    /// By way of a proxy, which says so of its network address.
    pub(crate) forwarded_for: Option<String>,
}

/// Where it came to.
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) text: String,
    location: Option<String>,
}

impl Wanderer {
    /// Opens an address, and goes wherever it is led.
    pub(crate) fn open(&mut self, url: &str) -> Page {
        let page = self.call("GET", url, "");
        self.on(page)
    }

    /// Sends the form of a page whose address ends so, with what it holds and these.
    pub(crate) fn send(&mut self, page: &Page, ending: &str, fields: &[(&str, &str)]) -> Page {
        let form = page.text.split("<form ").skip(1).find(|form| {
            let action = between(form, "action=\"", "\"").unwrap_or_default();
            action.trim_end_matches('/').ends_with(ending)
        });
        let form = form.unwrap_or_else(|| panic!("no form to `{ending}` at {}: {}", page.url, page.text));
        let form = form.split("</form>").next().unwrap();
        let hidden = form.split("<input ").skip(1).filter(|it| it.contains("type=\"hidden\""));
        let mut all: Vec<(String, String)> = hidden
            .map(|it| {
                let part = |name| between(it, name, "\"").unwrap_or_default().to_owned();
                (part("name=\""), part("value=\""))
            })
            .collect();
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let body: Vec<_> =
            all.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let action = absolute(&page.url, &between(form, "action=\"", "\"").unwrap().replace("&amp;", "&"));
        let page = self.call("POST", &action, &body.join("&"));
        self.on(page)
    }

    /// Follows the link of a page whose text is this.
    pub(crate) fn follow(&mut self, page: &Page, text: &str) -> Page {
        let link =
            page.text.split("<a ").skip(1).find(|link| link.split("</a>").next().unwrap().contains(text));
        let link = link.unwrap_or_else(|| panic!("no link `{text}` at {}: {}", page.url, page.text));
        let url = absolute(&page.url, &between(link, "href=\"", "\"").unwrap().replace("&amp;", "&"));
        self.open(&url)
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|((_, _, it), _)| it == name).map(|(_, value)| &**value)
    }

    fn on(&mut self, mut page: Page) -> Page {
        for _ in 0..LED_ON {
            let Some(location) = page.location.take() else { return page };
            let url = absolute(&page.url, &location);
            page = self.call("GET", &url, "");
        }
        panic!("led around in a circle: {:?}", self.visited);
    }

    fn call(&mut self, method: &str, url: &str, body: &str) -> Page {
        self.visited.push(url.to_owned());
        let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("not one of ours: {url}"));
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, _) = authority.split_once(':').unwrap();
        let plain = path.split('?').next().unwrap();
        let cookies =
            self.cookies.iter().filter(|((at, below, _), _)| at == host && plain.starts_with(&**below));
        let cookies: Vec<_> = cookies.map(|((_, _, name), value)| format!("{name}={value}")).collect();
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {authority}\r\nAccept: text/html\r\n");
        if !cookies.is_empty() {
            head += &format!("Cookie: {}\r\n", cookies.join("; "));
        }
        if let Some(from) = &self.forwarded_for {
            head += &format!("X-Forwarded-For: {from}\r\n");
        }
        if method == "POST" {
            head +=
                &format!("Origin: http://{authority}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer from {url}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut location = None;
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            match &*name.to_ascii_lowercase() {
                "set-cookie" => self.keep(host, value),
                "location" if (300..400).contains(&status) => location = Some(value.to_owned()),
                _ => {}
            }
        }
        Page { url: url.to_owned(), status, text: text.to_owned(), location }
    }

    fn keep(&mut self, host: &str, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut path = "/".to_owned();
        let mut gone = value.is_empty();
        for part in parts {
            let (attribute, of) = part.split_once('=').unwrap_or((part, ""));
            match &*attribute.to_ascii_lowercase() {
                "path" => of.clone_into(&mut path),
                "max-age" => gone |= of == "0",
                "expires" => gone |= of.contains("1970"),
                _ => {}
            }
        }
        let key = (host.to_owned(), path, name.to_owned());
        if gone {
            self.cookies.remove(&key);
        } else {
            self.cookies.insert(key, value.to_owned());
        }
    }
}

fn absolute(from: &str, to: &str) -> String {
    if to.starts_with("http") {
        return to.to_owned();
    }
    let authority = from.strip_prefix("http://").unwrap().split('/').next().unwrap();
    format!("http://{authority}{to}")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
