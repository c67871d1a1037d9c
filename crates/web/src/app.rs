//! What every handler holds: the service, and this door's limits.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use countersign_service::Service;
use countersign_service::sign::Site;
use tokio::sync::Semaphore;

use crate::portal::Portal;
use crate::sign::SignIn;

/// How much this door takes in, and for how long it waits.
#[derive(Clone, Debug)]
pub struct WebOptions {
    /// The longest body of a call, in bytes.
    pub body_max: usize,
    /// The longest body of a call that hands in settings, in bytes.
    pub settings_max: usize,
    /// How long a call may take until its answer begins, its body's arrival included. Streams go on beyond it.
    pub timeout: Duration,
    /// How long a connection may take to send the head of a call.
    pub head_timeout: Duration,
    /// How long a server that stops goes on answering while `/readyz` says that it stops.
    pub pause: Duration,
    /// How long open calls are waited for when the server stops.
    pub drain: Duration,
    /// How many connections are open at once; others wait to be accepted.
    pub connections: usize,
    /// How many listen to the feed at once.
    pub feeds: usize,
    /// How often a silent feed says that it lives, and looks whether its token still stands.
    pub heartbeat: Duration,
    /// The portal, if this node has one.
    pub portal: Option<Portal>,
    /// How people of ours sign in.
    pub sign_in: SignIn,
    /// What became of this node's spans, where they are sent to a collector.
    pub traced: Option<Arc<Traced>>,
}

/// What became of the spans that a node made.
#[derive(Debug, Default)]
pub struct Traced {
    /// Taken by the collector.
    pub sent: AtomicU64,
    /// Dropped: the collector was away, or slower than this node.
    pub dropped: AtomicU64,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            body_max: 256 * 1024,
            settings_max: 5 * 1024 * 1024,
            timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(10),
            pause: Duration::ZERO,
            drain: Duration::from_secs(10),
            connections: 4096,
            feeds: 1024,
            heartbeat: Duration::from_secs(15),
            portal: None,
            sign_in: SignIn::default(),
            traced: None,
        }
    }
}

/// The state of the router.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) options: Arc<WebOptions>,
    /// What passkeys are bound to; `None` where browsers know none.
    pub(crate) site: Option<Arc<Site>>,
    /// Room for listeners to the feed.
    pub(crate) feeds: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(service: Arc<Service>, options: WebOptions) -> Self {
        let feeds = Arc::new(Semaphore::new(options.feeds));
        let site = Site::at(&options.sign_in.url).map(Arc::new);
        Self { service, options: Arc::new(options), site, feeds }
    }
}
