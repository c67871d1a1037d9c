//! Their inboxes: what is said to whom. How it is worded and carried is the notifier's.

use std::fmt;

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;

/// A message to one person.
#[derive(Clone)]
pub struct Message {
    /// An e-mail address. Personal.
    pub to: String,
    /// What is said.
    pub about: About,
    /// In which language, as far as it is spoken: `en`, `de`.
    pub language: String,
    /// The message's own name, where it may have to be said again after an answer was lost: the same then, so that whoever
    /// carries or shows it can tell that it is the same.
    pub name: Option<String>,
}

impl Message {
    /// A message that is said once.
    pub fn new(to: String, about: About, language: String) -> Self {
        Self { to, about, language, name: None }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.about.kind())
    }
}

/// What is said.
#[derive(Clone)]
pub enum About {
    /// A code that proves that the reader owns the address.
    Code {
        /// Eight digits.
        code: String,
        /// Which request it confirms.
        request: RequestId,
        /// What is asked for.
        action: String,
        /// Until when it holds.
        expires_at: Timestamp,
        /// The page that proves as much, where the portal asked for the mail.
        link: Option<String>,
    },
    /// How a request ended, for its requester.
    Outcome {
        /// Which.
        request: RequestId,
        /// What was asked for.
        action: String,
        /// `completed`, `denied`, `expired`, …
        status: String,
        /// `complete` or `partial`, or the code of a denial.
        detail: Option<String>,
        /// Rows kept, by the code of the reason.
        kept: Vec<(String, u64)>,
        /// Until when a package can be fetched.
        package_until: Option<Timestamp>,
        /// The request's page at the portal, if it came in there.
        link: Option<String>,
    },
    /// The link by which the reader signs in, together with their device.
    SignIn {
        /// The page.
        link: String,
        /// Until when it works.
        expires_at: Timestamp,
    },
    /// Something was set up by which the reader signs in from now on.
    SetUp,
    /// A request waits for the reader's vote.
    CallToVote {
        /// Which.
        request: RequestId,
        /// What is asked for.
        action: String,
        /// For which seat.
        seat: String,
        /// The law's date.
        due_at: Option<Timestamp>,
        /// Whether votes that stood were voided, so that this is asked again.
        again: bool,
        /// Whether the reader was asked before, and its time runs out.
        reminder: bool,
        /// The request's page at the console; nothing is opened by the link alone.
        link: Option<String>,
    },
    /// Somebody acts for the reader, who may confirm that or take it back.
    Mandate {
        /// Who says so.
        agent: String,
        /// Which request.
        request: RequestId,
        /// What is asked for.
        action: String,
        /// The page with the buttons.
        link: String,
    },
    /// Requests that wait for the reader's vote and that they were not told of yet.
    Digest {
        /// Those that are due first.
        waiting: Vec<Awaited>,
        /// How many more there are.
        more: u64,
        /// The inbox at the console.
        link: Option<String>,
    },
    /// Somebody's data was erased at its source: for one outside who got it from there.
    Erased {
        /// Which request.
        request: RequestId,
        /// The reader's name in the data map.
        name: String,
        /// By what the reader knows whose it was; may be nothing.
        references: Vec<String>,
    },
    /// Somebody broke the glass of a request, or nobody reviewed that in time.
    GlassBroken {
        /// Which.
        request: RequestId,
        /// What is asked for.
        action: String,
        /// Until when it is to be reviewed.
        review_due: Timestamp,
        /// Whether that is over.
        overdue: bool,
        /// The request's page at the console.
        link: Option<String>,
    },
}

/// A request that waits for the reader's vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Which.
    pub request: RequestId,
    /// What is asked for.
    pub action: String,
    /// For which seat.
    pub seat: String,
    /// The law's date.
    pub due_at: Option<Timestamp>,
    /// Its page at the console.
    pub link: Option<String>,
}

impl About {
    /// The word for it, for logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            About::Code { .. } => "code",
            About::Outcome { .. } => "outcome",
            About::SignIn { .. } => "sign_in",
            About::SetUp => "set_up",
            About::CallToVote { .. } => "call_to_vote",
            About::Mandate { .. } => "mandate",
            About::Digest { .. } => "digest",
            About::Erased { .. } => "erased",
            About::GlassBroken { .. } => "glass_broken",
        }
    }
}

/// Why a message was not delivered. Texts carry no address.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Try again later.
    #[error("the message could not be delivered now: {0}")]
    Retry(String),
    /// It never will be delivered.
    #[error("the message was refused for good: {0}")]
    GiveUp(String),
}

/// Carries messages.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers one message, or says why not. A message may arrive twice if the answer was lost.
    async fn send(&self, message: &Message) -> Result<(), NotifyError>;
}
