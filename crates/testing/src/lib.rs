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

/// Whether a server or a browser that does not start is a failure rather than a skip: `COUNTERSIGN_REQUIRE=servers`, or
/// where nothing may be skipped.
#[must_use]
pub fn servers_are_needed() -> bool {
    is_set("COUNTERSIGN_REQUIRE", "servers") || nothing_may_be_skipped()
}

/// Whether sample data and fetched programs are needed too: `COUNTERSIGN_REQUIRE=all` or `CI=true`.
#[must_use]
pub fn nothing_may_be_skipped() -> bool {
    is_set("COUNTERSIGN_REQUIRE", "all") || is_set("CI", "true")
}

fn is_set(name: &str, value: &str) -> bool {
    std::env::var(name).is_ok_and(|is| is == value)
}
