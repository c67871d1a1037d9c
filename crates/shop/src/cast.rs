//! The people whom stories call by name. They are the same in a shop of every size.
//!
//! Each has at least one row in every table that can hold a customer's rows (messages: ANA and CLEO only), at fixed
//! numbers of rows. No stranger writes to them, refers to them or lives with them: what happens to one of them can be
//! told in full.

/// A customer with a part to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// `customer.id`.
    pub id: i64,
    /// `customer.account`.
    pub account: &'static str,
    /// `customer.name`.
    pub name: &'static str,
    /// `customer.email`.
    pub email: &'static str,
    /// `customer.phone`.
    pub phone: &'static str,
}

macro_rules! cast {
    ($($(#[$doc:meta])* $constant:ident = $id:literal, $account:literal, $name:literal, $email:literal, $phone:literal;)*) => {
        $($(#[$doc])* pub const $constant: Member =
            Member { id: $id, account: $account, name: $name, email: $email, phone: $phone };)*
        /// All of them, by number.
        pub const ALL: &[Member] = &[$($constant),*];
    };
}

cast! {
    /// Shares her address with BEN, has exchanged messages with CLEO, and referred BEN to the shop.
    ANA = 1, "C-000001", "Ana Marlow", "ana.001@example.test", "+999 20 000001";
    /// Lives at ANA's address and has one of his own too.
    BEN = 2, "C-000002", "Ben Marlow", "ben.002@example.test", "+999 20 000002";
    /// Wrote to ANA, and ANA wrote back.
    CLEO = 3, "C-000003", "Cleo Abel", "cleo.003@example.test", "+999 20 000003";
    /// Has nothing to do with anybody; so have EVA, GUS, HAL, IDA, JON, KIM and LIV.
    DAN = 4, "C-000004", "Dan Brandt", "dan.004@example.test", "+999 20 000004";
    /// On her own.
    EVA = 5, "C-000005", "Eva Castell", "eva.005@example.test", "+999 20 000005";
    /// Opened two accounts with one e-mail; this is the first.
    FAY = 6, "C-000006", "Fay Dorn", "fay.006@example.test", "+999 20 000006";
    /// FAY's second account: same name, birthday and e-mail.
    FAY_AGAIN = 7, "C-000007", "Fay Dorn", "fay.006@example.test", "+999 20 000007";
    /// On his own.
    GUS = 8, "C-000008", "Gus Eklund", "gus.008@example.test", "+999 20 000008";
    /// On his own.
    HAL = 9, "C-000009", "Hal Fenn", "hal.009@example.test", "+999 20 000009";
    /// On her own.
    IDA = 10, "C-000010", "Ida Grau", "ida.010@example.test", "+999 20 000010";
    /// On his own.
    JON = 11, "C-000011", "Jon Hale", "jon.011@example.test", "+999 20 000011";
    /// On her own.
    KIM = 12, "C-000012", "Kim Ito", "kim.012@example.test", "+999 20 000012";
    /// On her own.
    LIV = 13, "C-000013", "Liv Jansen", "liv.013@example.test", "+999 20 000013";
}

/// The first customer who is nobody in particular.
pub(crate) const FIRST_STRANGER: i64 = 21;

/// Nobody in particular: the numbers of `count` customers, the same each time. The smallest shop has 180 of them.
pub fn crowd(count: usize) -> impl Iterator<Item = i64> {
    (FIRST_STRANGER..).take(count)
}

/// The account number of customer `id`.
#[must_use]
pub fn account_of(id: i64) -> String {
    format!("C-{id:06}")
}

/// The member of this number.
#[must_use]
pub fn member(id: i64) -> Option<&'static Member> {
    ALL.iter().find(|member| member.id == id)
}

/// First and last name of a member.
pub(crate) fn name_of(id: i64) -> Option<(&'static str, &'static str)> {
    member(id)?.name.split_once(' ')
}
