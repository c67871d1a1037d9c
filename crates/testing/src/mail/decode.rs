//! The encodings of mail: encoded words (RFC 2047), quoted-printable and base64 (RFC 2045).
//! What is wrongly encoded stays as it stands, for a person to see.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A header's text with its encoded words decoded; white space between two of them is none.
pub(super) fn words(header: &str) -> String {
    let (mut text, mut rest, mut after_word) = (String::new(), header, false);
    while let Some(start) = rest.find("=?") {
        let before = &rest[..start];
        let Some((decoded, length)) = word(&rest[start..]) else {
            text.push_str(&rest[..start + 2]);
            (rest, after_word) = (&rest[start + 2..], false);
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            text.push_str(before);
        }
        text.push_str(&decoded);
        (rest, after_word) = (&rest[start + length..], true);
    }
    text + rest
}

/// The word at the start, `=?utf-8?b?…?=`, decoded, and how long it was.
fn word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.strip_prefix("=?")?.splitn(4, '?');
    let (charset, encoding, coded, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if !end.starts_with('=') {
        return None;
    }
    let bytes = match encoding {
        "b" | "B" => STANDARD.decode(coded).ok()?,
        "q" | "Q" => quoted_printable(&coded.replace('_', " ")),
        _ => return None,
    };
    Some((
        String::from_utf8_lossy(&bytes).into_owned(),
        2 + charset.len() + 1 + encoding.len() + 1 + coded.len() + 2,
    ))
}

/// A body in this transfer encoding.
pub(super) fn body(encoding: &str, body: &str) -> String {
    match encoding {
        "quoted-printable" => String::from_utf8_lossy(&quoted_printable(body)).into_owned(),
        "base64" => {
            let packed: String = body.split_whitespace().collect();
            STANDARD
                .decode(packed)
                .map_or_else(|_| body.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => body.to_owned(),
    }
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match after {
            [b'\n', after @ ..] if first == b'=' => after,
            [high, low, after @ ..]
                if first == b'=' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(digit(*high) << 4 | digit(*low));
                after
            }
            _ => {
                bytes.push(first);
                after
            }
        };
    }
    bytes
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex & 0xdf) - b'A' + 10,
    }
}
