//! `countersign store move`: an installation outgrows its file, and goes on in a PostgreSQL that many nodes share.

use std::path::Path;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use countersign_store::{Moved, PostgresOptions, PostgresStore, move_store};
use serde_json::json;

use super::serve::runtime;
use crate::cli::Context;
use crate::config::{self, Config};
use crate::exit::Usage;
use crate::output::progress;
use crate::wiring;

/// The store.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Copy the store in a file into an empty PostgreSQL database, prove that all of it is there, and put the file aside
    Move(Move),
}

/// Move into PostgreSQL.
#[derive(Debug, Args)]
pub(crate) struct Move {
    /// Where to: a configuration whose `[store]` says it as the nodes will have it, or an address without a password
    #[arg(long, value_name = "FILE|URL")]
    to: String,
}

impl Store {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Move(it) => it.run(context),
        }
    }
}

impl Move {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let config::Store::Embedded { path } = &config.store else {
            let why = "the store of this configuration is in a database already";
            return Err(Usage(why.to_owned()).into());
        };
        let moved = runtime()?.block_on(async {
            let target = self.target().await?;
            let bar = progress("moving");
            let moved = move_store(path, &target, &mut |done, total| {
                bar.set_length(total);
                bar.set_position(done);
            })
            .await;
            bar.finish_and_clear();
            target.close().await;
            anyhow::Ok(moved?)
        })?;
        let tables: serde_json::Map<_, _> =
            moved.tables.iter().map(|(name, rows)| ((*name).to_owned(), json!(rows))).collect();
        let answer = json!({
            "tables": tables, "ledger": { "size": moved.size, "root": hex::encode(moved.root) }, "kept": moved.kept,
        });
        context.output.answer(&answer, || text(&moved))
    }

    async fn target(&self) -> anyhow::Result<PostgresStore> {
        let options = if self.to.starts_with("postgres://") || self.to.starts_with("postgresql://") {
            if holds_password(&self.to) {
                let why = "the address has a password in it, and anybody on this machine can read arguments: name a \
                           configuration that has it in [store]";
                return Err(Usage(why.to_owned()).into());
            }
            PostgresOptions::new(&self.to)
        } else {
            let to = Config::load(Path::new(&self.to))?;
            let config::Store::Shared(shared) = &to.store else {
                let why = format!(
                    "[store] of {} names no database: give it `url_file`, `url_env` or `url`",
                    self.to
                );
                return Err(Usage(why).into());
            };
            wiring::store::options(&to, shared)?
        };
        PostgresStore::open(options).await.context("the target")
    }
}

fn holds_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest.split('/').next().unwrap_or_default().rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || url.contains("password=")
}

fn text(moved: &Moved) -> String {
    let rows: Vec<Vec<String>> =
        moved.tables.iter().map(|(name, rows)| vec![format!("  {name}"), rows.to_string()]).collect();
    format!(
        "Moved, and counted in the target:\n{}\nThe ledger's root, recomputed there from its {} entries, is what it was:\n  \
         {}\nThe file is put aside as {}; keep it until the target has a backup, and never serve from it again.",
        crate::output::columns(&rows),
        moved.size,
        hex::encode(moved.root),
        moved.kept.display()
    )
}

#[cfg(test)]
mod tests {
    use super::holds_password;

    #[test]
    fn a_password_in_an_address_is_seen_wherever_it_stands() {
        for url in [
            "postgres://cs:secret@db/cs",
            "postgres://cs@db/cs?password=secret",
            "postgres://cs:a@h1,h2:5/cs",
        ] {
            assert!(holds_password(url), "{url}");
        }
        for url in
            ["postgres://cs@db:5432/cs", "postgres:///cs?host=/run/postgresql", "postgres://a:5432,b:5433/cs"]
        {
            assert!(!holds_password(url), "{url}");
        }
    }
}
