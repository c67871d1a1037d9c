//! What a form must have before anything is done with it: it comes from a page of ours, in the browser that it was made
//! for. And by which network address floods are counted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::respond;
use super::visit::Visit;
use crate::app::App;

pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A form that was sent, from a page of ours and from the browser that the page was made for.
pub(super) struct Filled {
    fields: BTreeMap<String, String>,
    /// Names this form alone: sent twice, it is the same form.
    pub(super) form: String,
}

impl Filled {
    /// A field, without blanks around it; `None` if it is empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The digits in a field. People write codes with blanks and dashes.
    pub(super) fn digits(&self, name: &str) -> String {
        let written = self.fields.get(name).map(String::as_str).unwrap_or_default();
        written.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.')).collect()
    }
}

impl FromRequest<App> for Filled {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, app).await.map_err(IntoResponse::into_response)?;
        if !is_own(&parts.headers, &visit.portal.url) {
            return Err(respond::old_form(&visit));
        }
        let request = Request::from_parts(parts, body);
        let Ok(Form(fields)) = Form::<BTreeMap<String, String>>::from_request(request, app).await else {
            return Err(respond::old_form(&visit));
        };
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if !app.service.is_form_token(&visit.word, field("form"), field("token")) {
            return Err(respond::old_form(&visit));
        }
        let form = format!("{}/{}", visit.word, field("form"));
        Ok(Self { fields, form })
    }
}

/// Whether a browser says that the form stood on a page of ours. One that says nothing is old; then the form's token and
/// the cookie's `SameSite` are what there is.
pub(crate) fn is_own(headers: &HeaderMap, url: &str) -> bool {
    if headers.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some((_, from)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let ours = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    host == Some(from) || ours == Some(from)
}

/// The address that a visit is counted by. Whoever has an IPv6 network has all of it.
pub(crate) fn client(parts: &Parts, proxies: usize) -> String {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let heard: Vec<&str> = parts
        .headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(','))
        .collect();
    // Each proxy of ours added one at the end; what stands before those is whatever the client liked to send.
    let named = (proxies > 0)
        .then(|| heard.len().checked_sub(proxies).and_then(|at| heard.get(at)))
        .flatten()
        .and_then(|text| text.trim().parse().ok());
    match named.or(peer).map(|address: IpAddr| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let s = address.segments();
            Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0).to_string()
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        request.extension(Peer("192.0.2.1".parse().unwrap())).body(()).unwrap().into_parts().0
    }

    #[test]
    fn form_of_another_site_is_refused() {
        let url = "https://shop.example/privacy";
        for (headers, own) in [
            (&[][..], true),
            (&[("origin", "https://shop.example")][..], true),
            (&[("origin", "http://127.0.0.1:7300"), ("host", "127.0.0.1:7300")][..], true),
            (&[("origin", "https://evil.example")][..], false),
            (&[("origin", "https://evil.example"), ("host", "shop.example")][..], false),
            (&[("origin", "null"), ("host", "shop.example")][..], false),
            (&[("origin", "https://shop.example"), ("sec-fetch-site", "cross-site")][..], false),
            (&[("sec-fetch-site", "same-site")][..], false),
            (&[("sec-fetch-site", "same-origin")][..], true),
        ] {
            assert_eq!(is_own(&parts(headers).headers, url), own, "{headers:?}");
        }
    }

    #[test]
    fn client_is_who_the_own_proxies_heard_and_not_who_somebody_says_to_be() {
        let heard = [("x-forwarded-for", "198.51.100.7, 203.0.113.9")];
        assert_eq!(client(&parts(&heard), 0), "192.0.2.1");
        assert_eq!(client(&parts(&heard), 1), "203.0.113.9");
        assert_eq!(client(&parts(&heard), 2), "198.51.100.7");
        assert_eq!(client(&parts(&heard), 3), "192.0.2.1");
        assert_eq!(client(&parts(&[("x-forwarded-for", "2001:db8:1:2:3::4")]), 1), "2001:db8:1:2::");
        assert_eq!(client(&parts(&[("x-forwarded-for", "::ffff:203.0.113.9")]), 1), "203.0.113.9");
    }
}
