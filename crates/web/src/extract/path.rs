//! The parts of a path, each as what it must be.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::StatusCode;
use http::request::Parts;

use crate::problem::Problem;

/// The one part of a path that is not fixed.
pub(crate) struct At<T>(pub(crate) T);

/// The two parts of a path that are not fixed, in order.
pub(crate) struct AtBoth<A, B>(pub(crate) A, pub(crate) B);

/// A name in a path: 1 to 128 bytes, no control characters.
#[derive(Debug)]
pub(crate) struct Name(pub(crate) String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or("a name has 1 to 128 bytes and no control characters")
    }
}

impl<T, S> FromRequestParts<S> for At<T>
where
    T: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(part(&params, 0)?))
    }
}

impl<A, B, S> FromRequestParts<S> for AtBoth<A, B>
where
    A: FromStr<Err: Display>,
    B: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(part(&params, 0)?, part(&params, 1)?))
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_utf8("path"))
}

fn part<T: FromStr<Err: Display>>(params: &RawPathParams, n: usize) -> Result<T, Problem> {
    let (name, text) = params.iter().nth(n).ok_or_else(Problem::no_such_path)?;
    text.parse().map_err(|why: T::Err| {
        Problem::new(StatusCode::BAD_REQUEST, "bad_path", format!("`{name}` in the path: {why}")).at(name)
    })
}
