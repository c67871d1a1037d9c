//! Cookies: one a request, which is the subject's key to it, and one a browser, which its forms are tied to. None of them
//! names a person, and all end with the browser's session.

use countersign_core::id::RequestId;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The longest value that is looked at, in bytes.
const VALUE_MAX: usize = 256;

/// The cookies of a portal: over HTTPS bound to its host, so that no sibling domain can set them.
#[derive(Clone, Copy)]
pub(crate) struct Jar {
    secure: bool,
}

impl Jar {
    pub(crate) fn of(url: &str) -> Self {
        Self { secure: url.starts_with("https://") }
    }

    /// The key to a request.
    pub(super) fn key_name(self, id: RequestId) -> String {
        format!("{}countersign-{id}", self.prefix())
    }

    /// What forms are tied to.
    pub(super) fn form_name(self) -> String {
        format!("{}countersign-form", self.prefix())
    }

    /// The chosen language.
    pub(crate) fn language_name(self) -> String {
        format!("{}countersign-language", self.prefix())
    }

    /// What binds a cookie's name to its host; nothing over plain HTTP, where browsers would not take it.
    pub(crate) fn prefix(self) -> &'static str {
        if self.secure { "__Host-" } else { "" }
    }

    /// A header that sets a cookie; an empty value takes it away.
    pub(crate) fn set(self, name: &str, value: &str) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let gone = if value.is_empty() { "; Max-Age=0" } else { "" };
        // Lax: a link in a mail leads here from elsewhere, and must find the browser's key.
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{gone}");
        HeaderValue::from_str(&text).ok()
    }
}

/// The value of a cookie that came once; of one that came twice nobody knows which is ours.
pub(crate) fn sent<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut found = all
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(sent, _)| *sent == name)
        .map(|(_, value)| value);
    let (Some(value), None) = (found.next(), found.next()) else { return None };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    ((1..=VALUE_MAX).contains(&value.len()) && value.bytes().all(plain)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn cookie_is_read_if_it_came_once_and_is_a_word() {
        assert_eq!(sent(&headers(&["a=1; key=cs_2; b=3"]), "key"), Some("cs_2"));
        assert_eq!(sent(&headers(&["key=1; key=2"]), "key"), None);
        assert_eq!(sent(&headers(&["key=1", "key=2"]), "key"), None);
        assert_eq!(sent(&headers(&["key=a\"b"]), "key"), None);
        assert_eq!(sent(&headers(&["xkey=1"]), "key"), None);
    }

    #[test]
    fn cookies_are_bound_to_the_host_over_https() {
        let id = RequestId::from_bytes([7; 16]);
        let jar = Jar::of("https://shop.example/privacy");
        let set = jar.set(&jar.key_name(id), "v");
        let set = set.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(set.starts_with("__Host-countersign-07070707-"), "{set}");
        for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.contains("Domain") && !set.contains("Max-Age"), "{set}");
        assert!(!Jar::of("http://127.0.0.1:7300/privacy").form_name().starts_with("__Host-"));
    }
}
