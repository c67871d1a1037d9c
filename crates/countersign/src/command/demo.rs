//! `countersign demo`: everything to try it with, in one folder, and a server over it.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Context;
use crate::demo;

/// Make a folder to try everything in, and serve it.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Play the whole tale in a fresh folder, check every claim, and end
    #[arg(long)]
    story: bool,
    /// The folder, else countersign-demo: made if it is not there, carried on with if it is. A story needs a fresh one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only print the one-time password that this person's device would show now
    #[arg(long, value_name = "NAME", conflicts_with = "story")]
    totp: Option<String>,
}

impl Demo {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        if self.story {
            return demo::story::play(self.dir.as_deref());
        }
        let dir = self.dir.unwrap_or_else(|| PathBuf::from("countersign-demo"));
        match self.totp {
            Some(name) => demo::totp::show(&dir, &name, context.output),
            None => demo::serve::run(&dir, context.output),
        }
    }
}
