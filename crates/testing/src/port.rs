//! A free port on 127.0.0.1.

use std::io;
use std::net::TcpListener;

/// A port on 127.0.0.1 that was free just now. Somebody else may take it first: whoever binds it should try again.
///
/// # Errors
/// When the system has none left.
pub fn free() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn a_free_port_can_be_bound() {
        std::net::TcpListener::bind(("127.0.0.1", super::free().unwrap())).unwrap();
    }
}
