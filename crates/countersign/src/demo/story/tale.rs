//! What every scene needs: the server, the shop, the inbox, who speaks, and the acts that recur in all of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use countersign_client::view::{Ballot, Choice, Limit, Request, Submission};
use countersign_client::{Client, Error};
use countersign_shop::cast::{Member, account_of};

use super::inbox::Inbox;
use super::narrator::Narrator;
use super::server::Server;
use super::shop::Shop;

/// How long anything may take that should happen by itself.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(40);
/// The group of the privacy officers.
pub(super) const PRIVACY: &str = "privacy";

/// Everything that scenes share.
pub(super) struct Tale {
    pub(super) narrator: Narrator,
    pub(super) server: Server,
    pub(super) shop: Shop,
    pub(super) inbox: Inbox,
    pub(super) folder: PathBuf,
    pub(super) tokens: BTreeMap<String, String>,
}

/// A subject's own request, with the one client that may touch it.
pub(super) struct Own {
    pub(super) id: String,
    pub(super) client: Client,
}

impl Tale {
    /// A client in somebody's name: `olga-officer`, `desk`, …
    pub(super) fn client(&self, name: &str) -> anyhow::Result<Client> {
        let token = self.tokens.get(name).with_context(|| format!("the demo has no token for {name}"))?;
        Ok(self.server.client()?.with_token(token)?)
    }

    /// A customer asks, through the shop's own pages.
    pub(super) async fn subject_asks(
        &self,
        action: &str,
        identities: &[(&str, &str)],
    ) -> anyhow::Result<(Own, Request)> {
        let submission = Submission { requester: Some("subject".to_owned()), ..about(action, identities) };
        let request = self.client("portal")?.submit(&submission, None).await?;
        let token = request.request_token.as_ref().context("a subject's submission brought no token")?;
        let client = self.server.client()?.with_token(token.show())?;
        Ok((Own { id: request.id.clone(), client }, request))
    }

    /// The support desk asks, and attests whom it speaks for; answers once the sources were looked at.
    pub(super) async fn desk_asks(&self, action: &str, customer: i64) -> anyhow::Result<Request> {
        let account = account_of(customer);
        let request = self.client("desk")?.submit(&about(action, &[("account", &account)]), None).await?;
        self.wait(&request.id, "the sources were looked at", |request| {
            request.digest.is_some() || request.result.is_some()
        })
        .await
    }

    /// The customer proves by the code in their mail that the address is theirs.
    pub(super) async fn prove_email(&self, own: &Own, address: &str) -> anyhow::Result<Request> {
        own.client.start_verification(&own.id, "email").await?;
        let code = self.inbox.code(&own.id, address).await?;
        Ok(own.client.prove(&own.id, "email", &code).await?)
    }

    /// The customer proves by what their device shows.
    pub(super) async fn prove_device(&self, own: &Own, member: &Member) -> anyhow::Result<Request> {
        let code = crate::demo::totp::now(&self.folder, member.name)?;
        own.client.start_verification(&own.id, "totp").await?;
        Ok(own.client.prove(&own.id, "totp", &code).await?)
    }

    /// Seconds between two moments of the API.
    pub(super) fn seconds_between(&self, earlier: &str, later: &str) -> anyhow::Result<f64> {
        let sql = "SELECT unixepoch(?2, 'subsec') - unixepoch(?1, 'subsec')";
        Ok(self.shop.look()?.query_row(sql, [earlier, later], |row| row.get(0))?)
    }

    /// An officer looks at what would be done, and signs that.
    pub(super) async fn approve(&self, officer: &str, seat: &str, id: &str) -> anyhow::Result<Request> {
        let client = self.client(officer)?;
        let digest = client.request(id).await?.digest.context("there is nothing to sign yet")?;
        Ok(client.vote(id, &ballot(seat, digest)).await?)
    }

    /// A request as an officer sees it.
    pub(super) async fn see(&self, id: &str) -> anyhow::Result<Request> {
        Ok(self.client("olga-officer")?.request(id).await?)
    }

    /// Waits until something is true of a request.
    pub(super) async fn wait(
        &self,
        id: &str,
        what: &str,
        is_true: impl Fn(&Request) -> bool,
    ) -> anyhow::Result<Request> {
        let client = self.client("olga-officer")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = client.request(id).await?;
            if is_true(&request) {
                return Ok(request);
            }
            if Instant::now() > deadline {
                let happened: Vec<&str> = request.events.iter().map(|event| &*event.event).collect();
                let missing = missing(&request);
                bail!(
                    "{what}: did not come true within {} s; request {id} is {} ({}), missing: {missing:?}",
                    PATIENCE.as_secs(),
                    request.status,
                    happened.join(", ")
                );
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until a request has ended, or is stuck.
    pub(super) async fn wait_for_end(&self, id: &str) -> anyhow::Result<Request> {
        self.wait(id, "it ended", |request| request.result.is_some() || request.stuck.is_some()).await
    }

    /// How full an action is.
    pub(super) async fn limit(&self, action: &str) -> anyhow::Result<Limit> {
        let limits = self.client("opal-operator")?.limits().await?;
        limits.into_iter().find(|limit| limit.action == action).context("the action has no gauge")
    }
}

/// A submission about a subject.
pub(super) fn about(action: &str, identities: &[(&str, &str)]) -> Submission {
    Submission {
        action: action.to_owned(),
        subject: identities.iter().map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned())).collect(),
        ..Submission::default()
    }
}

/// An approval of what has this digest.
pub(super) fn ballot(seat: &str, digest: String) -> Ballot {
    Ballot { vote: Choice::Approve, seat: seat.to_owned(), digest: Some(digest), ceiling: None, reason: None }
}

/// The kinds of what is missing, over all ways, each once.
pub(super) fn missing(request: &Request) -> Vec<String> {
    let paths = request.verdict.iter().flat_map(|verdict| &verdict.paths);
    let mut kinds: Vec<String> = paths.flat_map(|path| &path.missing).map(|it| it.kind.clone()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// One number of what is missing, such as `have` of `vote`.
pub(super) fn number(request: &Request, kind: &str, name: &str) -> Option<i64> {
    let paths = request.verdict.iter().flat_map(|verdict| &verdict.paths);
    paths.flat_map(|path| &path.missing).find(|it| it.kind == kind)?.of.get(name)?.as_i64()
}

/// How often something happened to a request.
pub(super) fn times(request: &Request, event: &str) -> usize {
    request.events.iter().filter(|happened| happened.event == event).count()
}

/// When something happened to a request for the first time; empty if it never did.
pub(super) fn at<'a>(request: &'a Request, event: &str) -> &'a str {
    request.events.iter().find(|happened| happened.event == event).map_or("", |happened| &happened.at)
}

/// Whether an answer is a refusal of this status and reason; what it was, if not.
pub(super) fn refusal<T>(answer: &Result<T, Error>) -> String {
    match answer {
        Ok(_) => "accepted".to_owned(),
        Err(error) => match error.problem() {
            Some(problem) => format!("{} {}", problem.status, problem.reason()),
            None => error.to_string(),
        },
    }
}

/// The words of a refusal, to be told.
pub(super) fn words<T>(answer: &Result<T, Error>) -> String {
    match answer {
        Ok(_) => "it was accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}
