//! The demo, from nothing and again.

use std::path::Path;

use crate::place::{Server, program, run};

fn demo(folder: &Path) -> Server {
    let mut server = Server::start(program(folder).args(["demo", "--json"]));
    server.until("{");
    server
}

#[test]
fn the_demo_is_made_once_and_carried_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = demo(folder.path());
    let dir = folder.path().join("countersign-demo");
    for part in [
        "countersign.toml",
        "settings/policies/erase.cedar",
        "keys/ledger.key",
        "tokens/portal",
        "shop.sqlite",
    ] {
        assert!(dir.join(part).exists(), "{part}");
    }
    assert_eq!(mode(&dir.join("keys/ledger.key")), 0o600);
    assert_eq!(mode(&dir.join("tokens/portal")), 0o600);
    let said = submit(folder.path(), &server.url);
    assert_eq!(said, 0);
    server.signal("-INT");
    assert_eq!(server.ended().code(), Some(0));

    let mut again = demo(folder.path());
    let arguments = ["request", "list", "--json", "--server", &again.url];
    let said = run(
        folder.path(),
        &[&arguments[..], &["--token-file", "countersign-demo/tokens/opal-operator"]].concat(),
    );
    let page: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "what was asked before is still there");
    again.signal("-TERM");
    assert_eq!(again.ended().code(), Some(0));
    let doctor = run(folder.path(), &["doctor", "--config", "countersign-demo/countersign.toml"]);
    assert_eq!(doctor.code, 0, "{}", doctor.out);
}

#[test]
fn a_taken_port_is_told_and_another_used() {
    // The other demos here come and go; this test holds the port from beginning to end.
    let _taken = std::iter::repeat_with(|| std::net::TcpListener::bind("127.0.0.1:7300")).find_map(|bound| {
        bound.inspect_err(|_| std::thread::sleep(std::time::Duration::from_millis(20))).ok()
    });
    let folder = tempfile::tempdir().unwrap();
    let mut second = Server::start(program(folder.path()).arg("demo"));
    second.until("Ctrl-C");
    assert_ne!(second.url, "http://127.0.0.1:7300");
    assert!(second.said.contains("127.0.0.1:7300 is taken"), "{}", second.said);
    for line in ["portal", "olga-officer", "opal-operator", "aude-auditor", "ada-admin"] {
        assert!(second.said.contains(&format!("  {line} ")), "a token for {line}: {}", second.said);
    }
}

#[test]
fn a_device_shows_six_digits() {
    let folder = tempfile::tempdir().unwrap();
    let _server = demo(folder.path());
    let said = run(folder.path(), &["demo", "--totp", "dan"]);
    assert!(said.code == 0 && said.out.trim().len() == 6, "{}{}", said.out, said.err);
    assert_eq!(run(folder.path(), &["demo", "--totp", "nobody"]).code, 2);
}

fn submit(folder: &Path, url: &str) -> i32 {
    let arguments =
        ["request", "submit", "export", "--requester", "subject", "-s", "email=dan.004@example.test"];
    let whose = ["--server", url, "--token-file", "countersign-demo/tokens/portal"];
    run(folder, &[&arguments[..], &whose].concat()).code
}

fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}
