//! The API's calls by name, one method each. It knows paths and views, not how they travel.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use crate::Error;
use crate::http::{Body, Client, Method, part};
use crate::view::{
    Applied, Ballot, HoldAnswer, Invitation, Limit, MintToken, MintedToken, Page, PersonInfo, Query, Request,
    SettingsFiles, Submission, TokenInfo,
};

const NOTHING: Body<'static, ()> = Body::Empty;

/// What somebody settles about a request, with nothing to say but the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// The requester does not want it any more.
    Withdraw,
    /// A stuck one is tried again.
    Retry,
    /// A stuck one is taken for done.
    Accept,
    /// A stuck one is given up.
    Abandon,
}

impl Settle {
    /// The last part of its path.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Withdraw => "withdraw",
            Self::Retry => "retry",
            Self::Accept => "accept",
            Self::Abandon => "abandon",
        }
    }
}

/// Requests. Each fails with [`Error`].
impl Client {
    /// Submits a request. The same `key` again gives the same request, not a second.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn submit(&self, submission: &Submission, key: Option<&str>) -> Result<Request, Error> {
        self.call(Method::POST, "v1/requests", Body::Json(submission), key).await
    }

    /// A request as it stands.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn request(&self, id: &str) -> Result<Request, Error> {
        self.call(Method::GET, &format!("v1/requests/{}", part(id)), NOTHING, None).await
    }

    /// A page of requests, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn requests(&self, query: &Query) -> Result<Page<Request>, Error> {
        let limit = query.limit.map(|limit| limit.to_string());
        let asked = [
            ("status", &query.status),
            ("action", &query.action),
            ("waiting_for", &query.waiting_for),
            ("glass", &query.glass),
            ("subject", &query.subject),
            ("cursor", &query.cursor),
            ("limit", &limit),
        ];
        let pairs: Vec<String> = asked
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", part(value.as_deref()?))))
            .collect();
        self.call(Method::GET, &format!("v1/requests?{}", pairs.join("&")), NOTHING, None).await
    }

    /// Starts a proof: sends the code, where there is one to send.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start_verification(&self, id: &str, method: &str) -> Result<Value, Error> {
        let path = format!("v1/requests/{}/verifications", part(id));
        self.call(Method::POST, &path, Body::Json(&json!({ "method": method })), None).await
    }

    /// Proves by a code.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prove(&self, id: &str, method: &str, code: &str) -> Result<Request, Error> {
        let path = format!("v1/requests/{}/verifications/{}", part(id), part(method));
        self.call(Method::PUT, &path, Body::Json(&json!({ "code": code })), None).await
    }

    /// Casts a vote.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn vote(&self, id: &str, ballot: &Ballot) -> Result<Request, Error> {
        self.call(Method::POST, &format!("v1/requests/{}/votes", part(id)), Body::Json(ballot), None).await
    }

    /// Withdraws, retries, accepts or abandons. A reason is taken with the last two alone.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn settle(&self, id: &str, how: Settle, reason: Option<&str>) -> Result<Request, Error> {
        let path = format!("v1/requests/{}/{}", part(id), how.word());
        match reason {
            Some(reason) => {
                self.call(Method::POST, &path, Body::Json(&json!({ "reason": reason })), None).await
            }
            None => self.call(Method::POST, &path, Body::Json(&json!({})), None).await,
        }
    }

    /// Breaks the glass of a waiting request.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn break_glass(&self, id: &str, reason: &str) -> Result<Request, Error> {
        let path = format!("v1/requests/{}/break-glass", part(id));
        self.call(Method::POST, &path, Body::Json(&json!({ "reason": reason })), None).await
    }

    /// Reviews a glass that somebody else broke.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn review_glass(
        &self,
        id: &str,
        seat: &str,
        justified: bool,
        text: Option<&str>,
    ) -> Result<Request, Error> {
        let mut review = json!({ "seat": seat, "justified": justified });
        if let Some(text) = text {
            review["text"] = text.into();
        }
        let path = format!("v1/requests/{}/review", part(id));
        self.call(Method::POST, &path, Body::Json(&review), None).await
    }

    /// Says who of several matching people is meant, by identities that tell them apart.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn resolve(&self, id: &str, subject: &BTreeMap<String, String>) -> Result<Request, Error> {
        let path = format!("v1/requests/{}/resolve", part(id));
        self.call(Method::POST, &path, Body::Json(&json!({ "subject": subject })), None).await
    }

    /// Moves the law's date.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn extend(&self, id: &str, due_at: &str, reason: Option<&str>) -> Result<Request, Error> {
        let path = format!("v1/requests/{}/extend", part(id));
        self.call(Method::POST, &path, Body::Json(&json!({ "due_at": due_at, "reason": reason })), None).await
    }

    /// Adds a remark, which is kept sealed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn comment(&self, id: &str, text: &str) -> Result<Request, Error> {
        let path = format!("v1/requests/{}/comments", part(id));
        self.call(Method::POST, &path, Body::Json(&json!({ "text": text })), None).await
    }

    /// Proofs for an auditor.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn evidence(&self, id: &str) -> Result<Value, Error> {
        self.call(Method::GET, &format!("v1/requests/{}/evidence", part(id)), NOTHING, None).await
    }

    /// Fetches the package of an export into `out`; answers with its length in bytes.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn package(
        &self,
        id: &str,
        out: &mut (impl Write + Send),
        seen: impl FnMut(u64, Option<u64>) + Send,
    ) -> Result<u64, Error> {
        self.download(&format!("v1/requests/{}/package", part(id)), out, seen).await
    }
}

