//! `[floods]`: how much strangers may ask for in an hour. Whoever is known to the settings' own people is not meant.

use super::section::Section;

const MOST: std::ops::RangeInclusive<i64> = 1..=100_000_000;

/// Caps on what nobody has proved yet, an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floods {
    /// Requests, and mails asked for again, of one client of the portal. Behind one address there may be a whole office.
    pub of_client: u32,
    /// Mails that ask for proof to one address, whoever asks for them.
    pub mails_to_address: u32,
    /// Requests without proof that name one identity, by all tokens together.
    pub for_identity: u32,
    /// Requests without proof that one token carries in; about so many.
    pub of_token: u32,
}

impl Default for Floods {
    fn default() -> Self {
        Self { of_client: 60, mails_to_address: 5, for_identity: 60, of_token: 10_000 }
    }
}

impl Floods {
    /// Reads the section, if it is there.
    pub(super) fn read(top: &Section<'_>) -> Self {
        let mut floods = Self::default();
        let Some(section) = top.section("floods") else { return floods };
        for (key, cap) in [
            ("of_client", &mut floods.of_client),
            ("mails_to_address", &mut floods.mails_to_address),
            ("for_identity", &mut floods.for_identity),
            ("of_token", &mut floods.of_token),
        ] {
            if let Some(most) = section.number(key, MOST).and_then(|most| u32::try_from(most).ok()) {
                *cap = most;
            }
        }
        section.finish();
        floods
    }
}
