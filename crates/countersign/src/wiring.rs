//! Plugs store, sources, inboxes and packager into the service, as the configuration says. Decides nothing.

pub(crate) mod sources;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use countersign_notify::{Email, EmailConfig, Inbox, email};
use countersign_service::ports::notifier::Notifier;
use countersign_service::{Parts, Service};
use countersign_store::SqliteStore;

use crate::config::{Config, Mail, SmtpTls};
use crate::installation::{SystemChance, clock, keys, private_folder};

/// How long one mail may take in all.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// The service over this node's store, which nobody else may have open for writing.
///
/// # Errors
/// Whatever of it cannot be opened, and why.
pub(crate) fn service(config: &Config) -> anyhow::Result<Arc<Service>> {
    let data = config.store.path.parent().context("the store's path names no file")?;
    private_folder(data)?;
    let scratch = data.join("scratch");
    private_folder(&scratch)?;
    let loaded = keys::load(&config.keys.directory)?;
    let store = SqliteStore::open(&config.store.path, clock())?;
    let parts = Parts {
        store: Arc::new(store),
        sources: sources::all(&config.sources, &loaded.keys)?,
        notifier: notifier(&config.mail)?,
        packager: sources::packager(),
        chance: Arc::new(SystemChance),
        clock: clock(),
        keys: loaded.keys,
        ledger: loaded.ledger,
        scratch,
    };
    Ok(Arc::new(Service::new(parts)))
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