/// Legal holds, settings, tokens, limits. Each fails with [`Error`].
impl Client {
    /// Places a legal hold on a subject, by identities of any kind. The name is of a case, never of a person.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn place_hold(
        &self,
        name: &str,
        subject: &BTreeMap<String, String>,
    ) -> Result<HoldAnswer, Error> {
        let path = format!("v1/legal-holds/{}", part(name));
        self.call(Method::PUT, &path, Body::Json(&json!({ "subject": subject })), None).await
    }

    /// Lifts a legal hold.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lift_hold(&self, id: &str) -> Result<Value, Error> {
        self.call(Method::DELETE, &format!("v1/legal-holds/{}", part(id)), NOTHING, None).await
    }

    /// The active settings.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn settings(&self) -> Result<Value, Error> {
        self.call(Method::GET, "v1/settings", NOTHING, None).await
    }

    /// Enters settings, or only says what would change.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn apply(&self, files: &SettingsFiles) -> Result<Applied, Error> {
        self.call(Method::POST, "v1/settings", Body::Json(files), None).await
    }

    /// How full each action is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn limits(&self) -> Result<Vec<Limit>, Error> {
        self.call(Method::GET, "v1/limits", NOTHING, None).await
    }

    /// Lets a paused action go on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn resume(&self, action: &str) -> Result<Limit, Error> {
        self.call(Method::POST, &format!("v1/limits/{}/resume", part(action)), NOTHING, None).await
    }

    /// Whether the clock is believed.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn clock(&self) -> Result<Value, Error> {
        self.call(Method::GET, "v1/clock", NOTHING, None).await
    }

    /// Says that the clock is right.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn confirm_clock(&self) -> Result<Value, Error> {
        self.call(Method::POST, "v1/clock/confirm", NOTHING, None).await
    }

    /// A page of people.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn people(&self, cursor: Option<&str>) -> Result<Page<PersonInfo>, Error> {
        let cursor = cursor.map(|cursor| format!("?cursor={}", part(cursor))).unwrap_or_default();
        self.call(Method::GET, &format!("v1/people{cursor}"), NOTHING, None).await
    }

    /// Invites a person, by id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn invite(&self, id: &str) -> Result<Invitation, Error> {
        let path = format!("v1/people/{}/invitation", part(id));
        self.call(Method::POST, &path, Body::Json(&json!({})), None).await
    }

    /// Mints a token.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn mint_token(&self, token: &MintToken) -> Result<MintedToken, Error> {
        self.call(Method::POST, "v1/tokens", Body::Json(token), None).await
    }

    /// A page of tokens, without their secrets.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn tokens(&self) -> Result<Page<TokenInfo>, Error> {
        self.call(Method::GET, "v1/tokens", NOTHING, None).await
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke_token(&self, id: &str) -> Result<Value, Error> {
        self.call(Method::DELETE, &format!("v1/tokens/{}", part(id)), NOTHING, None).await
    }
}
