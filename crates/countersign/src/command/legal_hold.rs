//! `countersign legal-hold`: keeps a subject's data from erasure.

use clap::{Args, Subcommand};
use countersign_client::Client;

use super::remote::{Remote, Subject};
use crate::cli::Context;

/// Legal holds.
#[derive(Debug, Subcommand)]
pub(crate) enum LegalHold {
    /// Keep a subject's data
    Put(Put),
    /// Stop keeping it
    Lift(Lift),
}

/// Keep a subject's data.
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// The hold's name, which a denial gives as its reason: of a case, never of a person
    name: String,
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    remote: Remote,
}

/// Stop keeping it.
#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// The hold's name
    name: String,
    #[command(flatten)]
    remote: Remote,
}

impl LegalHold {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Put(it) => {
                let subject = it.subject.by_kind()?;
                let call = |client: Client| async move { Ok(client.place_hold(&it.name, &subject).await?) };
                let answer = it.remote.call(context, call)?;
                context.output.answer(&answer, || match answer.running.as_slice() {
                    [] => format!("{} is in force", answer.id),
                    running => {
                        format!("{} is in force; running on this subject: {}", answer.id, running.join(", "))
                    }
                })
            }
            Self::Lift(it) => {
                let told = it.name.clone();
                let call = |client: Client| async move { Ok(client.lift_hold(&it.name).await?) };
                let answer = it.remote.call(context, call)?;
                context.output.answer(&answer, || format!("{told} is lifted"))
            }
        }
    }
}
