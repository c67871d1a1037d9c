//! The ledger leaves the house: exported beside a running server and without one, verified offline, proved entry by
//! entry.

use std::path::Path;

use countersign_client::view::Submission;
use countersign_client::{Client, Options};
use countersign_ledger::{Entry, ProofFile, VerifierKey};

use crate::place::{Place, run};

/// An installation that was served once, and has a request.
fn served() -> (Place, String) {
    let place = Place::begun();
    let server = place.serve();
    let said = place.run(&[
        "request",
        "submit",
        "export",
        "--json",
        "--requester",
        "subject",
        "-s",
        "email=a@example.test",
        "--server",
        &server.url,
        "--token-file",
        "tokens/portal",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    let request: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let beside = place.run(&["ledger", "export", "beside"]);
    assert_eq!(beside.code, 0, "beside a running server: {}", beside.err);
    assert_eq!(place.run(&["ledger", "verify", "beside"]).code, 0);
    // A server that stops leaves nothing unsigned.
    server.signal("-TERM");
    let mut server = server;
    assert!(server.ended().success());
    (place, request["id"].as_str().unwrap().to_owned())
}

#[test]
fn an_export_without_a_server_is_whole_and_holds_every_checkpoint() {
    let (place, _) = served();
    assert_eq!(place.run(&["ledger", "export", "out"]).code, 0);
    let said = place.run(&["ledger", "verify", "out", "--vkey", "keys/ledger.vkey", "--json"]);
    assert_eq!(said.code, 0, "{}", said.out);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["whole"], true);
    assert_eq!(report["own_key_trusted"], false);
    assert!(report["checkpoints"].as_u64().unwrap() >= 1);
    assert_eq!(place.run(&["ledger", "export", "out"]).code, 1, "an export is not written over another");
}

#[test]
fn without_a_key_it_is_said_that_the_exports_own_is_trusted() {
    let (place, _) = served();
    let said = place.run(&["ledger", "verify", "beside"]);
    assert!(said.out.contains("trusts the key in the export itself"), "{}", said.out);
    std::fs::remove_file(place.path().join("beside/vkey")).unwrap();
    assert_eq!(place.run(&["ledger", "verify", "beside"]).code, 1);
}

#[test]
fn an_altered_entry_and_a_foreign_key_are_found() {
    let (place, _) = served();
    let bundle = std::fs::read_dir(place.path().join("beside/tile/entries/000.p"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = std::fs::read(&bundle).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&bundle, &altered).unwrap();
    let said = place.run(&["ledger", "verify", "beside"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("NOT WHOLE"), "{}", said.out);
    std::fs::write(&bundle, &whole).unwrap();
    assert_eq!(place.run(&["ledger", "verify", "beside"]).code, 0);
    let stranger = Place::begun();
    let key = stranger.path().join("keys/ledger.vkey");
    assert_eq!(place.run(&["ledger", "verify", "beside", "--vkey", key.to_str().unwrap()]).code, 1);
}

#[test]
fn a_file_that_is_a_link_out_of_the_export_is_not_followed() {
    let (place, _) = served();
    let checkpoint = place.path().join("beside/checkpoint");
    std::fs::rename(&checkpoint, place.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(place.path().join("elsewhere"), &checkpoint).unwrap();
    assert_eq!(place.run(&["ledger", "verify", "beside"]).code, 1);
}

#[test]
fn proofs_of_a_request_stand_alone() {
    let (place, id) = served();
    let said = place.run(&["ledger", "prove", &id, "-o", "proofs", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let written: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(written[0]["event"], "submitted");
    let key: VerifierKey = read(&place.path().join("keys/ledger.vkey")).trim().parse().unwrap();
    for proof in &written {
        let path = place.path().join(proof["proof"].as_str().unwrap());
        let entry = std::fs::read(path.with_extension("json")).unwrap();
        let proof: ProofFile = read(&path).parse().unwrap();
        proof.check(Entry::new(&entry).unwrap(), std::slice::from_ref(&key)).unwrap();
    }
    assert_eq!(place.run(&["ledger", "prove", "0198c2a4-7b1e-7000-8000-000000000001"]).code, 1);
    assert_eq!(place.run(&["ledger", "prove", "nonsense"]).code, 2);
}

#[test]
fn everything_that_was_answered_before_a_stop_is_under_a_checkpoint() {
    let place = Place::begun();
    let server = place.serve();
    let token = read(&place.path().join("tokens/portal"));
    let client = Client::new(&server.url, &Options::default()).unwrap().with_token(&token).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answered = runtime.block_on(async {
        let mut callers = tokio::task::JoinSet::new();
        let (counted, mut count) = tokio::sync::watch::channel(0);
        for caller in 0..8 {
            let (client, counted) = (client.clone(), counted.clone());
            callers.spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let subject = [("email".to_owned(), format!("{caller}.{}@example.test", ids.len()))];
                    let submission = Submission {
                        action: "export".to_owned(),
                        requester: Some("subject".to_owned()),
                        subject: subject.into(),
                        ..Submission::default()
                    };
                    match client.submit(&submission, None).await {
                        Ok(request) => ids.push(request.id),
                        Err(_) => return ids, // it has stopped
                    }
                    counted.send_modify(|count| *count += 1);
                }
            });
        }
        // In the midst of their work, so that commits and the stop meet.
        count.wait_for(|count| *count >= 40).await.unwrap();
        server.signal("-TERM");
        callers.join_all().await.concat()
    });
    let mut server = server;
    assert!(server.ended().success());
    let said = place.run(&["ledger", "export", "out", "--json"]);
    let exported: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let store = store(&place);
    let head: i64 = store.query_row("select size from log_head", [], |row| row.get(0)).unwrap();
    assert_eq!(exported["size"], head, "entries that were committed stand under no checkpoint");
    assert_eq!(place.run(&["ledger", "verify", "out", "--vkey", "keys/ledger.vkey"]).code, 0);
    let said = place.run(&["ledger", "prove", answered.last().unwrap(), "-o", "proofs"]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn entries_without_a_checkpoint_are_told_and_never_pass_for_a_proof() {
    let (place, id) = served();
    // As a server leaves it that was killed between a commit and the checkpoint over it.
    store(&place)
        .execute_batch(
            "drop trigger log_checkpoint_is_kept_2; \
             delete from log_checkpoint where size > (select min(leaf) from event)",
        )
        .unwrap();
    let said = place.run(&["ledger", "prove", &id, "-o", "proofs"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("not under a checkpoint yet"), "{}", said.err);
    // The next server signs them, also if nobody calls it.
    let mut server = place.serve();
    server.signal("-TERM");
    assert!(server.ended().success());
    assert_eq!(place.run(&["ledger", "prove", &id, "-o", "proofs"]).code, 0);
}

#[test]
fn a_folder_that_is_no_export_is_an_error_and_not_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["ledger", "verify", "nowhere"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("nowhere cannot be read"), "{}", said.err);
}

fn store(place: &Place) -> rusqlite::Connection {
    rusqlite::Connection::open(place.path().join("data/countersign.db")).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
