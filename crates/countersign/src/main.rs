//! The program: reads what is wanted, does it, and says by its exit code how it went.
//! It knows every crate of the house, and decides nothing.

mod cli;
mod command;
mod config;
mod demo;
mod exit;
mod installation;
mod output;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Chosen before anything speaks TLS; a second choice is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::tell(&error),
    }
}
