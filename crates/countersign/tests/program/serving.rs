//! Starting, stopping, and being killed.

use crate::place::Place;

#[test]
fn it_stops_cleanly_when_asked_to() {
    let place = Place::begun();
    for signal in ["-TERM", "-INT"] {
        let mut server = place.serve();
        server.signal(signal);
        assert_eq!(server.ended().code(), Some(0), "{signal}");
    }
}

#[test]
fn it_carries_on_after_kill_9() {
    let place = Place::begun();
    let mut server = place.serve();
    let submit = |url: &str| {
        let arguments =
            ["request", "submit", "export", "--requester", "subject", "-s", "email=a@example.test"];
        place.run(&[&arguments[..], &["--server", url, "--token-file", "tokens/portal"]].concat())
    };
    assert_eq!(submit(&server.url).code, 0);
    server.signal("-KILL");
    server.ended();
    let server = place.serve();
    let said = place.run(&[
        "request",
        "list",
        "--json",
        "--server",
        &server.url,
        "--token-file",
        "tokens/opal-operator",
    ]);
    let page: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[test]
fn two_servers_do_not_share_a_store() {
    let place = Place::begun();
    let _server = place.serve();
    let said = place.run(&["serve"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("in use by another process"), "{}", said.err);
}

#[test]
fn what_has_not_begun_is_not_served() {
    let place = Place::empty();
    let said = place.run(&["serve"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("countersign init"), "{}", said.err);
}

#[test]
fn the_same_submission_under_a_key_is_one_request() {
    let place = Place::begun();
    let server = place.serve();
    let arguments = [
        "request",
        "submit",
        "export",
        "--json",
        "--requester",
        "subject",
        "-s",
        "email=a@example.test",
        "--idempotency-key",
        "k-1",
        "--server",
        &server.url,
        "--token-file",
        "tokens/portal",
    ];
    let ids = [place.run(&arguments), place.run(&arguments)].map(|said| {
        let request: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        request["id"].as_str().unwrap().to_owned()
    });
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn doctor_tells_what_is_missing() {
    let place = Place::begun();
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("BAD  source shop"), "the map's source is not configured: {}", said.out);
}
