//! Plugs store, sources, inboxes and packager into the service, as the configuration says. Decides nothing.

pub(crate) mod sources;
pub(crate) mod store;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use countersign_connect::provider::HttpProvider;
use countersign_notify::{Email, EmailConfig, Inbox, email};
use countersign_service::ports::notifier::Notifier;
use countersign_service::ports::store::Store;
use countersign_service::sign::Provider;
use countersign_service::{Parts, Service};

use crate::config::{Config, Mail, Oidc, SmtpTls};
use crate::installation::{SystemChance, clock, keys, private_folder};

/// How long one mail may take in all.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// The service over this node's store. A store in a file nobody else may have open for writing; one in a database is
/// shared with the other nodes.
///
/// # Errors
/// Whatever of it cannot be opened, and why.
pub(crate) async fn service(config: &Config) -> anyhow::Result<Arc<Service>> {
    let store = store::open(config).await?;
    over(config, store)
}

/// The service of an installation that has begun, with the keys that it was begun with.
///
/// # Errors
/// As [`service`]; when nothing has begun, or this node has other keys.
pub(crate) async fn begun(config: &Config) -> anyhow::Result<Arc<Service>> {
    let service = service(config).await?;
    if !service.has_begun().await? {
        anyhow::bail!(
            "this installation has not begun: enter its first people and settings with `countersign init`"
        );
    }
    service.hold_to_keys().await?;
    Ok(service)
}

/// The service over a store that is open.
///
/// # Errors
/// Whatever else cannot be opened, and why.
pub(crate) fn over(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Arc<Service>> {
    let scratch = config.store.data().context("the store's path names no file")?.join("scratch");
    private_folder(&scratch)?;
    let loaded = keys::load(&config.keys.directory)?;
    let parts = Parts {
        store,
        sources: sources::all(&config.sources, &loaded.keys)?,
        notifier: notifier(&config.mail)?,
        packager: sources::packager(config.work.package_words.as_deref())?,
        chance: Arc::new(SystemChance),
        clock: clock(),
        keys: loaded.keys,
        ledger: loaded.ledger,
        scratch,
    };
    let service = Service::new(parts).with_lease_ms(config.work.lease_ms);
    let reach = |private| Arc::new(HttpProvider::new(private));
    let service = service.with_key_sets(reach(false), reach(true));
    let service = service.with_provider(config.oidc.as_ref().map(provider).transpose()?);
    Ok(Arc::new(service.with_ledger_before(loaded.ledger_before)))
}

fn provider(oidc: &Oidc) -> anyhow::Result<Provider> {
    let secret = keys::secret(&oidc.client_secret_file).context("the secret for the identity provider")?;
    Ok(Provider::new(Arc::new(HttpProvider::new(oidc.allow_private)), secret.trim().to_owned()))
}

fn notifier(mail: &Mail) -> anyhow::Result<Arc<dyn Notifier>> {
    match mail {
        Mail::Inbox { directory, from } => {
            private_folder(directory)?;
            Ok(Arc::new(Inbox::open(directory, from)?))
        }
        Mail::Smtp { host, port, tls, login, from } => {
            let tls = match tls {
                SmtpTls::Wrapped => email::Tls::Tls,
                SmtpTls::Starttls => email::Tls::StartTls,
                SmtpTls::None => email::Tls::None,
            };
            let login = login
                .as_ref()
                .map(|(user, password)| {
                    let password = password.fetch().context("the mail server's password")?;
                    Ok::<_, anyhow::Error>(email::Login { user: user.clone(), password })
                })
                .transpose()?;
            let config = EmailConfig {
                host: host.clone(),
                port: *port,
                tls,
                login,
                from: from.clone(),
                timeout: MAIL_TIMEOUT,
                authority_pem: None,
            };
            Ok(Arc::new(Email::new(&config)?))
        }
    }
}
