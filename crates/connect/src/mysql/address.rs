//! Where the server is, and how the way there is secured: TLS with a verified certificate, unless the server is on this
//! machine or the address forbids it. It must not know what is asked of the server.

use std::net::IpAddr;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, SslOpts};

/// `Ok`, or what is wrong with the address, without the address.
pub(super) fn read(url: &str) -> Result<Opts, String> {
    let form = "its url is not of the form mysql://user:password@host:port/database";
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let base = base.strip_prefix("mariadb://").map_or_else(|| base.to_owned(), |it| format!("mysql://{it}"));
    let opts = Opts::from_url(&base).map_err(|_| form.to_owned())?;
    let mut asked = Asked::default();
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        match key {
            "ssl-mode" => asked.mode = Some(value),
            "ssl-ca" => asked.authority = Some(value),
            "ssl-name" => asked.name = Some(value),
            "socket" => asked.socket = Some(value),
            _ => {
                return Err("its url may say ssl-mode, ssl-ca, ssl-name and socket behind `?`, nothing else"
                    .to_owned());
            }
        }
    }
    let local = asked.socket.is_some() || is_this_machine(opts.ip_or_hostname());
    let tls = match asked.mode.as_deref() {
        None => !local || asked.authority.is_some(),
        Some("disabled") => false,
        Some("verify-identity") => true,
        Some(_) => return Err("ssl-mode in its url is `disabled` or `verify-identity`".to_owned()),
    };
    let ssl = if tls { Some(ssl(&asked)?) } else { None };
    let socket = asked.socket;
    Ok(OptsBuilder::from_opts(opts)
        // A socket that was not asked for is not gone to, whatever the server proposes.
        .prefer_socket(Some(false))
        .socket(socket)
        .ssl_opts(ssl)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .connect_attribute("_client_name", "countersign")
        .stmt_cache_size(0)
        .into())
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

#[derive(Default)]
struct Asked {
    mode: Option<String>,
    authority: Option<String>,
    name: Option<String>,
    socket: Option<String>,
}

fn ssl(asked: &Asked) -> Result<SslOpts, String> {
    let mut roots = vec![];
    match &asked.authority {
        Some(file) => {
            let read = std::fs::read(file).map_err(|_| format!("`{file}`, its ssl-ca, cannot be read"))?;
            roots.push(read.into());
        }
        None => {
            let mut usable = rustls::RootCertStore::empty();
            // A certificate of the system that cannot be read makes no other one worse.
            let found = rustls_native_certs::load_native_certs().certs;
            let can = |it: &rustls::pki_types::CertificateDer<'static>| usable.add(it.clone()).is_ok();
            roots.extend(found.into_iter().filter(can).map(|it| it.to_vec().into()));
        }
    }
    let ssl = SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots);
    Ok(match &asked.name {
        Some(name) => ssl.with_danger_tls_hostname_override(Some(name.clone())),
        None => ssl,
    })
}

/// `%2F` as `/`.
fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = behind.get(..2).and_then(|it| hex::decode(it).ok()).filter(|_| *first == b'%');
        match code {
            Some(code) => {
                bytes.extend(code);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_server_elsewhere_is_reached_by_tls_unless_that_is_forbidden() {
        let tls = |url: &str| read(url).unwrap().ssl_opts().is_some();
        assert!(tls("mysql://u:p@db.example.test/shop"));
        assert!(tls("mariadb://u:p@db.example.test/shop?ssl-mode=verify-identity"));
        assert!(!tls("mysql://u:p@db.example.test/shop?ssl-mode=disabled"));
        assert!(!tls("mysql://u:p@127.0.0.1/shop") && !tls("mysql://u:p@[::1]/shop"));
        assert!(!tls("mysql://u:p@localhost/shop?socket=%2Frun%2Fmysqld.sock"));
        assert!(tls("mysql://u:p@127.0.0.1/shop?ssl-mode=verify-identity"));
    }

    #[test]
    fn what_is_not_understood_is_refused_without_the_address() {
        for url in [
            "postgres://u:secret@h/d",
            "mysql://u:secret@h/d?verify_ca=false",
            "mysql://u:secret@h/d?ssl-mode=prefer",
        ] {
            let why = read(url).err().unwrap();
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
