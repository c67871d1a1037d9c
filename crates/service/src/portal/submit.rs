//! A subject asks at the portal. Whatever address is typed, the same happens: a request is stored, a mail goes out, and
//! no source is looked at until the mail's reader has proved to be one.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::{Commitment, RequestId};
use countersign_core::request::{Event, Submitted};
use countersign_core::subject::{Asking, Requester, Target};
use countersign_core::verdict::Decision;
use serde::{Deserialize, Serialize};

use super::flood::{mails_to_address, of_client};
use super::is_ours;
use crate::app::Service;
use crate::ports::store::Needs;
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::ask::{self, Ask, AskedBy};
use crate::requests::submit::Origin;
use crate::requests::verify::Started;

/// The channel of every request that comes in here.
const CHANNEL: &str = "portal";
/// What a subject may be offered, in the order of a page.
const OFFERED: [&str; 3] = ["access", "export", "erase"];

/// Where a subject stands: the portal's address, the language that they read, and the address that they come from.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where the portal begins, such as `https://shop.example/privacy`.
    pub url: String,
    /// `en`, `de`.
    pub language: String,
    /// The client's network address, as the door saw it.
    pub client: String,
}

/// How mails find back to the portal. Kept sealed with the request.
#[derive(Serialize, Deserialize)]
pub(crate) struct WayBack {
    pub(crate) url: String,
    pub(crate) language: String,
}

/// What a subject asks.
pub struct Asked {
    /// Which action.
    pub action: String,
    /// Their address.
    pub email: String,
    /// Their account, if they say it. It only ever narrows who is meant.
    pub account: Option<String>,
    /// Of the form that was sent: sent again, it is answered with the same request.
    pub form: String,
}

/// A request that was taken in.
pub struct Taken {
    /// Which.
    pub id: RequestId,
    /// The key to it, for the browser that asked.
    pub token: String,
}

impl Service {
    /// The actions that policy could ever release to a subject who asks here.
    pub async fn portal_actions(&self) -> Result<Vec<&'static str>, Refusal> {
        let settings = self.settings().await?;
        let now = (self.clock)();
        let mut offered = Vec::new();
        for action in OFFERED {
            let submitted = Submitted {
                nonce: Commitment::from_bytes([0; 32]),
                action: action.to_owned(),
                channel: CHANNEL.to_owned(),
                environment: settings.environment.clone(),
                asking: origin().asking,
                target: Target::Subject { stated: Vec::new() },
                parameters: None,
                reason: None,
                attested: Vec::new(),
                due_at: None,
                expires_at: now,
                expires_unproven_at: now,
            };
            let nobody = RequestId::from_bytes([0; 16]);
            let history = History::begin(nobody, now, &Event::Submitted(Box::new(submitted)))?;
            let verdict = self.first_looks.judge(&settings, history.state().dossier(), now)?;
            let ever = match &verdict.decision {
                Decision::Release => true,
                Decision::Hold { paths } => !paths.is_empty(),
                Decision::Deny { .. } => false,
            };
            offered.extend(ever.then_some(action));
        }
        Ok(offered)
    }

    /// Takes a request of a subject in, and sends the mail that asks for proof.
    ///
    /// # Errors
    /// What is wrong with what was typed; never anything about whether somebody is known by it.
    pub async fn submit_at_portal(&self, door: &Door, asked: Asked) -> Result<Taken, Refusal> {
        if !self.portal_actions().await?.contains(&&*asked.action) {
            return Err(Refusal::invalid("action", "is not offered here"));
        }
        let Asked { action, email, account, form } = asked;
        let mut subject = BTreeMap::from([("email".to_owned(), email)]);
        subject.extend(account.map(|account| ("account".to_owned(), account)));
        ask::normalised(&subject)?;
        self.count(of_client(self.settings().await?.floods), &door.client).await?;
        // What was typed belongs to the key: a form that was gone back to and changed is another submission.
        let key = format!("portal/{form}/{action}/{subject:?}");
        let ask = Ask { action, by: AskedBy::Subject, subject, idempotency_key: Some(key), ..Ask::default() };
        let receipt = self.take_in(None, origin(), ask).await?;
        let id = receipt.picture.row.id;
        let token = receipt.subject_token.ok_or(Refusal::NotFound("request"))?;
        if !receipt.again {
            match self.mail_way_in(door, id).await {
                // Whoever fills somebody's inbox is not told that it is full: the page is the same as ever, and says
                // that there are only so many mails an hour.
                Ok(()) | Err(Refusal::TooManyAsked) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(Taken { id, token })
    }

    /// Sends a code that was asked for with a token. The cap on mails to an address holds whoever carried a request in.
    pub(crate) async fn send_counted_code(&self, id: RequestId) -> Result<Started, Refusal> {
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        // Counted there.
        if self.asks_for_mandate(&history) {
            return self.start_mandate(id).await;
        }
        self.count_mail(id).await?;
        self.send_code(id, None).await
    }

    /// Sends code and link once more, also to whoever comes back without their browser's key.
    ///
    /// # Errors
    /// Too often, or no such request at this portal.
    pub async fn mail_again(&self, door: &Door, id: RequestId) -> Result<(), Refusal> {
        self.count(of_client(self.settings().await?.floods), &door.client).await?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        if !is_ours(&history) {
            return Err(Refusal::NotFound("request"));
        }
        self.mail_way_in(door, id).await
    }

    async fn mail_way_in(&self, door: &Door, id: RequestId) -> Result<(), Refusal> {
        self.count_mail(id).await?;
        let back = WayBack { url: door.url.clone(), language: door.language.clone() };
        self.send_code(id, Some(&back)).await.map(|_| ())
    }

    /// Counts a mail to the address that a request names.
    pub(crate) async fn count_mail(&self, id: RequestId) -> Result<(), Refusal> {
        let key = self.key_to_prove(id).await?;
        let email = self.stated(&key, id, "email").await?;
        self.count(mails_to_address(self.settings().await?.floods), &email.value).await
    }
}

/// The subject, by our own portal: carried in by nobody, with nothing attested.
fn origin() -> Origin {
    Origin {
        asking: Asking { requester: Requester::Subject, persons: BTreeSet::new() },
        channel: CHANNEL.to_owned(),
        attested: BTreeSet::new(),
    }
}
