//! What Rust makes out of an old value when SQL alone cannot or should not: pseudonyms, and texts that say less. It
//! must not know any engine.

use std::fmt;
use std::net::IpAddr;

use countersign_service::keys::mac;
use countersign_service::settings::datamap::Generalise;
use sha2::{Digest, Sha256};
use zeroize::ZeroizeOnDrop;

/// The key under which values of one source become pseudonyms. It never leaves this process: a source that had it
/// could tell whose its pseudonyms are.
#[derive(Clone, ZeroizeOnDrop)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// A key of 32 random bytes, one a source.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(…)")
    }
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Recipe {
    Pseudonym,
    Year,
    Network,
}

/// Before the digits of a pseudonym, where its check is made. PostgreSQL makes the same check by itself.
pub(crate) const CHECKED: &str = "countersign/pseudonym/v1";
/// Digits of a pseudonym that are of the value, and those in all; the rest is the check.
pub(crate) const TAG: usize = 24;
pub(crate) const DIGITS: usize = 32;

impl Recipe {
    pub(crate) const ALL: [Recipe; 3] = [Recipe::Pseudonym, Recipe::Year, Recipe::Network];

    /// The number by which statements call it.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Recipe::Pseudonym => 0,
            Recipe::Year => 1,
            Recipe::Network => 2,
        }
    }

    /// What is made of `old`; nothing where that is no date or address, or where there is no key.
    pub(crate) fn make(self, old: &[u8], key: Option<&PseudonymKey>) -> Option<String> {
        let text = || std::str::from_utf8(old).ok();
        match self {
            Recipe::Pseudonym => Some(pseudonym(key?, old)),
            Recipe::Year => year(text()?),
            Recipe::Network => network(text()?),
        }
    }
}

impl From<Generalise> for Recipe {
    fn from(how: Generalise) -> Self {
        match how {
            Generalise::Year => Recipe::Year,
            Generalise::Network => Recipe::Network,
        }
    }
}

/// 32 hexadecimal digits: 24 of the value under the key, and 8 that say that the others are a pseudonym, to anybody.
/// Only so can it be told from a value that somebody else made of digits, and is one not made of another.
fn pseudonym(key: &PseudonymKey, old: &[u8]) -> String {
    let mut digits = hex::encode(mac(&key.0, &[b"pseudonym/v1", old]));
    digits.truncate(TAG);
    let check = check(&digits);
    digits + &check
}

fn check(tag: &str) -> String {
    let mut check = hex::encode(Sha256::new().chain_update(CHECKED).chain_update(tag).finalize());
    check.truncate(DIGITS - TAG);
    check
}

/// Whether a text is a pseudonym, of whatever value and key.
pub(crate) fn is_pseudonym(text: &[u8]) -> bool {
    let digit = |it: &u8| it.is_ascii_digit() || (b'a'..=b'f').contains(it);
    let Some(digits) = std::str::from_utf8(text).ok().filter(|it| it.len() == DIGITS) else { return false };
    text.iter().all(digit) && check(&digits[..TAG]) == digits[TAG..]
}

/// The first of January of the year of a date, with or without a time behind it.
fn year(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let date = bytes.get(..10)?;
    let is_date = date.iter().enumerate().all(|(at, it)| match at {
        4 | 7 => *it == b'-',
        _ => it.is_ascii_digit(),
    });
    let ends = matches!(bytes.get(10), None | Some(b'T' | b' '));
    let month_and_day = || Some((text.get(5..7)?.parse::<u8>().ok()?, text.get(8..10)?.parse::<u8>().ok()?));
    let (month, day) = month_and_day().filter(|_| is_date && ends)?;
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then(|| format!("{}-01-01", &text[..4]))
}

