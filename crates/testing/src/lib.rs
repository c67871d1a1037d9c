//! Fixtures for the tests of every crate: real servers in temporary folders, a clock in the hand, a mail reader.
//! Knows nothing of the house; whatever it starts is gone when the test process is, however that ends.

pub mod browser;
pub mod clock;
pub mod leash;
pub mod mail;
pub mod mariadb;
pub mod passkey;
pub mod port;
pub mod postgres;
pub mod process;
pub mod proxy;
mod samples;
pub mod smtp;

pub use samples::samples;

/// Whether a missing server or sample is a failure rather than a skip: `COUNTERSIGN_REQUIRE_SERVERS=1` or `CI=true`.
#[must_use]
pub fn nothing_may_be_skipped() -> bool {
    let set = |name, value| std::env::var(name).is_ok_and(|is| is == value);
    set("COUNTERSIGN_REQUIRE_SERVERS", "1") || set("CI", "true")
}
