//! The store's SQL for PostgreSQL asks only for what compatible engines have too. What is refused, and why, is in
//! `docs/decisions/015-only-portable-sql.md`; the table there and the list here are compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is refused, and the one file that may say it.
const REFUSED: [(&str, Option<&str>); 43] = [
    ("pg_advisory", None),
    ("pg_try_advisory", None),
    ("lock table", None),
    ("listen ", Some("hint.rs")),
    ("notify ", None),
    ("pg_notify", Some("hint.rs")),
    ("trigger", None),
    ("create rule", None),
    ("create function", None),
    ("create procedure", None),
    ("plpgsql", None),
    ("do $$", None),
    ("over (", None),
    ("over(", None),
    ("create temp", None),
    ("temporary", None),
    ("unlogged", None),
    ("exclude using", None),
    ("deferrable", None),
    ("inherits", None),
    ("partition", None),
    ("serial ", None),
    ("bigserial ", None),
    ("currval", None),
    ("lastval", None),
    ("setval", None),
    ("nextval", None),
    ("restart with", Some("take.rs")),
    ("ctid", None),
    ("xmin", None),
    ("txid_", None),
    ("pg_current_", None),
    ("pg_snapshot", None),
    ("regclass", None),
    ("pg_class", None),
    ("pg_stat", None),
    ("create extension", None),
    ("merge into", None),
    ("declare ", None),
    ("copy ", None),
    ("int8range", None),
    ("tstzrange", None),
    ("nowait", None),
];

#[test]
fn nothing_is_asked_for_that_compatible_engines_lack() {
    let mut found = Vec::new();
    for (file, text) in statements() {
        for (what, only_in) in REFUSED {
            if holds(&text, what) && only_in.is_none_or(|name| file != name) {
                found.push(format!("{file}: `{what}` in: {}", text.trim()));
            }
        }
    }
    assert!(found.is_empty(), "see docs/decisions/015-only-portable-sql.md:\n{}", found.join("\n"));
}

#[test]
fn what_one_file_alone_may_say_is_said_there() {
    let statements = statements();
    for (what, only_in) in REFUSED {
        let Some(name) = only_in else { continue };
        let said = statements.iter().any(|(file, text)| file == name && holds(text, what));
        assert!(said, "the reader of statements does not find `{what}` in {name}");
    }
}

#[test]
fn sources_are_read_to_their_end_but_for_tests() {
    let statements = statements();
    let found =
        |name: &str, what: &str| statements.iter().any(|(file, text)| file == name && text.contains(what));
    assert!(found("mod.rs", "postgresql did not answer in time"), "below a module of tests");
    assert!(found("statement.rs", " select 0::bigint"));
    assert!(!found("statement.rs", "strconv"), "its own tests are read");
    for file in ["plan.rs", "written.rs"] {
        assert!(statements.iter().all(|(name, _)| name != file), "{file} is a file of tests");
    }
}

#[test]
fn what_is_refused_has_a_reason_in_the_decision() {
    let decision = fs::read_to_string(root().join("docs/decisions/015-only-portable-sql.md")).unwrap();
    let reasoned: BTreeSet<_> = decision
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let refused: BTreeSet<_> = REFUSED.iter().map(|(what, _)| what.trim().to_owned()).collect();
    assert_eq!(reasoned, refused);
}

/// A refused word stands by itself at its beginning.
fn holds(text: &str, what: &str) -> bool {
    text.match_indices(what).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every text in the source of the store, and every line of its migrations, with the file's name and without comments.
fn statements() -> Vec<(String, String)> {
    let mut statements = Vec::new();
    let store = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = files_of_tests(&fs::read_to_string(store.join("src/postgres/mod.rs")).unwrap());
    for (folder, ending) in [("src/postgres", "rs"), ("migrations/postgres", "sql")] {
        for file in fs::read_dir(store.join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|found| found != ending) {
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if tests.contains(&name) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap().to_lowercase();
            let texts: Vec<String> = match ending {
                "sql" => text.lines().map(|line| line.split("--").next().unwrap().to_owned()).collect(),
                _ => literals(&text),
            };
            statements.extend(texts.into_iter().map(|text| (name.clone(), text)));
        }
    }
    assert!(statements.len() > 200, "only {} texts were found", statements.len());
    statements
}

/// The files that `source` takes in for tests alone.
fn files_of_tests(source: &str) -> BTreeSet<String> {
    let modules = source.split("#[cfg(test)]\nmod ").skip(1);
    modules.filter_map(|rest| Some(format!("{}.rs", rest.split_once(';')?.0))).collect()
}

/// The texts of a source in Rust, without those of its own tests, which stand at its end.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code: String = source
        .lines()
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect::<Vec<_>>()
        .join("\n");
    let (mut texts, mut text, mut chars) = (Vec::new(), None::<String>, code.chars().peekable());
    while let Some(c) = chars.next() {
        match (&mut text, c) {
            (Some(text), '\\') => {
                // A line that goes on: its indentation is no part of the text.
                if chars.next() == Some('\n') {
                    while chars.next_if(|c| c.is_whitespace()).is_some() {}
                    text.push(' ');
                }
            }
            (Some(_), '"') => texts.extend(text.take()),
            (Some(text), c) => text.push(c),
            (None, '"') => text = Some(String::new()),
            (None, '\'') => {
                // A character, or a lifetime.
                let next = chars.next();
                if next == Some('\\') {
                    chars.next();
                }
                chars.next_if_eq(&'\'');
            }
            (None, _) => {}
        }
    }
    texts
}