/// The first address of the network of an address, /24 or /48.
fn network(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, it)| (address, Some(it)));
    if length.is_some_and(|it| it.is_empty() || !it.bytes().all(|it| it.is_ascii_digit())) {
        return None;
    }
    Some(match address.parse().ok()? {
        IpAddr::V4(it) => {
            let [a, b, c, _] = it.octets();
            format!("{a}.{b}.{c}.0")
        }
        IpAddr::V6(it) => {
            let [a, b, c, ..] = it.segments();
            std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string()
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    const KEY: PseudonymKey = PseudonymKey::new([7; 32]);
    const OTHER: PseudonymKey = PseudonymKey::new([8; 32]);

    fn made(recipe: Recipe, old: &str) -> Option<String> {
        recipe.make(old.as_bytes(), Some(&KEY))
    }

    #[test]
    fn dates_become_years_and_nothing_else_does() {
        for date in ["1980-02-03", "1980-12-31T23:59:59Z", "1980-01-01 00:00", "1980-01-01"] {
            assert_eq!(made(Recipe::Year, date).as_deref(), Some("1980-01-01"), "{date}");
        }
        for none in [
            "",
            "1980",
            "03.02.1980",
            "1980-13-01",
            "1980-00-01",
            "1980-02-32",
            "1980-02-03x",
            "x980-02-03",
            "1980-02-0",
            "-980-02-03",
            "19800-02-03",
            "1980-02-\u{0663}",
        ] {
            assert_eq!(made(Recipe::Year, none), None, "{none}");
        }
    }

    #[test]
    fn addresses_become_networks_and_nothing_else_does() {
        for (address, network) in [
            ("203.0.113.77", "203.0.113.0"),
            ("203.0.113.77/32", "203.0.113.0"),
            ("2001:DB8:1:2:3:4:5:6", "2001:db8:1::"),
            ("::1", "::"),
            ("::ffff:203.0.113.77", "::"),
        ] {
            assert_eq!(made(Recipe::Network, address).as_deref(), Some(network), "{address}");
        }
        for none in [
            "",
            "203.0.113",
            "203.0.113.77:80",
            "fe80::1%eth0",
            "localhost",
            " 203.0.113.77",
            "1.2.3.4/",
            "1.2.3.4/x",
        ] {
            assert_eq!(made(Recipe::Network, none), None, "{none}");
        }
    }

    #[test]
    fn nobody_makes_a_pseudonym_without_a_key() {
        assert_eq!(Recipe::Pseudonym.make(b"ana", None), None);
        assert_eq!(format!("{KEY:?}"), "PseudonymKey(…)");
    }

    proptest! {
        #[test]
        fn a_pseudonym_is_the_same_for_the_same_value_and_key_alone(one in ".{0,40}", other in ".{0,40}") {
            let first = made(Recipe::Pseudonym, &one).unwrap();
            prop_assert_eq!(made(Recipe::Pseudonym, &one).unwrap(), first.clone());
            prop_assert_eq!(first == made(Recipe::Pseudonym, &other).unwrap(), one == other);
            prop_assert_ne!(Recipe::Pseudonym.make(one.as_bytes(), Some(&OTHER)).unwrap(), first.clone());
            prop_assert!(is_pseudonym(first.as_bytes()));
            prop_assert!(one.is_empty() || one.len() < 4 || !first.contains(&one));
        }

        #[test]
        fn digits_of_somebody_else_are_no_pseudonym(digits in "[0-9a-f]{32}", at in 0usize..32) {
            prop_assert!(!is_pseudonym(digits.as_bytes()));
            let mut altered = made(Recipe::Pseudonym, &digits).unwrap().into_bytes();
            altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
            prop_assert!(!is_pseudonym(&altered));
        }

        #[test]
        fn all_of_a_year_is_one_and_years_stay_apart(year in 0u16..=9999, month in 1u8..=12, day in 1u8..=28) {
            let general = made(Recipe::Year, &format!("{year:04}-{month:02}-{day:02}")).unwrap();
            prop_assert_eq!(&general, &format!("{year:04}-01-01"));
            prop_assert_eq!(made(Recipe::Year, &general).unwrap(), general);
        }

        #[test]
        fn all_of_a_network_is_one_and_networks_stay_apart(one: u32, other: u32, host: u8) {
            let of = |bits: u32| made(Recipe::Network, &Ipv4Addr::from(bits).to_string()).unwrap();
            prop_assert_eq!(of(one), of((one & !0xff) | u32::from(host)));
            prop_assert_eq!(of(one) == of(other), one >> 8 == other >> 8);
            prop_assert_eq!(made(Recipe::Network, &of(one)).unwrap(), of(one));
        }

        #[test]
        fn all_of_a_network_of_version_six_is_one(one: u128, other: u128, host: u128) {
            let of = |bits: u128| made(Recipe::Network, &Ipv6Addr::from(bits).to_string()).unwrap();
            prop_assert_eq!(of(one), of((one >> 80 << 80) | (host >> 48)));
            prop_assert_eq!(of(one) == of(other), one >> 80 == other >> 80);
            prop_assert_eq!(made(Recipe::Network, &of(one)).unwrap(), of(one));
        }

        #[test]
        fn no_value_makes_it_panic(old in prop::collection::vec(any::<u8>(), 0..40)) {
            for recipe in Recipe::ALL {
                let once = recipe.make(&old, Some(&KEY));
                if let (Some(once), Recipe::Year | Recipe::Network) = (once, recipe) {
                    prop_assert_eq!(recipe.make(once.as_bytes(), None), Some(once.clone()));
                }
            }
            is_pseudonym(&old);
        }
    }
}
