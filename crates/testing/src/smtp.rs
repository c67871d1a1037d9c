//! A real SMTP server on a free port that keeps what it is sent.
//!
//! Speaks EHLO, HELO, STARTTLS, AUTH PLAIN and LOGIN, MAIL, RCPT, DATA, RSET, NOOP and QUIT, with or without TLS, and
//! refuses where a test tells it to. Threads, no runtime: it serves blocking and async tests alike.

mod session;
mod tls;

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::mail::Mail;

/// A mail as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// The data, dots unstuffed, lines ending with CRLF.
    pub data: Vec<u8>,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// As whom the sender logged in.
    pub user: Option<String>,
}

impl Received {
    /// The mail that the data is.
    #[must_use]
    pub fn mail(&self) -> Mail {
        Mail::parse(&self.data)
    }
}

/// Where in the conversation the sink may refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// At the greeting.
    Connect,
    /// After MAIL.
    Mail,
    /// After RCPT.
    Rcpt,
    /// After DATA, before the text.
    Data,
    /// After the text.
    Text,
}

/// How the sink encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all, and offers nothing.
    None,
    /// From the first byte.
    Tls,
    /// When asked by STARTTLS; MAIL is refused before.
    StartTls,
}

/// A running sink; dropped, it stops listening and closes its connections.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    certificate: Option<String>,
    listener: Option<JoinHandle<()>>,
}

/// What the threads of one sink have in common.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    mails: Vec<Received>,
    refusals: BTreeMap<At, String>,
    login: Option<(String, String)>,
    delay: Duration,
    open: Vec<TcpStream>,
}

impl Shared {
    /// The state is plain data: a panic elsewhere leaves nothing half done in it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// Starts a sink without encryption.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> io::Result<Sink> {
        Sink::start_with(Encryption::None)
    }

    /// Starts a sink that encrypts so, with a fresh certificate for `localhost`; see [`Sink::certificate`].
    ///
    /// # Errors
    /// When no port can be had or no certificate be made.
    pub fn start_with(encryption: Encryption) -> io::Result<Sink> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let identity = match encryption {
            Encryption::None => None,
            Encryption::Tls | Encryption::StartTls => Some(tls::Identity::fresh()?),
        };
        let certificate = identity.as_ref().map(|identity| identity.certificate.clone());
        let shared = Arc::new(Shared::default());
        let listener = thread::spawn({
            let shared = Arc::clone(&shared);
            move || listen(&listener, &shared, encryption, identity.as_ref())
        });
        Ok(Sink { address, shared, certificate, listener: Some(listener) })
    }

    /// The host to connect to; the certificate is for it.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "localhost"
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The certificate in PEM that a client must trust, when the sink encrypts.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// From now on takes mail only from this user.
    pub fn require_login(&self, user: &str, password: &str) {
        self.shared.state().login = Some((user.to_owned(), password.to_owned()));
    }

    /// From now on answers with this line (`"451 4.3.0 try later"`) at this point; other points are as before.
    pub fn refuse(&self, at: At, answer: &str) {
        self.shared.state().refusals.insert(at, answer.to_owned());
    }

    /// From now on takes everything again.
    pub fn accept(&self) {
        self.shared.state().refusals.clear();
    }

    /// From now on waits so long before every answer.
    pub fn delay(&self, by: Duration) {
        self.shared.state().delay = by;
    }

    /// What has come in so far, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.state().mails.clone()
    }

    /// Waits until so many mails have come in and returns all there are; those there are after the time at most.
    #[must_use]
    pub fn wait_for(&self, count: usize, at_most: Duration) -> Vec<Received> {
        let until = Instant::now() + at_most;
        let mut state = self.shared.state();
        while state.mails.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .shared
                .arrived
                .wait_timeout(state, left)
                .map_or_else(|e| e.into_inner().0, |(state, _)| state);
        }
        state.mails.clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees the flag; and ends the conversations.
        drop(TcpStream::connect(self.address));
        for stream in self.shared.state().open.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

fn listen(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    encryption: Encryption,
    identity: Option<&tls::Identity>,
) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(clone) = stream.try_clone() {
            shared.state().open.push(clone);
        }
        let (shared, config) = (Arc::clone(shared), identity.map(|identity| Arc::clone(&identity.config)));
        // A client that goes away in the middle ends its conversation; the test sees that no mail came.
        thread::spawn(move || drop(session::serve(stream, &shared, encryption, config)));
    }
}
