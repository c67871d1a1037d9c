//! Pages of lists, and the cursors between them. A cursor says where the page before ended, and nothing else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// How long a page is if nobody says.
const PAGE: u32 = 50;
/// The longest page.
pub(crate) const PAGE_MAX: u32 = 200;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The page's rows.
    pub(crate) items: Vec<T>,
    /// Where the next page begins; absent after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

/// How many rows a page is to have: 1 to 200, 50 if nobody says.
pub(crate) fn length(asked: Option<u32>) -> Result<u32, Problem> {
    match asked {
        None => Ok(PAGE),
        Some(limit @ 1..=PAGE_MAX) => Ok(limit),
        Some(_) => Err(wrong("limit", format!("`limit` is 1 to {PAGE_MAX}"))),
    }
}

/// A cursor over requests.
pub(crate) fn after_request(at: Timestamp, id: RequestId) -> String {
    let mut bytes = vec![b'r'];
    bytes.extend(at.as_millis().to_be_bytes());
    bytes.extend(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where a cursor over requests stands.
pub(crate) fn request_after(cursor: &str) -> Result<(Timestamp, RequestId), Problem> {
    let bytes = decode(cursor, b'r')?;
    let (at, id) = bytes.split_at_checked(8).ok_or_else(no_cursor)?;
    let at = at.try_into().map_err(|_| no_cursor())?;
    let id = id.try_into().map_err(|_| no_cursor())?;
    Ok((Timestamp::from_millis(i64::from_be_bytes(at)), RequestId::from_bytes(id)))
}

/// A cursor over things that are listed by a 16-byte id.
pub(crate) fn after_id(id: &[u8; 16]) -> String {
    let mut bytes = vec![b'i'];
    bytes.extend(id);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where such a cursor stands.
pub(crate) fn id_after(cursor: &str) -> Result<[u8; 16], Problem> {
    decode(cursor, b'i')?.try_into().map_err(|_| no_cursor())
}

fn decode(cursor: &str, kind: u8) -> Result<Vec<u8>, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| no_cursor())?;
    match bytes.split_first() {
        Some((first, rest)) if *first == kind => Ok(rest.to_vec()),
        _ => Err(no_cursor()),
    }
}

fn no_cursor() -> Problem {
    wrong("cursor", "`cursor` is none that this list gave".to_owned())
}

fn wrong(at: &str, detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_query", detail).at(at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cursor_comes_back_as_it_was_given() {
        let (at, id) = (Timestamp::from_millis(-5), RequestId::from_bytes([7; 16]));
        assert_eq!(request_after(&after_request(at, id)).unwrap(), (at, id));
        assert_eq!(id_after(&after_id(&[9; 16])).unwrap(), [9; 16]);
    }

    #[test]
    fn cursor_of_another_list_or_of_nobody_is_refused() {
        for cursor in ["", "r", "=", "AAAA", "a b", "\u{e9}", &after_id(&[1; 16]), &"A".repeat(10_000)] {
            assert!(request_after(cursor).is_err(), "{cursor}");
        }
        assert!(id_after(&after_request(Timestamp::from_millis(0), RequestId::from_bytes([0; 16]))).is_err());
    }

    #[test]
    fn page_has_one_to_two_hundred_rows() {
        assert_eq!(length(None).unwrap(), 50);
        assert!(length(Some(0)).is_err() && length(Some(201)).is_err() && length(Some(u32::MAX)).is_err());
    }
}
