//! What is built into the program, near and far.

use crate::workspace::{self, Graph};

/// Whatever needs a C++ compiler, CMake, clang or a system library to build, or brings a second cryptography.
/// `deny.toml` bans the same for whoever has cargo-deny.
const BANNED: [&str; 9] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "openssl",
    "openssl-sys",
    "native-tls",
    "bindgen",
    "cmake",
    "zstd-sys",
    "libpq-sys",
];
/// What only makes sense where something waits.
const ASYNC: [&str; 7] = ["tokio", "async-std", "smol", "async-trait", "futures-executor", "hyper", "mio"];

#[test]
fn nothing_banned_is_locked_for_any_platform() {
    let locked = locked();
    let found: Vec<_> = BANNED.iter().filter(|name| locked.iter().any(|it| it == *name)).collect();
    assert!(found.is_empty(), "Cargo.lock holds {found:?}; `cargo tree -i NAME` says who brings it");
}

#[test]
fn cargo_deny_bans_the_same() {
    let said: toml::Table = workspace::text("deny.toml").parse().unwrap();
    let denied: Vec<_> =
        said["bans"]["deny"].as_array().unwrap().iter().filter_map(|it| it["crate"].as_str()).collect();
    assert_eq!(denied, BANNED);
}

#[test]
fn sqlite_is_built_in_once() {
    let locked = locked();
    assert_eq!(locked.iter().filter(|name| *name == "libsqlite3-sys").count(), 1);
}

#[test]
fn ground_floor_and_mezzanine_wait_for_nothing() {
    let graph = Graph::read();
    for name in ["countersign-core", "countersign-ledger", "countersign-policy"] {
        let built_of = graph.built_of(name);
        let found: Vec<_> = ASYNC.into_iter().filter(|it| built_of.contains(it)).collect();
        assert!(found.is_empty(), "`{name}` is built of {found:?}");
    }
}

#[test]
fn ground_floor_is_built_of_little() {
    let graph = Graph::read();
    for name in ["countersign-core", "countersign-ledger"] {
        let built_of = graph.built_of(name);
        for io in ["rusqlite", "tokio-postgres", "reqwest", "tracing", "cedar-policy"] {
            assert!(!built_of.contains(io), "`{name}` is built of `{io}`: no I/O there");
        }
    }
}

#[test]
fn every_crate_inherits_the_lints_of_the_workspace() {
    for (name, folder) in workspace::crates() {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(inherits, Some(true), "crates/{name}/Cargo.toml needs `[lints] workspace = true`");
    }
}

/// Every package of Cargo.lock, by name, once for each version.
fn locked() -> Vec<String> {
    let lock: toml::Table = workspace::text("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    packages.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}
