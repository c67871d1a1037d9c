//! `countersign source`: asks a source for a first data map, or holds one against it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use countersign_service::ports::source::{Finding, Severity};
use countersign_service::settings::datamap::with_known;
use countersign_service::settings::{DataMap, report};
use serde_json::json;

use super::serve::runtime;
use crate::cli::Context;
use crate::config::{self, Config, Reach};
use crate::exit::{Said, Usage};
use crate::output::print_line;
use crate::wiring::sources;

/// Sources.
#[derive(Debug, Subcommand)]
pub(crate) enum Source {
    /// Look at a source and propose its data map, for a person to correct
    Discover(Discover),
    /// Hold a data map against its source: what is missing, new, slow, unreachable
    Check(Check),
    /// Print the least rights that a data map needs of the account by which its source is reached
    Grants(Grants),
    /// Write into a data map what tables and columns there are, once somebody has looked at them
    Known(Known),
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
    /// Fail on warnings too: paths without an index, triggers and cascades that act beyond the plan
    #[arg(long)]
    strict: bool,
}

/// Print the least rights.
#[derive(Debug, Args)]
pub(crate) struct Grants {
    /// The source's name in the configuration
    source: String,
    /// The data map
    map: PathBuf,
    /// The account to which they are granted, as the source writes it; else the one that the configuration names
    #[arg(long, value_name = "ACCOUNT")]
    to: Option<String>,
}

/// Write down what is known.
#[derive(Debug, Args)]
pub(crate) struct Known {
    /// The source's name in the configuration
    source: String,
    /// The data map; its section `[known]` is written anew, and nothing else of it
    map: PathBuf,
}

impl Source {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        match self {
            Self::Discover(it) => it.run(context, &config),
            Self::Check(it) => it.run(context, &config),
            Self::Grants(it) => it.run(context, &config),
            Self::Known(it) => it.run(context, &config),
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
            let source = sources::one(configured, None)?;
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
        let (_, map) = read(context, &self.map)?;
        let findings = runtime()?.block_on(async {
            let source = sources::one(configured, None)?;
            anyhow::Ok(source.check(&map).await?)
        })?;
        let least = if self.strict { Severity::Warning } else { Severity::Drift };
        let usable = !findings.iter().any(|finding| finding.severity == Severity::Error);
        let ok = !findings.iter().any(|finding| finding.severity >= least);
        let listed: Vec<_> =
            findings.iter().map(|it| json!({ "severity": word(it), "message": it.message })).collect();
        context.output.answer(&json!({ "ok": ok, "usable": usable, "findings": listed }), || {
            let mut lines: Vec<String> =
                findings.iter().map(|finding| format!("{}: {}", word(finding), finding.message)).collect();
            lines.push(match (usable, ok) {
                (false, _) => "the map CANNOT be used".to_owned(),
                (true, false) => "the map can be used, but look at this first".to_owned(),
                (true, true) => "the map can be used".to_owned(),
            });
            lines.join("\n")
        })?;
        if ok { Ok(()) } else { Err(Said.into()) }
    }
}

impl Grants {
    fn run(self, context: &Context, config: &Config) -> anyhow::Result<()> {
        let configured = named(config, &self.source)?;
        let (_, map) = read(context, &self.map)?;
        let rights = runtime()?.block_on(async {
            let source = sources::one(configured, None)?;
            anyhow::Ok(source.rights(&map, self.to.as_deref()).await?)
        })?;
        let told = json!({ "least": rights.least, "lacks": rights.lacks, "beyond": rights.beyond });
        context.output.answer(&told, || {
            let statements = matches!(configured.reach, Reach::Postgres { .. } | Reach::Mysql { .. });
            let end = if statements { ";" } else { "" };
            rights.least.iter().map(|it| format!("{it}{end}")).collect::<Vec<_>>().join("\n")
        })
    }
}

impl Known {
    fn run(self, context: &Context, config: &Config) -> anyhow::Result<()> {
        let configured = named(config, &self.source)?;
        let shown = self.map.display().to_string();
        let (text, map) = read(context, &self.map)?;
        let tables = runtime()?.block_on(async {
            let source = sources::one(configured, None)?;
            anyhow::Ok(source.tables().await?)
        })?;
        let new = match &map.known {
            Some(_) => map.drift(&tables),
            None => tables.keys().cloned().collect(),
        };
        let text = with_known(&text, &tables);
        // Somebody may write the section in a way that is not seen as one: then nothing is written over.
        let whole = DataMap::parse(&text)
            .is_ok_and(|it| it.version() == map.version() && it.known.as_ref() == Some(&tables));
        anyhow::ensure!(
            whole,
            "{shown}: the section [known] is not written as one; take it out and try again"
        );
        let beside = self.map.with_extension("toml.new");
        std::fs::write(&beside, text).with_context(|| format!("{} cannot be written", beside.display()))?;
        std::fs::rename(&beside, &self.map).with_context(|| format!("{shown} cannot be replaced"))?;
        context.output.answer(&json!({ "file": shown, "new": new }), || {
            let mut lines: Vec<String> = new.iter().map(|it| format!("new: {it}")).collect();
            lines.push(format!(
                "{shown}: {} tables are known now; `countersign apply` enters it",
                tables.len()
            ));
            lines.join("\n")
        })
    }
}

/// A map, as text and as what it says; its mistakes are told.
fn read(context: &Context, path: &Path) -> anyhow::Result<(String, DataMap)> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    match DataMap::read(&shown, &text) {
        Ok(map) => Ok((text, map)),
        Err(mistakes) => {
            context.output.answer(&json!({ "ok": false, "mistakes": mistakes }), || report(&mistakes))?;
            Err(Said.into())
        }
    }
}

fn word(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Drift => "drift",
        Severity::Error => "error",
    }
}
