//! The command line: its words, and which file does what they say.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::command;
use crate::output::Output;

/// Holds sensitive requests until they are countersigned, runs them once, and proves who let them.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, max_term_width = 110, after_help = crate::exit::CODES)]
pub(crate) struct Arguments {
    /// This node's configuration; else ./countersign.toml
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    config: Option<PathBuf>,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a folder to try everything in: a sample shop, policies, people, tokens; and serve it
    Demo(command::demo::Demo),
    /// Begin an installation: keys, first people, first settings
    Init(command::init::Init),
    /// Serve the API, and carry out what is released
    Serve(command::serve::Serve),
    /// Enter settings: policies, groups, limits, data maps, schedules
    Apply(command::apply::Apply),
    /// Submit requests, follow them, settle them
    #[command(subcommand)]
    Request(command::request::Request),
    /// Show what waits for your vote
    Inbox(command::inbox::Inbox),
    /// Approve or deny a request
    Vote(command::vote::Vote),
    /// Break the glass in an emergency, and review what others broke
    #[command(subcommand)]
    Glass(command::glass::Glass),
    /// Keep a subject's data from erasure, or stop keeping it
    #[command(subcommand)]
    LegalHold(command::legal_hold::LegalHold),
    /// Show how full each action is, or resume one that paused after repeated failures
    #[command(subcommand)]
    Limit(command::limit::Limit),
    /// Show whether the clock is believed, or say that it is right
    #[command(subcommand)]
    Clock(command::clock::Clock),
    /// Mint, revoke and list tokens
    #[command(subcommand)]
    Token(command::token::Token),
    /// Make the link by which a person signs in for the first time
    Invite(command::invite::Invite),
    /// Check policies, print their schema, try others
    #[command(subcommand)]
    Policy(command::policy::Policy),
    /// Propose a data map, or check one against its source
    #[command(subcommand)]
    Source(command::source::Source),
    /// Move the store into PostgreSQL, for many nodes
    #[command(subcommand)]
    Store(command::store::Store),
    /// Look in a source that was restored from a backup for people who were erased since, and ask to erase them again
    RestoreCheck(command::restore_check::RestoreCheck),
    /// Export the ledger, verify an export, make proofs
    #[command(subcommand)]
    Ledger(command::ledger::Ledger),
    /// Change the key that everything sealed is wrapped under, and see which are there
    #[command(subcommand)]
    Keys(command::keys::Keys),
    /// Copy the embedded store, beside a running server too, and prove the copy
    Backup(command::backup::Backup),
    /// Put a copy back where the store belongs
    Restore(command::backup::restore::Restore),
    /// Look whether this node could serve: configuration, keys, store, sources
    Doctor(command::doctor::Doctor),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What every command is handed.
#[derive(Debug)]
pub(crate) struct Context {
    /// The configuration that was named, if one was.
    pub(crate) config: Option<PathBuf>,
    /// How to answer.
    pub(crate) output: Output,
}

/// Does what the arguments say.
///
/// # Errors
/// Whatever went wrong; `exit` tells it and finds the code.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let context = Context { config: arguments.config, output: Output { json: arguments.json } };
    match arguments.command {
        Command::Demo(it) => it.run(&context),
        Command::Init(it) => it.run(&context),
        Command::Serve(it) => it.run(&context),
        Command::Apply(it) => it.run(&context),
        Command::Request(it) => it.run(&context),
        Command::Inbox(it) => it.run(&context),
        Command::Vote(it) => it.run(&context),
        Command::Glass(it) => it.run(&context),
        Command::LegalHold(it) => it.run(&context),
        Command::Limit(it) => it.run(&context),
        Command::Clock(it) => it.run(&context),
        Command::Token(it) => it.run(&context),
        Command::Invite(it) => it.run(&context),
        Command::Policy(it) => it.run(&context),
        Command::Source(it) => it.run(&context),
        Command::Store(it) => it.run(&context),
        Command::RestoreCheck(it) => it.run(&context),
        Command::Keys(it) => it.run(&context),
        Command::Backup(it) => it.run(&context),
        Command::Restore(it) => it.run(&context),
        Command::Doctor(it) => it.run(&context),
        Command::Ledger(it) => it.run(&context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "countersign", &mut script);
            crate::output::print_line(String::from_utf8_lossy(&script).trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_command_line_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }
}
