//! How the files in Git look.

use std::process::Command;

use crate::workspace;

/// The most lines of a source file.
const MOST: usize = 400;
/// What documents name files in.
const FOLDERS: [&str; 7] = ["crates/", "tests/", "docs/", "benches/", "policies/", "examples/", ".ci/"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "manager", "misc", "shared"];

#[test]
fn no_source_file_is_longer_than_400_lines() {
    let mut long = Vec::new();
    for path in sources() {
        let lines = workspace::text(&path).lines().count();
        if lines > MOST {
            long.push(format!("{path}: {lines}"));
        }
    }
    assert!(long.is_empty(), "cut these by subject: {long:#?}");
}

#[test]
fn every_source_file_says_what_it_is() {
    // A file of tests is told by the one that it stands beside.
    let mut silent: Vec<_> = sources().into_iter().filter(|path| !path.ends_with("/tests.rs")).collect();
    silent.retain(|path| path.ends_with(".rs") && !workspace::text(path).starts_with("//!"));
    assert!(silent.is_empty(), "these do not begin with `//!`: {silent:#?}");
}

#[test]
fn files_are_named_for_what_is_inside() {
    let named =
        |path: &&String| path.split('/').any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs")));
    let sources = sources();
    let empty: Vec<_> = sources.iter().filter(named).collect();
    assert!(empty.is_empty(), "these names say nothing: {empty:#?}");
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    // Put together here, so that this file does not name them.
    let folders = ["work", "farm", "root"].map(|name| format!("/{name}/"));
    let mut naming = Vec::new();
    for path in tracked() {
        let Ok(text) = std::fs::read_to_string(workspace::root().join(&path)) else { continue };
        for (n, line) in text.lines().enumerate() {
            if folders.iter().any(|folder| names(line, folder)) {
                naming.push(format!("{path}:{}", n + 1));
            }
        }
    }
    assert!(naming.is_empty(), "paths of one machine: {naming:#?}");
}

#[test]
fn documents_name_files_that_are_there() {
    let mut gone = Vec::new();
    for document in tracked().into_iter().filter(|path| path.ends_with(".md")) {
        let text = workspace::text(&document);
        let beside = workspace::root().join(&document);
        let beside = beside.parent().unwrap();
        let linked = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let linked = linked.filter(|it| !it.is_empty() && !it.contains("://"));
        gone.extend(linked.filter(|it| !beside.join(it).exists()).map(|it| format!("{document}: {it}")));
        let named =
            quoted(&text).into_iter().filter(|it| FOLDERS.iter().any(|folder| it.starts_with(folder)));
        let missing = named.filter(|it| !workspace::root().join(it).exists());
        gone.extend(missing.map(|it| format!("{document}: {it}")));
    }
    assert!(gone.is_empty(), "these are not there: {gone:#?}");
}

/// What stands between backquotes, outside blocks of code, and is one plain path.
fn quoted(text: &str) -> Vec<&str> {
    let mut in_block = false;
    let lines = text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    });
    let quoted = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
    // A name in capitals stands for any name.
    quoted
        .filter(|it| !it.contains(['*', '{', ' ', '…']) && !it.contains("NAME") && !it.contains("NNN"))
        .collect()
}

/// Whether a path in `line` begins with `folder`; `tests/root/` is no such path.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || matches!(it, '_' | '.' | '-' | '}' | '*' | '>'))
    })
}

fn sources() -> Vec<String> {
    tracked().into_iter().filter(|path| path.ends_with(".rs") || path.ends_with(".sql")).collect()
}

/// What Git knows and what is still there.
fn tracked() -> Vec<String> {
    let said = Command::new("git").args(["ls-files", "-z"]).current_dir(workspace::root()).output().unwrap();
    assert!(said.status.success(), "git ls-files: {}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).unwrap();
    let there = |path: &&str| workspace::root().join(path).is_file();
    said.split_terminator('\0').filter(there).map(str::to_owned).collect()
}
