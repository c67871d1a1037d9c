//! One signed call: no redirect is followed, no proxy asked, nothing sent twice, and no more read than is allowed. What a
//! service says is not shown: it may hold anything.

use std::time::{Duration, SystemTime};

use reqwest::{Client, Response, Url, redirect, retry};
use serde::de::DeserializeOwned;

use super::wire::Ask;
use super::{Options, address};

/// The most that an answer has, but for exports.
const MOST: usize = 4 << 20;
const CONNECT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nothing was sent.
    Before(String),
    /// It may have arrived.
    Lost(String),
    /// The service does not want it; nothing was done.
    Refused(String),
}

pub(super) async fn send(options: &Options, what: &str, ask: &Ask<'_>) -> Result<Response, Failed> {
    let base = address::read(&options.url, options.allow_private).map_err(Failed::Refused)?;
    let url = below(&base, what);
    let addresses = address::resolve(&url, options.allow_private).await.map_err(Failed::Before)?;
    let broken = |it: reqwest::Error| Failed::Before(kind(&it));
    let client = Client::builder()
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT)
        .read_timeout(options.timeout)
        .resolve_to_addrs(url.host_str().unwrap_or(""), &addresses)
        .build()
        .map_err(broken)?;
    let body =
        serde_json::to_vec(ask).map_err(|_| Failed::Before("the call cannot be written".to_owned()))?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let nonce = format!("{:x}-{:x}", since.as_nanos(), std::process::id());
    let created = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let signed = options.key.sign(url.path(), &body, created, &nonce);
    let sending = client
        .post(url)
        .header("content-type", "application/json")
        .header("content-digest", signed.digest)
        .header("signature-input", signed.input)
        .header("signature", signed.signature)
        .body(body)
        .send();
    let answered = match tokio::time::timeout(options.timeout, sending).await {
        Err(_) => return Err(Failed::Lost("it did not answer in time".to_owned())),
        Ok(Err(error)) if error.is_connect() || error.is_builder() => {
            return Err(Failed::Before(kind(&error)));
        }
        Ok(Err(error)) => return Err(Failed::Lost(kind(&error))),
        Ok(Ok(answered)) => answered,
    };
    let status = answered.status();
    match status.as_u16() {
        200 => Ok(answered),
        401 | 403 => {
            Err(Failed::Refused("it does not accept our signature: compare keys and clocks".to_owned()))
        }
        // Too much at once, or asked to come again: it was not done.
        429 => Err(Failed::Before("it has too much to do".to_owned())),
        300..=399 => Err(Failed::Refused("it sends us elsewhere, and that is not followed".to_owned())),
        400..=499 => Err(Failed::Refused(format!("it answered {status}"))),
        _ => Err(Failed::Lost(format!("it answered {status}"))),
    }
}

fn below(base: &Url, what: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}/{what}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// What went wrong, without the address or anything that was sent.
fn kind(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection broke off"
    };
    what.to_owned()
}

/// A whole answer, as far as it is allowed to go.
pub(super) async fn ask<T: DeserializeOwned>(
    options: &Options,
    what: &str,
    ask: &Ask<'_>,
) -> Result<T, Failed> {
    let mut answered = send(options, what, ask).await?;
    let mut body = Vec::new();
    let reading = async {
        while let Some(more) = answered.chunk().await.map_err(|it| Failed::Lost(kind(&it)))? {
            if body.len() + more.len() > MOST {
                return Err(Failed::Lost("its answer is too long".to_owned()));
            }
            body.extend_from_slice(&more);
        }
        Ok(())
    };
    let read = tokio::time::timeout(options.timeout, reading).await;
    read.unwrap_or_else(|_| Err(Failed::Lost("it did not answer in time".to_owned())))?;
    serde_json::from_slice(&body).map_err(|_| Failed::Lost("its answer is not to be understood".to_owned()))
}
