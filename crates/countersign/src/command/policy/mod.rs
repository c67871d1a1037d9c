//! `countersign policy`: settings in a folder, looked at without a server; and a what-if against one.

mod test;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use countersign_client::view::Verdict;
use countersign_client::{Body, Client, Method};
use countersign_service::settings::{Bundle, Settings, report};
use serde_json::json;

use super::apply;
use super::remote::Remote;
use super::request_text::verdict;
use crate::cli::Context;
use crate::exit::{Said, Usage};

/// Policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check a folder of settings, and say what works but cannot be explained
    Check(Folder),
    /// Print the Cedar schema that a folder of settings makes, for editors
    Schema(Folder),
    /// Ask a server what other policies would say of a stored request; changes nothing
    Try(Try),
    /// Hold policies against cases: given these facts, this is what policy says
    Test(test::Test),
}

/// A folder of settings.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The folder with settings.toml, policies/ and maps/
    directory: PathBuf,
}

/// A what-if.
#[derive(Debug, Args)]
pub(crate) struct Try {
    /// The request's id
    request: String,
    /// The folder with the policies to try: .cedar files
    directory: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

impl Policy {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Check(it) => it.check(context),
            Self::Schema(it) => {
                let settings = it.load(context)?;
                let schema = countersign_policy::cedar_schema(&settings.vocabulary);
                context.output.answer(&json!({ "schema": schema }), || schema.clone())
            }
            Self::Try(it) => it.run(context),
            Self::Test(it) => it.run(context),
        }
    }
}

impl Folder {
    pub(super) fn load(&self, context: &Context) -> anyhow::Result<Settings> {
        let bundle = Bundle { files: apply::read(&self.directory)? };
        match Settings::compile(1, &bundle) {
            Ok(settings) => Ok(settings),
            Err(mistakes) => {
                context.output.answer(&json!({ "ok": false, "mistakes": mistakes }), || report(&mistakes))?;
                Err(Said.into())
            }
        }
    }

    fn check(&self, context: &Context) -> anyhow::Result<()> {
        let settings = self.load(context)?;
        let answer = json!({ "ok": true, "hash": settings.hash, "warnings": settings.warnings });
        context.output.answer(&answer, || {
            let mut lines = vec![format!("sound; hash {}", settings.hash)];
            lines.extend(settings.warnings.iter().map(|warning| format!("  warning: {warning}")));
            lines.join("\n")
        })
    }
}

impl Try {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let shown = self.directory.display().to_string();
        let files = std::fs::read_dir(&self.directory).with_context(|| format!("{shown} cannot be read"))?;
        let mut policies = BTreeMap::new();
        for file in files {
            let path = file?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".cedar") {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                policies.insert(name, text);
            }
        }
        if policies.is_empty() {
            return Err(Usage(format!("{shown} has no .cedar file in it")).into());
        }
        let body = json!({ "request": self.request, "policies": policies });
        let said = self.remote.call(context, |client: Client| async move {
            let said: Verdict = client.call(Method::POST, "v1/policies/try", Body::Json(&body), None).await?;
            Ok(said)
        })?;
        context.output.answer(&said, || verdict(&said))
    }
}
