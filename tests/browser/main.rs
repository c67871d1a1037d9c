//! Stories in a real browser on the real binary. Pictures of every page stay in `target/pictures/`.
#![allow(clippy::unwrap_used)]

mod console;
mod demo;
mod halts;
mod passkey;
mod pictures;
mod portal;
mod sign;
