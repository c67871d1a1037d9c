//! Which addresses a service may have. The configuration names a host; what it leads to is looked at each time, and the
//! call goes to the very address that was looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

/// Reads an address.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str, private: bool) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| "the address is not to be understood".to_owned())?;
    match url.scheme() {
        "https" => {}
        "http" if private => {}
        "http" => {
            return Err("without TLS only a private service is called: `allow_private = true`".to_owned());
        }
        _ => return Err("the address begins neither with https:// nor http://".to_owned()),
    }
    if url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err("the address has no host, or a name and password in it: those belong nowhere".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address has a `?` or `#`: write the path alone".to_owned());
    }
    Ok(url)
}

/// The addresses behind a host, all of which must be allowed.
pub(crate) async fn resolve(url: &Url, private: bool) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().unwrap_or(443);
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    let found: Vec<SocketAddr> = match host.parse() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((host, port))
            .await
            .map_err(|_| "its host has no address".to_owned())?
            .collect(),
    };
    if found.is_empty() {
        return Err("its host has no address".to_owned());
    }
    if found.iter().any(|it| is_never(it.ip()) || (is_private(it.ip()) && !private)) {
        return Err("its host leads to an address of this machine or a private network".to_owned());
    }
    Ok(found)
}

/// An address of version 4 in one of version 6.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(it) = ip else { return ip };
    let segments = it.segments();
    let last = || {
        let [.., a, b] = segments;
        let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => last(),
        _ => ip,
    }
}

/// Nobody's service is there; what is, tells secrets (169.254.169.254) or is everybody.
fn is_never(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(it) => {
            it.is_link_local()
                || it.is_multicast()
                || it.is_broadcast()
                || it.octets()[0] == 0
                || it.octets()[0] >= 240
        }
        IpAddr::V6(it) => {
            it.is_multicast() || it == Ipv6Addr::UNSPECIFIED || it.segments()[0] & 0xffc0 == 0xfe80
        }
    }
}

fn is_private(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(it) => {
            let [a, b, ..] = it.octets();
            it.is_private() || it.is_loopback() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(it) => it.is_loopback() || it.segments()[0] & 0xfe00 == 0xfc00,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn only_what_may_be_called_is_called() {
        for (address, private, allowed) in [
            ("https://203.0.113.7/", false, true),
            ("http://203.0.113.7/", false, false),
            ("https://127.0.0.1/", false, false),
            ("http://127.0.0.1:1/", true, true),
            ("https://10.1.2.3/", false, false),
            ("https://100.64.0.1/", false, false),
            ("https://[::1]/", false, false),
            ("https://[::ffff:10.1.2.3]/", false, false),
            ("https://[64:ff9b::a01:203]/", false, false),
            ("https://[fd00::1]/", false, false),
            ("https://localhost/", false, false),
            ("https://169.254.169.254/", true, false),
            ("https://[fe80::1]/", true, false),
            ("https://0.0.0.0/", true, false),
            ("https://224.0.0.1/", true, false),
            ("ftp://203.0.113.7/", true, false),
            ("https://user:word@203.0.113.7/", true, false),
            ("https://203.0.113.7/?x", true, false),
            ("https://2130706433/", false, false),
            ("https://0x7f.1/", false, false),
        ] {
            let called = match read(address, private) {
                Ok(url) => resolve(&url, private).await.is_ok(),
                Err(_) => false,
            };
            assert_eq!(called, allowed, "{address}");
        }
    }
}
