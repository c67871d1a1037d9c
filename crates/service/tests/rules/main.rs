//! The rules of the service, each a sentence, held against the embedded store, sources in memory and a clock in the
//! hand. It knows nothing of doors and real sources.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod abandoned;
mod age;
mod call;
mod clock;
mod code;
mod conflict;
mod drift;
mod fixture;
mod flood;
mod forget;
mod glass;
mod govern;
mod inbox;
mod keep;
mod last_time;
mod life;
mod mandate;
mod measure;
mod package;
mod parts;
mod passkey;
mod pause;
mod portal;
mod record;
mod run;
mod sample;
mod second;
mod secret;
mod sign;
mod speak;
mod statement;
mod tell;
