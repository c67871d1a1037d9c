//! What holds the house up: the arrows between the crates, what may be built into it, and how its files look.
//! It knows Cargo's words about the workspace and the files in Git, and nothing of what the crates do.
#![allow(clippy::unwrap_used)]

#[path = "house/arrows.rs"]
mod arrows;
#[path = "house/files.rs"]
mod files;
#[path = "house/graph.rs"]
mod graph;
#[path = "house/security.rs"]
mod security;
#[path = "house/workspace.rs"]
mod workspace;
