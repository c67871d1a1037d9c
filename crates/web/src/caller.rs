//! Who calls: the bearer token, asked of the service once a call.

use axum::extract::FromRequestParts;
use countersign_service::caller::Caller;
use countersign_service::refusal::Refusal;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::app::App;
use crate::problem::Problem;

/// The longest token that is looked at, in bytes.
const TOKEN_MAX: usize = 512;

/// A caller together with the token, for a call that lasts and has to look again.
pub(crate) struct Lasting {
    pub(crate) caller: Caller,
    pub(crate) token: String,
}

impl FromRequestParts<App> for Lasting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or(Refusal::Unauthenticated)?.to_owned();
        let caller = Caller::from_request_parts(parts, app).await?;
        Ok(Self { caller, token })
    }
}

/// A caller who comes to submit, and whose token is looked at once more where the request is taken in.
pub(crate) struct Submitter(pub(crate) Caller);

impl FromRequestParts<App> for Submitter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match bearer(&parts.headers) {
            Some(token) => Ok(Self(app.service.submitter(token).await?)),
            None => Caller::from_request_parts(parts, app).await.map(Self),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Who looked before, for the idempotency key, left the answer here.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(caller.clone());
        }
        let token = bearer(&parts.headers).ok_or(Refusal::Unauthenticated)?;
        let caller = app.service.caller(token).await?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

/// The token of the one `Authorization` header, if it has the form of one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (sent.next(), sent.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let fits = scheme.eq_ignore_ascii_case("bearer")
        && (1..=TOKEN_MAX).contains(&token.len())
        && token.bytes().all(plain);
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_one_header_with_a_well_formed_token_names_a_caller() {
        for (sent, token) in [
            (vec!["Bearer abc"], Some("abc")),
            (vec!["bearer  abc "], Some("abc")),
            (vec!["Basic abc"], None),
            (vec!["Bearer"], None),
            (vec!["Bearer "], None),
            (vec!["Bearer a b"], None),
            (vec!["Bearer a\u{7f}"], None),
            (vec!["Bearer a", "Bearer b"], None),
            (vec![], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in &sent {
                let Ok(value) = http::HeaderValue::from_str(value) else { continue };
                headers.append(AUTHORIZATION, value);
            }
            assert_eq!(bearer(&headers), token, "{sent:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {}", "a".repeat(513)).parse().unwrap());
        assert_eq!(bearer(&headers), None);
    }
}
