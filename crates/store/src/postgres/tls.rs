//! TLS to PostgreSQL: rustls over ring, certificates and names checked against given authorities or the system's.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::open::PostgresOpenError;
use super::options::{PostgresOptions, PostgresTls};

/// What encrypts, if anything is.
pub(super) fn connector(options: &PostgresOptions) -> Result<MakeRustlsConnect, PostgresOpenError> {
    let mut roots = rustls::RootCertStore::empty();
    match &options.authority_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let unreadable = |_| PostgresOpenError::Tls("the authorities' PEM cannot be read".to_owned());
                roots
                    .add(certificate.map_err(unreadable)?)
                    .map_err(|why| PostgresOpenError::Tls(format!("an authority is not accepted: {why}")))?;
            }
            if roots.is_empty() {
                return Err(PostgresOpenError::Tls("the authorities' PEM holds no certificate".to_owned()));
            }
        }
        // A certificate of the system that cannot be read makes no other one worse.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| PostgresOpenError::Tls(why.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Whether it is encrypted: as asked for; else as the address says; else always, but on this machine.
pub(super) fn mode(options: &PostgresOptions, address: &tokio_postgres::Config) -> SslMode {
    match options.tls {
        Some(PostgresTls::Disable) => SslMode::Disable,
        Some(PostgresTls::Prefer) => SslMode::Prefer,
        Some(PostgresTls::Require) => SslMode::Require,
        None if options.url.contains("sslmode=") => address.get_ssl_mode(),
        None if stays_here(address) => SslMode::Prefer,
        None => SslMode::Require,
    }
}

/// Whether every server is on this machine, by its name and by the address that is used in the name's place.
fn stays_here(address: &tokio_postgres::Config) -> bool {
    let (hosts, ips) = (address.get_hosts(), address.get_hostaddrs());
    hosts.iter().all(is_here) && ips.iter().all(std::net::IpAddr::is_loopback)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn mode_of(url: &str, tls: Option<PostgresTls>) -> SslMode {
        let options = PostgresOptions { tls, ..PostgresOptions::new(url) };
        mode(&options, &url.parse().unwrap())
    }

    #[test]
    fn a_server_elsewhere_is_talked_to_encrypted_unless_somebody_said_otherwise() {
        assert_eq!(mode_of("postgres://u@db.example/x", None), SslMode::Require);
        assert_eq!(mode_of("postgres://u@127.0.0.1,db.example/x", None), SslMode::Require);
        assert_eq!(mode_of("postgres://u@db.example/x?sslmode=prefer", None), SslMode::Prefer);
        assert_eq!(mode_of("postgres://u@db.example/x", Some(PostgresTls::Disable)), SslMode::Disable);
        for here in ["127.0.0.1", "localhost", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert_eq!(mode_of(&format!("postgres://u@{here}/x"), None), SslMode::Prefer, "{here}");
        }
        for (elsewhere, here) in [
            ("/x?hostaddr=10.0.0.5", "/x?hostaddr=127.0.0.1"),
            ("localhost/x?hostaddr=10.0.0.5", "localhost/x?hostaddr=127.0.0.1"),
            ("%2Fvar%2Frun/x?hostaddr=10.0.0.5", "127.0.0.1/x?hostaddr=::1"),
            ("db.example/x?hostaddr=127.0.0.1", "localhost/x"),
            ("/x?hostaddr=127.0.0.1,10.0.0.5", "/x?hostaddr=127.0.0.1,::1"),
        ] {
            assert_eq!(mode_of(&format!("postgres://u@{elsewhere}"), None), SslMode::Require, "{elsewhere}");
            assert_eq!(mode_of(&format!("postgres://u@{here}"), None), SslMode::Prefer, "{here}");
        }
    }

    #[test]
    fn authorities_that_hold_no_certificate_are_refused() {
        let options = PostgresOptions {
            authority_pem: Some(b"nothing".to_vec()),
            ..PostgresOptions::new("postgres://u@h/x")
        };
        assert!(matches!(connector(&options), Err(PostgresOpenError::Tls(_))));
    }
}
