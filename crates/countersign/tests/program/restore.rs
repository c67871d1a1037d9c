//! A source is put back from a backup that is older than an erasure.

use std::path::Path;
use std::time::{Duration, Instant};

use countersign_testing::postgres::database_or_skip;
use serde_json::{Value, json};

use crate::place::{Place, Server};

const SETTINGS: &str = "environment = \"test\"\ntime_zone = \"UTC\"\ngroups = [\"privacy\"]\nown_data_after = \"30d\"\n\
    [actions.erase]\ncall_to_vote = false\n";
const POLICY: &str = "@id(\"erase.desk\")\npermit (principal, action == Action::\"erase\", resource is Subject)\n\
    when { context.attested.contains(\"identity\") && context.approvals.privacy >= 1 };\n";
const MAP: &str = "source = \"shop\"\n[[root]]\ntable = \"customer\"\nkey = [\"id\"]\n\
    identities = { email = \"email\", account = \"account\" }\ntreatment = \"delete\"\n\
    [[table]]\nname = \"purchase\"\n[[table.way]]\nfrom = \"customer\"\non = { customer_id = \"id\" }\n\
    treatment = \"delete\"\n";
const SHOP: &str = "create table customer (id integer primary key, account text not null unique, email text not null unique);
    create table purchase (id integer primary key, customer_id integer not null references customer (id));
    create index purchase_by_customer on purchase (customer_id);
    insert into customer values (1, 'A-1', 'ana@example.test'), (2, 'A-2', 'ben@example.test'), (3, 'A-3', 'eva@example.test');
    insert into purchase values (1, 1), (2, 2), (3, 3), (4, 3);";

fn given() -> Place {
    given_with(SETTINGS)
}

fn given_with(settings: &str) -> Place {
    let place = begun(settings, "[sources.shop]\nkind = \"sqlite\"\npath = \"shop.sqlite\"\n");
    rusqlite::Connection::open(place.path().join("shop.sqlite")).unwrap().execute_batch(SHOP).unwrap();
    place
}

