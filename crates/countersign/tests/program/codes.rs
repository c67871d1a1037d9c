//! How the program ends, and that whoever reads it learns what to do.

use crate::place::{Place, run};

#[test]
fn help_tells_the_exit_codes() {
    let said = run(std::env::temp_dir().as_path(), &["--help"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("3  refused by the server"), "{}", said.out);
}

#[test]
fn an_unknown_word_is_wrong_usage() {
    assert_eq!(run(std::env::temp_dir().as_path(), &["demmo"]).code, 2);
}

#[test]
fn a_mistake_in_the_configuration_is_wrong_usage_and_shown_at_its_line() {
    let place = Place::empty();
    std::fs::write(place.path().join("countersign.toml"), "[server]\nlistn = \"127.0.0.1:7300\"\n").unwrap();
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.err, @r#"
    error: countersign.toml
      × line 1: there is no section [mail]
     1 | [server]
       | ^ codes must reach people; add one
      × line 2: unknown key `listn` in [server]
     2 | listn = "127.0.0.1:7300"
       | ^^^^^ did you mean `listen`?
    "#);
}

#[test]
fn no_configuration_says_how_to_come_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["serve"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("countersign.toml") && said.err.contains("--config"), "{}", said.err);
}

#[test]
fn configuration_is_named_by_option_before_variable_before_folder() {
    let place = Place::begun();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("countersign.toml"), "").unwrap();
    let named = place.path().join("countersign.toml");
    let mut by_option = crate::place::program(elsewhere.path());
    by_option.arg("--config").arg(&named).args(["ledger", "export", "by-option"]);
    let mut by_variable = crate::place::program(elsewhere.path());
    by_variable.env("COUNTERSIGN_CONFIG", &named).args(["ledger", "export", "by-variable"]);
    for (mut command, folder) in [(by_option, "by-option"), (by_variable, "by-variable")] {
        let said = command.output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let note = std::fs::read_to_string(elsewhere.path().join(folder).join("checkpoint")).unwrap();
        assert!(note.starts_with("example.test/log\n"), "the store of the named one is read: {note}");
    }
    assert_eq!(run(elsewhere.path(), &["ledger", "export", "out"]).code, 2);
}

#[test]
fn nobody_at_the_address_is_not_reachable() {
    let place = Place::begun();
    let said = place.run(&["inbox", "--server", "http://127.0.0.1:9", "--token-file", "tokens/olga-officer"]);
    assert_eq!(said.code, 4, "{}", said.err);
}

#[test]
fn without_a_token_nothing_is_called() {
    let place = Place::begun();
    let said = place.run(&["inbox", "--server", "http://127.0.0.1:9"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("COUNTERSIGN_TOKEN"), "{}", said.err);
}

#[test]
fn what_the_server_refuses_ends_with_3_and_its_reason() {
    let place = Place::begun();
    let server = place.serve();
    let said = place.run(&[
        "request",
        "list",
        "--server",
        &server.url,
        "--token-file",
        "tokens/portal",
        "--status",
        "odd",
    ]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    let may_not = ["legal-hold", "put", "case-7", "-s", "email=a@example.test", "--server", &server.url];
    let said = place.run(&[&may_not[..], &["--token-file", "tokens/olga-officer"]].concat());
    assert_eq!(said.code, 3);
    assert!(said.err.contains("may not place or lift legal holds"), "{}", said.err);
}

#[test]
fn an_installation_begins_once() {
    let place = Place::begun();
    let said = place.run(&[
        "init",
        "settings",
        "--people",
        "people.toml",
        "--origin",
        "example.test/log",
        "--tokens",
        "again",
    ]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("once"), "{}", said.err);
}

#[test]
fn completions_are_a_script_of_the_shell() {
    let said = run(std::env::temp_dir().as_path(), &["completions", "bash"]);
    assert!(said.code == 0 && said.out.contains("_countersign()"));
}
