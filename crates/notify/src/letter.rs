//! A message as a mail: headers and body, ready to be carried. Knows neither servers nor folders.
//!
//! No header can be smuggled in: addresses are parsed, subjects are ours, and lettre encodes what is left.

use countersign_service::ports::notifier::{Message, NotifyError};
use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use uuid::Uuid;

use crate::render::render;

/// The configured sender is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sender of e-mail is not an address; write `name@example.com` or `Name <name@example.com>`")]
pub struct BadSender;

/// Who signs the mails.
#[derive(Clone)]
pub(crate) struct Sender(Mailbox);

impl Sender {
    /// Reads `name@example.com` or `Name <name@example.com>`.
    pub(crate) fn parse(from: &str) -> Result<Sender, BadSender> {
        from.parse().map(Sender).map_err(|_| BadSender)
    }

    /// Words the message and puts it into an envelope. Its own name, or else `id`, tells it from every other.
    pub(crate) fn letter(&self, message: &Message, id: Uuid) -> Result<Mail, NotifyError> {
        // The reader's address goes in without a name: there is no room for anything else.
        let to: Address = message
            .to
            .parse()
            .map_err(|_| NotifyError::GiveUp("the address is not an e-mail address".to_owned()))?;
        let text = render(&message.about, &message.language);
        let id = message.name.clone().unwrap_or_else(|| id.to_string());
        Mail::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(text.subject)
            .message_id(Some(format!("<{id}@{}>", self.0.email.domain())))
            // Lest an answering machine answer a machine.
            .raw_header(automatic())
            .header(ContentType::TEXT_PLAIN)
            .body(text.body)
            .map_err(|_| NotifyError::GiveUp("the message could not be written as a mail".to_owned()))
    }
}

fn automatic() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}
