//! How a portal looks and where it is, as its node's configuration says.

use std::sync::Arc;

/// A portal of this node.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Where it begins, as people reach it: `https://shop.example/privacy`. Mails link there.
    pub url: String,
    /// Whose it is, for people to read.
    pub name: String,
    /// The page that its name leads back to.
    pub home: Option<String>,
    /// Where questions go: an address of any kind.
    pub contact: Option<String>,
    /// A picture beside the name.
    pub logo: Option<Logo>,
    /// The colour of what is to be pressed.
    pub colour: Colour,
    /// Proxies in front of this node that each add whom they heard to `X-Forwarded-For`; 0 believes no such header.
    pub proxies: usize,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Logo {
    /// Its media type.
    pub media_type: &'static str,
    /// The picture.
    pub bytes: Arc<[u8]>,
}

/// A colour that text can be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(u8, u8, u8);

impl Default for Colour {
    fn default() -> Self {
        Self(0x1d, 0x4e, 0xd8)
    }
}

impl Colour {
    /// A colour as `#1d4ed8`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        plain.then_some(())?;
        Some(Self(part(0)?, part(2)?, part(4)?))
    }

    /// As a style sheet writes it.
    pub(super) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// Black or white, whichever is read more easily on it. One of the two always has a contrast above 4.5.
    pub(super) fn text(self) -> &'static str {
        let on = |light: f64| {
            let (high, low) =
                if light > self.light() { (light, self.light()) } else { (self.light(), light) };
            (high + 0.05) / (low + 0.05)
        };
        if on(1.0) >= on(0.0) { "#ffffff" } else { "#000000" }
    }

    /// Its relative luminance, by WCAG 2.2.
    fn light(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_on_any_colour_can_be_read() {
        let contrast = |colour: Colour| {
            let text = if colour.text() == "#ffffff" { 1.0 } else { 0.0 };
            let (a, b) = (colour.light() + 0.05, text + 0.05);
            if a > b { a / b } else { b / a }
        };
        for r in (0..=255).step_by(15) {
            for g in (0..=255).step_by(15) {
                for b in (0..=255).step_by(15) {
                    let colour = Colour(r, g, b);
                    assert!(contrast(colour) >= 4.5, "{}", colour.css());
                }
            }
        }
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!(Colour::parse("#1D4ed8"), Some(Colour::default()));
        for wrong in ["1d4ed8", "#1d4ed", "#1d4ed8;", "#+d4ed8", "#ééé", "red", ""] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
    }
}
