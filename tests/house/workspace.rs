//! Where the workspace is and what Cargo says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The text of a file of the repository.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The folders of our crates, by their short name: `core` for `countersign-core`.
pub(crate) fn crates() -> BTreeMap<String, PathBuf> {
    let folders = std::fs::read_dir(root().join("crates")).unwrap();
    folders
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect()
}

/// The short name of a crate of ours; `None` for anybody else's.
pub(crate) fn ours(package: &str) -> Option<&str> {
    match package {
        "countersign" => Some(package),
        _ => package.strip_prefix("countersign-"),
    }
}

/// The graph as this machine builds it, by packages and by what each needs when it is not being tested.
pub(crate) struct Graph {
    names: BTreeMap<String, String>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Asks Cargo.
    pub(crate) fn read() -> Self {
        let said = cargo(&["--filter-platform", &host()]);
        let names = list(&said["packages"]).map(|it| (string(&it["id"]), string(&it["name"]))).collect();
        let needs = list(&said["resolve"]["nodes"]).map(|node| {
            let normal =
                list(&node["deps"]).filter(|dep| list(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null()));
            (string(&node["id"]), normal.map(|dep| string(&dep["pkg"])).collect())
        });
        Self { needs: needs.collect(), names }
    }

    /// Everything that a crate of ours is built of, by name, near and far.
    pub(crate) fn built_of(&self, package: &str) -> BTreeSet<&str> {
        let start = self.names.iter().find(|(_, name)| *name == package).map(|(id, _)| id);
        let mut ahead = vec![start.unwrap_or_else(|| panic!("there is no crate {package}"))];
        let mut seen = BTreeSet::new();
        while let Some(id) = ahead.pop() {
            if seen.insert(id) {
                ahead.extend(&self.needs[id]);
            }
        }
        seen.into_iter().map(|id| &*self.names[id]).collect()
    }
}

/// What each crate of ours names in its manifest as a normal dependency, among our own.
pub(crate) fn drawn_by_manifests() -> BTreeMap<String, BTreeSet<String>> {
    let said = cargo(&["--no-deps"]);
    list(&said["packages"])
        .map(|package| {
            let normal = list(&package["dependencies"]).filter(|it| it["kind"].is_null());
            let needs = normal.filter_map(|it| ours(it["name"].as_str()?).map(str::to_owned)).collect();
            (ours(package["name"].as_str().unwrap()).unwrap().to_owned(), needs)
        })
        .collect()
}

fn cargo(arguments: &[&str]) -> Value {
    let said = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(said.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

/// The triple of this machine: Cargo then asks for no crate that only others build.
fn host() -> String {
    let said = Command::new("rustc").arg("-vV").current_dir(root()).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
