//! The program: reads what is wanted, does it, and says by its exit code how it went.
//! It knows every crate of the house, and decides nothing.

mod cli;
mod command;
mod config;
mod demo;
mod exit;
mod installation;
mod output;
mod traces;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

/// What one thread took another gives back: requests are made where the call arrives, and dropped where they were written.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Chosen before anything speaks TLS; a second choice is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::tell(&error),
    }
}
