//! `countersign source`: asks a source for a first data map, or holds one against it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use countersign_service::ports::source::{Finding, Severity};
use countersign_service::settings::{DataMap, report};
use serde_json::json;

use super::serve::runtime;
use crate::cli::Context;
use crate::config::{self, Config};
use crate::exit::{Said, Usage};
use crate::output::print_line;
use crate::wiring::sources;

/// Sources.
#[derive(Debug, Subcommand)]
pub(crate) enum Source {
    /// Look at a source and propose its data map, for a person to correct
    Discover(Discover),
    /// Hold a data map against its source: what is missing, drifted, slow, unreachable
    Check(Check),
}

/// Propose a data map.
#[derive(Debug, Args)]
pub(crate) struct Discover {
    /// The source's name in the configuration
    source: String,
    /// The table of the subjects; else the likeliest is taken
    #[arg(long, value_name = "TABLE")]
    root: Option<String>,
    /// Write it here instead of to standard output; the file must not exist
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Hold a map against its source.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The source's name in the configuration
    source: String,
    /// The data map
    map: PathBuf,
}

impl Source {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        match self {
            Self::Discover(it) => it.run(context, &config),
            Self::Check(it) => it.run(context, &config),
        }
    }
}

fn named<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a config::Source> {
    config.sources.iter().find(|source| source.name == name).ok_or_else(|| {
        let known: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
        let advice = config::mistake::suggestion(name, &known);
        Usage(format!("the configuration has no source `{name}`; {advice}")).into()
    })
}

impl Discover {
    fn run(self, context: &Context, config: &Config) -> anyhow::Result<()> {
        let configured = named(config, &self.source)?;
        let map = runtime()?.block_on(async {
            let source = sources::one(configured)?;
            anyhow::Ok(source.discover(self.root.as_deref()).await?)
        })?;
        let Some(out) = self.out else {
            return if context.output.json {
                context.output.answer(&json!({ "map": map }), String::new)
            } else {
                print_line(map.trim_end())
            };
        };
        let shown = out.display().to_string();
        let mut file = std::fs::File::create_new(&out).with_context(|| format!("{shown} cannot be made"))?;
        std::io::Write::write_all(&mut file, map.as_bytes())
            .with_context(|| format!("{shown} cannot be written"))?;
        context.output.answer(&json!({ "file": shown }), || {
            format!(
                "{shown}: a first map. Correct what it doubts, then: countersign source check {} {shown}",
                self.source
            )
        })
    }
}

impl Check {
    fn run(self, context: &Context, config: &Config) -> anyhow::Result<()> {
        let configured = named(config, &self.source)?;
        let shown = self.map.display().to_string();
        let text = std::fs::read_to_string(&self.map).with_context(|| format!("{shown} cannot be read"))?;
        let map = match DataMap::read(&shown, &text) {
            Ok(map) => map,
            Err(mistakes) => {
                context.output.answer(&json!({ "ok": false, "mistakes": mistakes }), || report(&mistakes))?;
                return Err(Said.into());
            }
        };
        let findings = runtime()?.block_on(async {
            let source = sources::one(configured)?;
            anyhow::Ok(source.check(&map).await?)
        })?;
        let ok = !findings.iter().any(|finding| finding.severity == Severity::Error);
        let listed: Vec<_> =
            findings.iter().map(|it| json!({ "severity": word(it), "message": it.message })).collect();
        context.output.answer(&json!({ "ok": ok, "findings": listed }), || {
            let mut lines: Vec<String> =
                findings.iter().map(|finding| format!("{}: {}", word(finding), finding.message)).collect();
            lines.push(if ok {
                "the map can be used".to_owned()
            } else {
                "the map CANNOT be used".to_owned()
            });
            lines.join("\n")
        })?;
        if ok { Ok(()) } else { Err(Said.into()) }
    }
}

fn word(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
