//! An installation moves from its file into PostgreSQL.

use countersign_testing::postgres::database_or_skip;
use serde_json::{Value, json};

use crate::place::Place;
use crate::wire::{Call, ask};

fn token(place: &Place, whose: &str) -> String {
    std::fs::read_to_string(place.path().join("tokens").join(whose)).unwrap().trim().to_owned()
}

/// What a target does to a move, what is said then, and how it is undone.
const SPOILT: [(&str, &str, &str); 3] = [
    (
        "alter table settings add constraint spoilt check (version < 0)",
        "the target did not take it",
        "alter table settings drop constraint spoilt",
    ),
    (
        "create rule spoilt as on insert to record_term do instead nothing",
        "the rows of `record_term`",
        "drop rule spoilt on record_term",
    ),
    (
        "create function spoil() returns trigger language plpgsql as
             $$ begin new.body = new.body || 'x'::bytea; return new; end $$;
         create trigger spoilt before insert on log_entry for each row execute function spoil()",
        "the ledger",
        "drop trigger spoilt on log_entry",
    ),
];

#[test]
fn an_installation_that_moved_serves_what_it_had_and_its_ledger_goes_on() {
    let Some(database) = database_or_skip() else { return };
    let place = Place::begun();
    let (portal, operator) = (token(&place, "portal"), token(&place, "opal-operator"));
    let asked =
        json!({ "action": "export", "requester": "subject", "subject": { "email": "a@example.test" } });
    let submit = Call { path: "/v1/requests", token: &portal, body: Some(asked), key: "k-1" };
    let mut server = place.serve();
    let first = ask(&server.url, &submit).unwrap().json();

    let config = std::fs::read_to_string(place.path().join("countersign.toml")).unwrap();
    std::fs::write(
        place.path().join("many.toml"),
        format!("{config}[store]\nurl = \"{}\"\n", database.url()),
    )
    .unwrap();
    let moving = ["store", "move", "--to", "many.toml", "--json"];
    let said = place.run(&moving);
    assert_eq!(said.code, 1, "a server runs");
    assert!(said.err.contains("in use by another process"), "{}", said.err);
    server.signal("-TERM");
    assert_eq!(server.ended().code(), Some(0));

    for (spoil, said_then, mend) in SPOILT {
        database.run(spoil).unwrap();
        let said = place.run(&moving);
        assert_eq!(said.code, 1, "{spoil}");
        assert!(
            said.err.contains("nothing was moved") && said.err.contains(said_then),
            "{spoil}: {}",
            said.err
        );
        let there = "select (select count(*) from log_entry) + (select count(*) from request) + (select size from log_head)";
        assert_eq!(database.run(there).unwrap(), "0", "{spoil}");
        database.run(mend).unwrap();
    }

    let said = place.run(&moving);
    assert_eq!(said.code, 0, "{}", said.err);
    let moved: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(moved["tables"]["request"], json!(1));
    let size = moved["ledger"]["size"].as_u64().unwrap();
    assert_eq!(moved["tables"]["log_entry"], json!(size));
    assert!(place.path().join("data/countersign.db.moved").exists());
    let said = place.run(&moving);
    assert_eq!(said.code, 1, "it is gone from there");
    assert!(said.err.contains("there is no store"), "{}", said.err);

    let many = ["--config", "many.toml"];
    let mut server = crate::place::Server::start(crate::place::program(place.path()).args(many).arg("serve"));
    let id = first["id"].as_str().unwrap();
    let path = format!("/v1/requests/{id}");
    let seen = ask(&server.url, &Call { path: &path, token: &operator, ..Call::default() }).unwrap();
    assert_eq!((seen.status, &seen.json()["submitted_at"]), (200, &first["submitted_at"]));
    // What was remembered under a key is remembered here.
    assert_eq!(ask(&server.url, &submit).unwrap().json()["id"], first["id"]);
    let new = ask(&server.url, &Call { key: "k-2", ..submit }).unwrap();
    assert_eq!(new.status, 201, "{new:?}");
    server.signal("-TERM");
    assert_eq!(server.ended().code(), Some(0));
    let said = place.run(&[&many[..], &["ledger", "export", "export"]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let said = place.run(&["ledger", "verify", "export", "--vkey", "keys/ledger.vkey", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["whole"], json!(true), "{report}");
    assert!(report["size"].as_u64().unwrap() > size);
}

#[test]
fn nothing_is_moved_onto_something_that_is_there_and_the_file_stays() {
    let Some(database) = database_or_skip() else { return };
    let there = crate::fleet::Fleet::begun(1, &database.url());
    let place = Place::begun();
    let said = place.run(&["store", "move", "--to", &database.url()]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("the target is not empty"), "{}", said.err);
    assert_eq!(database.run("select count(*) from settings").unwrap(), "1");
    let server = place.serve();
    drop((server, there));
    let said = place.run(&["store", "move", "--to", "postgres://cs:hunter2@127.0.0.1/cs"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("password") && !said.err.contains("hunter2"), "{}", said.err);
}
