//! One call over HTTP: address, token, idempotency key, time limits, and the answer or the problem.
//! It knows no call by name; those stand in `calls`.

use std::fmt;
use std::io::Write;
use std::time::Duration;

pub use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Problem};

/// How often a call is sent whose answer was lost, when repeating it is safe.
const TRIES: u32 = 3;
/// The pause before the second try; each further one is twice as long.
const PAUSE_MS: u64 = 100;
/// The longest problem that is read, in bytes.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// How a client calls.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a whole call may take, answer included. Downloads of packages are not held to it.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(60) }
    }
}

/// A server, and in whose name it is called. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// Shows the address alone: the token is a secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// What a call sends.
pub enum Body<'a, T: ?Sized> {
    /// Nothing.
    Empty,
    /// A value as JSON.
    Json(&'a T),
}

impl Client {
    /// A client of the server at `base`, such as `http://127.0.0.1:7300`, without a token.
    ///
    /// A process that chose no TLS provider for rustls gets ring's.
    ///
    /// # Errors
    /// [`Error::Address`] for anything but an absolute `http` or `https` address.
    pub fn new(base: &str, options: &Options) -> Result<Self, Error> {
        let address = |reason: String| Error::Address { url: base.to_owned(), reason };
        let mut url = Url::parse(base).map_err(|error| address(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(address("it must begin with http:// or https:// and name a host".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(address("name and password do not belong into it; give a token".to_owned()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        // Without any provider reqwest would panic. One that was installed before stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("countersign-client/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "http" {
            // The machine's certificates are not needed then, and may not be there.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let http = builder.build().map_err(|error| address(chain(&error)))?;
        Ok(Self { http, base: url, authorization: None, timeout: options.timeout })
    }

    /// The same server, called in the name of the holder of `token`.
    ///
    /// # Errors
    /// [`Error::Address`] when the token has characters that no token has; it is not repeated in the text.
    pub fn with_token(&self, token: &str) -> Result<Self, Error> {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| Error::Address {
                url: self.base.to_string(),
                reason: "the token has characters in it that no token has".to_owned(),
            })?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value), ..self.clone() })
    }

    /// The server's address, with a slash at its end.
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// Sends `body` to `path` (with its query, without a slash in front) and reads the answer as JSON.
    ///
    /// A POST carries `key` as its idempotency key, or one of its own; because of it, and because the other methods
    /// are safe to repeat, a call whose answer was lost is sent again.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body<'_, impl Serialize + ?Sized>,
        key: Option<&str>,
    ) -> Result<A, Error> {
        let response = self.exchange(method, path, body, key).await?;
        let location = response.headers().get(LOCATION).is_some();
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| self.trouble(&error))?;
        let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        // The error's text may repeat a value out of the answer, which may be personal; its place is enough.
        serde_json::from_slice(text).map_err(|error| Error::Unexpected {
            url: self.base.to_string(),
            reason: format!(
                "status {status}, {} bytes{}, not the expected JSON at line {} column {}",
                bytes.len(),
                if location { " with a location" } else { "" },
                error.line(),
                error.column()
            ),
        })
    }

    /// Reads what is at `path` into `out`; answers with its length in bytes. `seen` hears of the bytes so far and of
    /// all, where the server says so.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn download(
        &self,
        path: &str,
        out: &mut (impl Write + Send),
        mut seen: impl FnMut(u64, Option<u64>) + Send,
    ) -> Result<u64, Error> {
        let mut response = self.exchange(Method::GET, path, Body::<()>::Empty, None).await?;
        let all = response.content_length();
        let mut length = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.trouble(&error))? {
            out.write_all(&chunk)?;
            length += chunk.len() as u64;
            seen(length, all);
        }
        out.flush()?;
        Ok(length)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Body<'_, impl Serialize + ?Sized>,
        key: Option<&str>,
    ) -> Result<Response, Error> {
        let url = self.base.join(path).map_err(|error| Error::Address {
            url: format!("{}{path}", self.base),
            reason: error.to_string(),
        })?;
        let json = match body {
            Body::Empty => None,
            Body::Json(value) => Some(serde_json::to_vec(value).map_err(|error| Error::Unexpected {
                url: self.base.to_string(),
                reason: format!("what was to be sent is no JSON: {error}"),
            })?),
        };
        let mut call = self.http.request(method.clone(), url).timeout(self.timeout);
        call = call.header(ACCEPT, "application/json, application/problem+json, */*;q=0.5");
        if let Some(authorization) = &self.authorization {
            call = call.header(AUTHORIZATION, authorization.clone());
        }
        if method == Method::POST {
            let own;
            let key = match key {
                Some(key) => key,
                None => {
                    own = uuid::Uuid::now_v7().to_string();
                    &own
                }
            };
            call = call.header("Idempotency-Key", key);
        }
        if let Some(json) = json {
            call = call.header(CONTENT_TYPE, "application/json").body(json);
        }
        let response = self.send(call).await?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(Error::Refused(Box::new(self.problem(status, response).await))),
        }
    }

    async fn send(&self, call: reqwest::RequestBuilder) -> Result<Response, Error> {
        let mut tried = 1;
        loop {
            let Some(again) = call.try_clone() else {
                return call.send().await.map_err(|error| self.trouble(&error));
            };
            match again.send().await {
                Ok(response) => return Ok(response),
                // A refused connection does not get better within a moment; a broken one may.
                Err(error)
                    if error.is_request() && !error.is_connect() && !error.is_timeout() && tried < TRIES =>
                {
                    tokio::time::sleep(Duration::from_millis(PAUSE_MS << (tried - 1))).await;
                    tried += 1;
                }
                Err(error) => return Err(self.trouble(&error)),
            }
        }
    }

    async fn problem(&self, status: StatusCode, mut response: Response) -> Problem {
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_PROBLEM_BYTES {
                break;
            }
        }
        let known = status.canonical_reason().unwrap_or("refused");
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => {
                let title = if problem.title.is_empty() { known.to_owned() } else { problem.title };
                Problem { status: status.as_u16(), title, ..problem }
            }
            Err(_) => Problem::of_status(status.as_u16(), known),
        }
    }

    fn trouble(&self, error: &reqwest::Error) -> Error {
        let url = self.base.to_string();
        if error.is_timeout() && !error.is_connect() {
            Error::TimedOut { url, seconds: self.timeout.as_secs() }
        } else {
            Error::Unreachable { url, reason: chain(error) }
        }
    }
}

/// The innermost reason: the outer ones repeat the address.
fn chain(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// One part of a path, with everything escaped that would end it.
pub(crate) fn part(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && text.len() > 2) {
            escaped.push(byte.into());
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
