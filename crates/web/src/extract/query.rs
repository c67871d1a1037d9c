//! The query of a call: known names only, each once, in UTF-8.

use axum::extract::{FromRequestParts, Query};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, data};

/// What stands behind the question mark.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The form decoder would put U+FFFD in place of what is not UTF-8, and so ask something else.
        if !is_utf8(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::not_utf8("query"));
        }
        Query::try_from_uri(&parts.uri).map(|Query(asked)| Self(asked)).map_err(|rejection| {
            let said = std::error::Error::source(&rejection).map(ToString::to_string).unwrap_or_default();
            // The path of the field, which is ours or the name of an unknown one, may stand in front.
            let said =
                said.split_once(": ").filter(|(at, _)| !at.contains(' ')).map_or(&*said, |(_, said)| said);
            Problem::new(StatusCode::BAD_REQUEST, "bad_query", data(said))
        })
    }
}

fn is_utf8(query: &str) -> bool {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::is_utf8;

    #[test]
    fn escapes_that_are_not_utf8_are_seen() {
        for (query, fits) in
            [("a=b", true), ("a=%C3%A9", true), ("a=%ff", false), ("a=%C3", false), ("a=%", true)]
        {
            assert_eq!(is_utf8(query), fits, "{query}");
        }
    }
}
