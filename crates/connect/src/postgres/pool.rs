//! Connections: TLS where the server has it and the address does not forbid it, and every session set up alike.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Texts that mean the same everywhere, no table of ours found by accident, and an error where a policy of the table
/// would hide rows in silence.
const SESSION: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; \
     SET bytea_output = 'hex'; SET extra_float_digits = 1; SET search_path = pg_catalog, pg_temp; SET row_security = off";
/// How long to wait for a connection, and for a free one.
const PATIENCE: Duration = Duration::from_secs(10);

/// A pool over the database at `url`, in which the server sees which source we are, unless the address calls us otherwise;
/// what is wrong with the address, without the address.
pub(super) fn build(source: &str, url: &str, size: usize) -> Result<Pool, String> {
    let mut config: tokio_postgres::Config = url
        .parse()
        .map_err(|_| "its url is not of the form postgres://user:password@host:port/database".to_owned())?;
    if config.get_application_name().is_none() {
        config.application_name(format!("countersign/{source}"));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    let manager =
        Manager::from_config(config, tls()?, ManagerConfig { recycling_method: RecyclingMethod::Verified });
    let session = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        .max_size(size.max(1))
        .post_create(session)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .recycle_timeout(Some(PATIENCE))
        .build()
        .map_err(|_| "its pool of connections cannot be made".to_owned())
}

fn tls() -> Result<MakeRustlsConnect, String> {
    let mut roots = rustls::RootCertStore::empty();
    // A certificate of the system that cannot be read makes no other one worse.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| "TLS cannot be set up".to_owned())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