fn begun(settings: &str, more: &str) -> Place {
    let place = Place::empty();
    let at = place.path();
    std::fs::remove_dir_all(at.join("settings")).unwrap();
    for (path, text) in
        [("settings.toml", settings), ("policies/erase.cedar", POLICY), ("maps/shop.toml", MAP)]
    {
        let path = at.join("settings").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let config = std::fs::read_to_string(at.join("countersign.toml")).unwrap();
    std::fs::write(at.join("countersign.toml"), config + more).unwrap();
    let said = place.run(&["init", "settings", "--people", "people.toml", "--origin", "example.test/log"]);
    assert_eq!(said.code, 0, "{}", said.err);
    place
}

fn customers(at: &Path) -> i64 {
    let shop = rusqlite::Connection::open(at.join("shop.sqlite")).unwrap();
    shop.query_row("select count(*) from customer", [], |row| row.get(0)).unwrap()
}

fn check(place: &Place, server: &Server, more: &[&str]) -> (i32, Value) {
    let arguments =
        ["restore-check", "shop", "--json", "--server", &server.url, "--token-file", "tokens/desk"];
    let said = place.run(&[&arguments[..], more].concat());
    assert!(!said.out.contains("@example.test") && !said.out.contains("A-"), "personal: {}", said.out);
    let value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    (said.code, value)
}

/// An officer signs, once there is something to sign.
fn sign(place: &Place, server: &Server, id: &str) {
    let request = surveyed(place, server, id);
    let digest = request["digest"].as_str().unwrap();
    let vote = ["vote", id, "approve", "--seat", "privacy", "--digest", digest, "--server", &server.url];
    let said = place.run(&[&vote[..], &["--token-file", "tokens/olga-officer"]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    ended(place, server, id);
}

fn ended(place: &Place, server: &Server, id: &str) {
    until(place, server, id, |request| request["status"] == json!("completed"));
}

fn surveyed(place: &Place, server: &Server, id: &str) -> Value {
    until(place, server, id, |request| !request["digest"].is_null())
}

fn until(place: &Place, server: &Server, id: &str, seen: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let said = place.run(&[
            "request",
            "show",
            id,
            "--json",
            "--server",
            &server.url,
            "--token-file",
            "tokens/opal-operator",
        ]);
        let request: Value = serde_json::from_str(&said.out).unwrap();
        if seen(&request) {
            return request;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "not yet: {request}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The third customer is erased; answers with the request.
fn erased(place: &Place, server: &Server) -> String {
    let said = place.run(&[
        "request",
        "submit",
        "erase",
        "-s",
        "account=A-3",
        "--json",
        "--server",
        &server.url,
        "--token-file",
        "tokens/desk",
    ]);
    let erasure: Value = serde_json::from_str(&said.out).unwrap();
    let erasure = erasure["id"].as_str().unwrap();
    sign(place, server, erasure);
    erasure.to_owned()
}

/// Whether our own copies about so many requests are gone.
fn destroyed(place: &Place) -> i64 {
    let store = rusqlite::Connection::open(place.path().join("data/countersign.db")).unwrap();
    let question =
        "select count(*) from log_entry where instr(cast(body as text), '\"copies\":\"destroyed\"') > 0";
    store.query_row(question, [], |row| row.get(0)).unwrap()
}

/// Blind indexes outlive the copies, and are enough to find somebody by.
#[test]
fn whoever_is_back_is_found_although_our_own_copies_about_them_are_long_destroyed() {
    let place = given_with(&SETTINGS.replace("\"30d\"", "\"1s\""));
    let server = place.serve();
    let backup = place.path().join("shop.backup");
    std::fs::copy(place.path().join("shop.sqlite"), &backup).unwrap();
    let erasure = erased(&place, &server);
    assert_eq!(customers(place.path()), 2);
    let began = Instant::now();
    while destroyed(&place) == 0 {
        assert!(began.elapsed() < Duration::from_secs(90), "our own copies are not destroyed");
        std::thread::sleep(Duration::from_millis(100));
    }
    std::fs::copy(&backup, place.path().join("shop.sqlite")).unwrap();
    let (code, found) = check(&place, &server, &[]);
    assert_eq!((code, found["back"].as_array().unwrap().len()), (0, 1), "{found}");
    assert_eq!(found["back"][0]["erased_by"], json!(erasure));
    sign(&place, &server, found["back"][0]["request"].as_str().unwrap());
    assert_eq!(customers(place.path()), 2);
    let (_, nobody) = check(&place, &server, &[]);
    assert_eq!(nobody["back"], json!([]));
}

#[test]
fn whoever_was_erased_and_is_back_is_found_and_asked_for_once() {
    let place = given();
    let server = place.serve();
    let backup = place.path().join("shop.backup");
    std::fs::copy(place.path().join("shop.sqlite"), &backup).unwrap();
    let erasure = erased(&place, &server);
    assert_eq!(customers(place.path()), 2);
    let (code, nobody) = check(&place, &server, &[]);
    assert_eq!((code, &nobody["back"], &nobody["erased"]), (0, &json!([]), &json!(1)), "{nobody}");

    std::fs::copy(&backup, place.path().join("shop.sqlite")).unwrap();
    assert_eq!(customers(place.path()), 3);
    let (code, dry) = check(&place, &server, &["--dry-run"]);
    assert_eq!((code, &dry["rows"], &dry["not_asked"]), (1, &json!(3), &json!(1)), "{dry}");
    assert_eq!(dry["back"][0]["erased_by"], json!(erasure));
    assert_eq!(dry["back"][0]["request"], Value::Null);

    let (code, found) = check(&place, &server, &[]);
    assert_eq!((code, found["back"].as_array().unwrap().len()), (0, 1), "{found}");
    let again = found["back"][0]["request"].as_str().unwrap();
    assert_eq!(found["back"][0]["asked_now"], json!(true));
    // At once, when nobody has looked at the new request yet, and later, when it shows whom it is about.
    for _ in 0..2 {
        let (code, twice) = check(&place, &server, &[]);
        assert_eq!((code, &twice["back"][0]["request"]), (0, &json!(again)), "{twice}");
        surveyed(&place, &server, again);
    }
    let (_, dry) = check(&place, &server, &["--dry-run"]);
    assert_eq!((&dry["back"][0]["request"], &dry["not_asked"]), (&json!(again), &json!(0)), "{dry}");
    sign(&place, &server, again);
    assert_eq!(customers(place.path()), 2);
    let (_, nobody) = check(&place, &server, &[]);
    assert_eq!(nobody["back"], json!([]));
    let said = place.run(&[
        "request",
        "list",
        "--json",
        "--server",
        &server.url,
        "--token-file",
        "tokens/opal-operator",
    ]);
    let page: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
}

/// As in `docs/howto/run-many-nodes.md`: neither the store nor the source is a file here.
#[test]
fn whoever_is_back_in_postgresql_is_found_by_a_store_that_is_there_too() {
    let (Some(store), Some(shop)) = (database_or_skip(), database_or_skip()) else { return };
    shop.run(SHOP).unwrap();
    let source = format!("[sources.shop]\nkind = \"postgres\"\nurl = \"{}\"\n", shop.url());
    let place = begun(SETTINGS, &format!("{source}[store]\nurl = \"{}\"\n", store.url()));
    let server = place.serve();
    let customers = || shop.run("select string_agg(id::text, ' ' order by id) from customer").unwrap();
    let erasure = erased(&place, &server);
    assert_eq!(customers(), "1 2");
    let (_, nobody) = check(&place, &server, &[]);
    assert_eq!((&nobody["back"], &nobody["erased"]), (&json!([]), &json!(1)), "{nobody}");

    // What a backup brings back of the third one, and of nobody else.
    shop.run(
        "insert into customer values (3, 'A-3', 'eva@example.test'); insert into purchase values (3, 3)",
    )
    .unwrap();
    let (code, found) = check(&place, &server, &[]);
    assert_eq!((code, found["back"].as_array().unwrap().len()), (0, 1), "{found}");
    assert_eq!((&found["rows"], &found["back"][0]["erased_by"]), (&json!(3), &json!(erasure)), "{found}");
    sign(&place, &server, found["back"][0]["request"].as_str().unwrap());
    assert_eq!(customers(), "1 2");
    let (_, nobody) = check(&place, &server, &[]);
    assert_eq!(nobody["back"], json!([]));
}
