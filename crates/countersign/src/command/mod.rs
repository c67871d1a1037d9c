//! One file per command. Those that speak to a server do it through `client`, as anybody's program would.

pub(crate) mod apply;
pub(crate) mod backup;
pub(crate) mod clock;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod glass;
pub(crate) mod inbox;
pub(crate) mod init;
pub(crate) mod invite;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod legal_hold;
pub(crate) mod limit;
pub(crate) mod policy;
pub(crate) mod remote;
pub(crate) mod request;
mod request_text;
pub(crate) mod restore_check;
pub(crate) mod serve;
pub(crate) mod source;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod vote;
