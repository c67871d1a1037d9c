//! E-mail by SMTP. Says whether trying again may help; never repeats what the server said, for servers repeat addresses.

use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use countersign_service::ports::notifier::{Message, Notifier, NotifyError};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls as LettreTls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error as SmtpError};
use lettre::{AsyncTransport, Tokio1Executor};
use uuid::Uuid;

use crate::letter::{BadSender, Sender};

const PEM_START: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// How the way to the mail server is encrypted. There is no "if the server offers it": whoever listens can undo that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: only for a server on this machine or behind a wall of one's own.
    None,
    /// Asked for by STARTTLS; without it nothing is sent.
    StartTls,
    /// From the first byte.
    Tls,
}

impl Tls {
    /// The port that is customary for it: 25, 587 or 465.
    #[must_use]
    pub const fn customary_port(self) -> u16 {
        match self {
            Tls::None => 25,
            Tls::StartTls => 587,
            Tls::Tls => 465,
        }
    }
}

/// As whom to log in.
#[derive(Clone)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password. Never shown.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// How to reach the mail server.
#[derive(Debug, Clone)]
pub struct EmailConfig {
    /// Its name, which its certificate must bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is encrypted.
    pub tls: Tls,
    /// As whom to log in, when it asks.
    pub login: Option<Login>,
    /// Who signs: `name@example.com` or `Name <name@example.com>`.
    pub from: String,
    /// How long one message may take in all.
    pub timeout: Duration,
    /// Certificates in PEM to trust instead of the system's, for a server of one's own.
    pub authority_pem: Option<Vec<u8>>,
}

/// Why e-mail cannot be sent as it is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailConfigError {
    /// The sender is no address.
    #[error(transparent)]
    Sender(#[from] BadSender),
    /// A password would cross the network in clear.
    #[error(
        "a login over an unencrypted connection is only allowed to this machine; set tls to starttls or tls"
    )]
    PasswordInClear,
    /// The authority's certificates are not PEM.
    #[error("the mail server's authority is not a certificate in PEM")]
    Authority,
    /// The host is no name that a certificate could bear, or there is no certificate to trust.
    #[error("TLS to the mail server cannot be set up; check its host name and the certificates to trust")]
    Tls,
}

/// Sends mail by SMTP, keeping connections open between messages.
#[derive(Clone)]
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
    timeout: Duration,
}

impl Email {
    /// A sender of mail by this configuration. Connects only when there is something to send.
    ///
    /// # Errors
    /// See [`EmailConfigError`].
    pub fn new(config: &EmailConfig) -> Result<Email, EmailConfigError> {
        let sender = Sender::parse(&config.from)?;
        if config.login.is_some() && config.tls == Tls::None && !is_this_machine(&config.host) {
            return Err(EmailConfigError::PasswordInClear);
        }
        // "Dangerous" is lettre's word for a builder without TLS; it is set on the next line.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .tls(encryption(config)?)
            .port(config.port)
            .timeout(Some(config.timeout));
        if let Some(Login { user, password }) = &config.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Email { transport: builder.build(), sender, timeout: config.timeout })
    }
}

#[async_trait]
impl Notifier for Email {
    async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        let mail = self.sender.letter(message, Uuid::now_v7())?;
        match tokio::time::timeout(self.timeout, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(outcome_of(&error)),
            Err(_) => Err(NotifyError::Retry("the mail server took too long".to_owned())),
        }
    }
}

fn encryption(config: &EmailConfig) -> Result<LettreTls, EmailConfigError> {
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.authority_pem {
        // lettre takes a text without any certificate for an empty list of them.
        let any = pem.windows(PEM_START.len()).any(|part| part == PEM_START);
        let certificate =
            Certificate::from_pem(pem).ok().filter(|_| any).ok_or(EmailConfigError::Authority)?;
        parameters = parameters.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    Ok(match config.tls {
        Tls::None => LettreTls::None,
        Tls::StartTls => LettreTls::Required(parameters.build().map_err(|_| EmailConfigError::Tls)?),
        Tls::Tls => LettreTls::Wrapper(parameters.build().map_err(|_| EmailConfigError::Tls)?),
    })
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A refusal for good is given up; but not one that the operator can mend, such as a wrong password.
fn outcome_of(error: &SmtpError) -> NotifyError {
    if let Some(code) = error.status() {
        let code = u16::from(code);
        let mendable = matches!(code, 500..=504 | 530 | 534 | 535 | 538);
        let text = format!("the mail server answered {code}");
        return if error.is_permanent() && !mendable {
            NotifyError::GiveUp(text)
        } else {
            NotifyError::Retry(text)
        };
    }
    NotifyError::Retry(if error.is_timeout() {
        "the mail server took too long".to_owned()
    } else if let Some(kind) = io_kind(error) {
        format!("the mail server could not be spoken to: {kind}")
    } else if error.is_tls() {
        "the mail server could not be spoken to: TLS failed".to_owned()
    } else if error.is_client() {
        "the mail server does not offer what the configuration asks for (STARTTLS, or a way to log in)"
            .to_owned()
    } else {
        "the mail server could not be spoken to".to_owned()
    })
}

fn io_kind(error: &SmtpError) -> Option<std::io::ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        source = error.source();
    }
    None
}
