//! `countersign request`: submit, follow, prove, settle.

use std::fs::File;
use std::io::{BufWriter, IsTerminal};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use countersign_client::view::{Query, Submission};
use countersign_client::{Client, Settle};
use serde_json::json;

use super::remote::{Remote, Subject, pair};
use super::request_text::{rows, whole};
use crate::cli::Context;
use crate::output::progress;

/// What is done with requests.
#[derive(Debug, Subcommand)]
pub(crate) enum Request {
    /// Ask for something
    Submit(Submit),
    /// Show one
    Show(One),
    /// List them, newest first
    List(List),
    /// Start a proof, or give the code that proves it
    Verify(Verify),
    /// Take one back
    Withdraw(One),
    /// Say who of several matching subjects is meant
    Resolve(Resolve),
    /// Move the law's date
    Extend(Extend),
    /// Try a stuck one again
    Retry(One),
    /// Take a stuck one for done
    Accept(Settled),
    /// Give a stuck one up
    Abandon(Settled),
    /// Add a remark, for everybody who decides
    Comment(Comment),
    /// Fetch the package of an export
    Package(Package),
    /// Fetch the proofs for an auditor
    Evidence(One),
}

/// Ask for something.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// What: access, export, erase, purge, or one that the settings declare
    action: String,
    #[command(flatten)]
    subject: Subject,
    /// Who asks: subject, caller or agent
    #[arg(long, value_parser = ["subject", "caller", "agent"])]
    requester: Option<String>,
    /// The dataset, as SOURCE/NAME, for an action on one
    #[arg(long)]
    dataset: Option<String>,
    /// A parameter of the action
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// By what right an agent asks
    #[arg(long)]
    mandate: Option<String>,
    /// Under this key the same submission may be sent again without a second request
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// One request.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// Which to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// In this state
    #[arg(long)]
    status: Option<String>,
    /// Of this action
    #[arg(long)]
    action: Option<String>,
    /// Waiting for this
    #[arg(long)]
    waiting_for: Option<String>,
    /// About the subject of this identity, as in email:ana@example.test
    #[arg(long)]
    subject: Option<String>,
    /// After the page that gave this cursor
    #[arg(long)]
    cursor: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
    #[command(flatten)]
    remote: Remote,
}

/// A proof.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The request's id
    id: String,
    /// email, totp or statement; a passkey is for a browser
    method: String,
    /// The code; without it the proof is only started
    #[arg(long)]
    code: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// A word about a request, and why.
#[derive(Debug, Args)]
pub(crate) struct Settled {
    /// The request's id
    id: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Who is meant.
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The request's id
    id: String,
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    remote: Remote,
}

/// A later date.
#[derive(Debug, Args)]
pub(crate) struct Extend {
    /// The request's id
    id: String,
    /// The new date, as in 2027-01-31T00:00:00Z
    #[arg(long)]
    until: String,
    /// Why the law allows it; kept sealed
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// A remark.
#[derive(Debug, Args)]
pub(crate) struct Comment {
    /// The request's id
    id: String,
    /// The remark; kept sealed
    text: String,
    #[command(flatten)]
    remote: Remote,
}

/// Where a package goes.
#[derive(Debug, Args)]
pub(crate) struct Package {
    /// The request's id
    id: String,
    /// The file to write; it must not exist
    #[arg(long, short = 'o', value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

impl Request {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Submit(it) => it.run(context),
            Self::Show(it) => {
                let request =
                    it.remote.call(context, |client| async move { Ok(client.request(&it.id).await?) })?;
                context.output.answer(&request, || whole(&request))
            }
            Self::List(it) => it.run(context),
            Self::Verify(it) => it.run(context),
            Self::Withdraw(it) => it.settle(context, Settle::Withdraw),
            Self::Retry(it) => it.settle(context, Settle::Retry),
            Self::Accept(it) => it.run(context, Settle::Accept),
            Self::Abandon(it) => it.run(context, Settle::Abandon),
            Self::Resolve(it) => {
                let subject = it.subject.by_kind()?;
                let call = |client: Client| async move { Ok(client.resolve(&it.id, &subject).await?) };
                let request = it.remote.call(context, call)?;
                context.output.answer(&request, || whole(&request))
            }
            Self::Extend(it) => {
                let Extend { id, until, reason, remote } = it;
                let call =
                    |client: Client| async move { Ok(client.extend(&id, &until, reason.as_deref()).await?) };
                let request = remote.call(context, call)?;
                context.output.answer(&request, || whole(&request))
            }
            Self::Comment(it) => {
                let Comment { id, text, remote } = it;
                let call = |client: Client| async move { Ok(client.comment(&id, &text).await?) };
                let request = remote.call(context, call)?;
                context.output.answer(&request, || whole(&request))
            }
            Self::Package(it) => it.run(context),
            Self::Evidence(it) => {
                let proofs =
                    it.remote.call(context, |client| async move { Ok(client.evidence(&it.id).await?) })?;
                context.output.answer(&proofs, || format!("{proofs:#}"))
            }
        }
    }
}

