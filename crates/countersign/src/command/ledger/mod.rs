//! `countersign ledger`: what an auditor takes away and checks without us.

mod export;
mod folder;
mod log;
mod prove;
mod verify;

use clap::Subcommand;

use crate::cli::Context;

/// The ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Write it as files, with every checkpoint ever issued
    Export(export::Export),
    /// Check an export, offline: recompute everything from its entries
    Verify(verify::Verify),
    /// Write what it holds of one request, each entry with its proof
    Prove(prove::Prove),
}

impl Ledger {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Export(it) => it.run(context),
            Self::Verify(it) => it.run(context),
            Self::Prove(it) => it.run(context),
        }
    }
}
