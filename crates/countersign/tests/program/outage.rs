//! The database goes away and comes back, or takes no changes for a while.

use std::net::SocketAddr;

use countersign_testing::postgres::database_or_skip;
use countersign_testing::proxy::{Proxy, Upstream};
use serde_json::json;

use crate::fleet::Fleet;
use crate::wire::{Call, ask, get, until};

#[test]
fn a_node_says_what_it_lacks_and_takes_nothing_by_half_until_the_database_is_back() {
    let Some(database) = database_or_skip() else { return };
    let server = SocketAddr::from(([127, 0, 0, 1], database.server().port()));
    let door = Proxy::start(Upstream::Tcp(server)).unwrap();
    let url = format!("postgres://countersign@127.0.0.1:{}/{}", door.port(), database.name());
    let fleet = Fleet::begun(1, &url);
    let node = fleet.serve(0);
    let portal = fleet.token("portal");
    let asked =
        json!({ "action": "export", "requester": "subject", "subject": { "email": "a@example.test" } });
    let call = Call { path: "/v1/requests", token: &portal, body: Some(asked), key: "k-1" };
    until("ready", &node.url, "/readyz", |it| it.status == 200);

    door.refuse();
    let ready = until("gone", &node.url, "/readyz", |it| it.status == 503);
    assert_eq!(ready.code(), "not_ready", "{ready:?}");
    assert!(
        !ready.body.contains("postgres://") && !ready.body.contains(&door.port().to_string()),
        "{ready:?}"
    );
    assert_eq!(get(&node.url, "/healthz").unwrap().status, 200);
    let refused = ask(&node.url, &call).unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused.head.contains("retry-after: ") && refused.head.contains("application/problem+json"),
        "{refused:?}"
    );
    // The door shows itself from what the node remembers; what is behind a link is asked of the database.
    let page = get(&node.url, "/sign-in/invitation/none").unwrap();
    assert_eq!(page.status, 503, "{page:?}");
    assert!(page.head.contains("retry-after: ") && page.head.contains("text/html"), "{page:?}");

    door.let_go();
    until("back", &node.url, "/readyz", |it| it.status == 200);
    let requests = "select count(*) from request";
    assert_eq!(database.run(requests).unwrap(), "0");
    assert_eq!(ask(&node.url, &call).unwrap().status, 201);

    let alter = |how: &str| {
        let sql = format!("alter database {} {how}", database.name());
        database.server().psql("postgres", &["-c", &sql]).unwrap();
    };
    alter("set default_transaction_read_only = on");
    door.cut();
    let ready = until("takes no changes", &node.url, "/readyz", |it| it.status == 503);
    assert_eq!(ready.code(), "not_ready", "{ready:?}");
    let refused = ask(&node.url, &Call { key: "k-2", ..call.clone() }).unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    alter("reset all");
    door.cut();
    until("takes changes again", &node.url, "/readyz", |it| it.status == 200);
    assert_eq!(database.run(requests).unwrap(), "1");
    assert_eq!(ask(&node.url, &Call { key: "k-2", ..call }).unwrap().status, 201);
    assert_eq!(database.run(requests).unwrap(), "2");
}