impl Submit {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let submission = Submission {
            action: self.action,
            requester: self.requester,
            subject: self.subject.by_kind()?,
            dataset: self.dataset,
            parameters: self.parameters.into_iter().collect(),
            reason: self.reason,
            mandate: self.mandate,
        };
        let key = self.idempotency_key;
        let request = self
            .remote
            .call(context, |client| async move { Ok(client.submit(&submission, key.as_deref()).await?) })?;
        context.output.answer(&request, || whole(&request))
    }
}

impl List {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let query = Query {
            status: self.status,
            action: self.action,
            waiting_for: self.waiting_for,
            subject: self.subject,
            cursor: self.cursor,
            limit: self.limit,
            ..Query::default()
        };
        let page = self.remote.call(context, |client| async move { Ok(client.requests(&query).await?) })?;
        context.output.answer(&page, || match &page.cursor {
            Some(cursor) => format!("{}\nmore: --cursor {cursor}", rows(&page.items)),
            None => rows(&page.items),
        })
    }
}

impl Verify {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let (id, method) = (self.id, self.method);
        match self.code {
            Some(code) => {
                let call = |client: Client| async move { Ok(client.prove(&id, &method, &code).await?) };
                let request = self.remote.call(context, call)?;
                context.output.answer(&request, || whole(&request))
            }
            None => {
                let told = method.clone();
                let call = |client: Client| async move { Ok(client.start_verification(&id, &method).await?) };
                let answer = self.remote.call(context, call)?;
                context.output.answer(&answer, || format!("started {told}; give the code with --code"))
            }
        }
    }
}

impl One {
    fn settle(self, context: &Context, how: Settle) -> anyhow::Result<()> {
        Settled { id: self.id, reason: None, remote: self.remote }.run(context, how)
    }
}

impl Settled {
    fn run(self, context: &Context, how: Settle) -> anyhow::Result<()> {
        let call =
            |client: Client| async move { Ok(client.settle(&self.id, how, self.reason.as_deref()).await?) };
        let request = self.remote.call(context, call)?;
        context.output.answer(&request, || whole(&request))
    }
}

impl Package {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let shown = self.out.display().to_string();
        let file = File::create_new(&self.out).with_context(|| format!("{shown} cannot be made"))?;
        let bar = progress("package");
        let fetched = self.remote.call(context, |client| async move {
            let mut out = BufWriter::new(file);
            let seen = |so_far, all: Option<u64>| {
                bar.set_length(all.unwrap_or(so_far));
                bar.set_position(so_far);
            };
            let length = client.package(&self.id, &mut out, seen).await?;
            bar.finish_and_clear();
            Ok(length)
        });
        if fetched.is_err() {
            // Half a package is no package.
            let _ = std::fs::remove_file(&self.out);
        }
        let length = fetched?;
        context.output.answer(&json!({ "file": shown, "bytes": length }), || {
            format!(
                "{shown}: {length} bytes{}",
                if std::io::stdout().is_terminal() { "; open index.html in it" } else { "" }
            )
        })
    }
}
