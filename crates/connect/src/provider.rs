//! The company's identity provider over HTTP. It knows addresses, limits and time, and nothing of what is said.

use std::time::Duration;

use async_trait::async_trait;
use countersign_service::ports::provider::{IdentityProvider, Unreached};
use reqwest::{Client, RequestBuilder, Url, redirect, retry};

use crate::http::address;

/// The longest answer, in bytes.
const MOST: usize = 1 << 20;
/// How long an answer may take in all: somebody waits for it at their browser.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Calls a provider.
pub struct HttpProvider {
    allow_private: bool,
}

impl HttpProvider {
    /// `allow_private`: it may be on this machine or in a private network, and be called without TLS.
    pub fn new(allow_private: bool) -> Self {
        // Whoever is first sets it for the process; all of ours set the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { allow_private }
    }

    /// A client that goes to the addresses that were looked at, and nowhere else.
    async fn client(&self, address: &str) -> Result<(Client, Url), Unreached> {
        let url: Url = address.parse().map_err(|_| odd("has an address that is none"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_private => {}
            _ => {
                return Err(odd(
                    "has an address without TLS: that is for a private one, `allow_private = true`",
                ));
            }
        }
        let addresses = address::resolve(&url, self.allow_private).await;
        let addresses = addresses.map_err(|why| Unreached(format!("cannot be called: {why}")))?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(TIMEOUT)
            .resolve_to_addrs(url.host_str().unwrap_or(""), &addresses)
            .build()
            .map_err(|error| kind(&error))?;
        Ok((client, url))
    }
}

fn odd(what: &str) -> Unreached {
    Unreached(what.to_owned())
}

/// What went wrong, without the address or anything that was sent.
fn kind(error: &reqwest::Error) -> Unreached {
    odd(if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "broke the connection off"
    })
}

async fn answer(call: RequestBuilder) -> Result<Vec<u8>, Unreached> {
    let mut answered = call.header("accept", "application/json").send().await.map_err(|it| kind(&it))?;
    match answered.status().as_u16() {
        200 => {}
        300..=399 => return Err(odd("sends us elsewhere, and that is not followed")),
        400 | 401 => {
            return Err(odd("does not accept what was sent: compare client, secret and redirect address"));
        }
        status => return Err(Unreached(format!("answered {status}"))),
    }
    let mut body = Vec::new();
    while let Some(more) = answered.chunk().await.map_err(|it| kind(&it))? {
        if body.len() + more.len() > MOST {
            return Err(odd("gives an answer that is too long"));
        }
        body.extend_from_slice(&more);
    }
    Ok(body)
}

/// As `application/x-www-form-urlencoded` writes it.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._*".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[async_trait]
impl IdentityProvider for HttpProvider {
    async fn document(&self, url: &str) -> Result<Vec<u8>, Unreached> {
        let (client, url) = self.client(url).await?;
        answer(client.get(url)).await
    }

    async fn form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        login: Option<(&str, &str)>,
    ) -> Result<Vec<u8>, Unreached> {
        let (client, url) = self.client(url).await?;
        let pairs: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let mut call = client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(pairs.join("&"));
        if let Some((name, password)) = login {
            // Encoded before they are joined (RFC 6749, section 2.3.1).
            call = call.basic_auth(encoded(name), Some(encoded(password)));
        }
        answer(call).await
    }
}
