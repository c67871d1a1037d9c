//! What `doctor` says of the account by which a server is reached: with the rights that `source grants` prints it is well, with
//! one more it wants a look, and with one less the node must not run.

use countersign_testing::{mariadb, postgres};

use crate::node::Node;

const TABLES: &str = "
    CREATE TABLE customer (id integer PRIMARY KEY, email varchar(100), account varchar(100), phone varchar(100));
    CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer NOT NULL,
        FOREIGN KEY (customer_id) REFERENCES customer (id));
    CREATE TABLE app_log (id integer PRIMARY KEY, at varchar(40) NOT NULL);";

const MAP: &str = r#"
source = "shop"
[[root]]
table = "customer"
key = ["id"]
identities = { email = "email", account = "account", phone = "phone" }
treatment = "delete"
[[table]]
name = "orders"
[[table.way]]
from = "customer"
on = { customer_id = "id" }
treatment = "delete"
[[dataset]]
name = "app_log"
table = "app_log"
age = "at"
format = "iso"
"#;

/// A server with the tables, and an account that is still to be made there.
struct Given<'a> {
    kind: &'a str,
    /// Where to connect, as the owner of it all and as the account.
    owner: String,
    url: String,
    /// The account, as the server writes it.
    account: String,
    /// A right that no map needs, and its place.
    more: &'a str,
    run: &'a dyn Fn(&str),
}

fn configure(node: &Node, kind: &str, url: &str) {
    let config = format!(
        "[sources.shop]\nkind = \"{kind}\"\nurl = \"{url}\"\n\
         [mail]\nkind = \"inbox\"\ndirectory = \"inbox\"\nfrom = \"countersign@example.test\"\n"
    );
    std::fs::write(node.folder().join("countersign.toml"), config).unwrap();
}

/// Exit code, and what is said of the source.
fn doctor(node: &Node) -> (i32, String) {
    let said = node.say(&["doctor"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = text.lines().find(|it| it.contains("source shop")).unwrap_or(&text).to_owned();
    (said.status.code().unwrap(), line)
}

fn each_right_is_looked_at(given: &Given<'_>) {
    let Given { kind, account, run, more, .. } = given;
    run(TABLES);
    let node = Node::prepare(1, |node| {
        std::fs::write(node.folder().join("settings/maps/shop.toml"), MAP).unwrap();
        configure(node, kind, &given.owner);
    });
    let (code, said) = doctor(&node);
    assert_eq!(code, 5, "the owner may do more than the map needs: {said}");
    assert!(said.contains("look source shop") && said.contains("may do more"), "{said}");

    let least = node.run(&["source", "grants", "shop", "settings/maps/shop.toml", "--to", account]);
    run(&format!("CREATE USER {account}"));
    run(&least);
    configure(&node, kind, &given.url);
    let (code, said) = doctor(&node);
    assert_eq!(code, 0, "what is printed is enough and not too much: {said}");
    assert!(said.contains("ok   source shop"), "{said}");

    run(&format!("GRANT {more} TO {account}"));
    let (code, said) = doctor(&node);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("look source shop") && said.contains("countersign source grants"), "{said}");
    run(&format!("REVOKE {more} FROM {account}"));

    run(&format!("REVOKE DELETE ON orders FROM {account}"));
    let (code, said) = doctor(&node);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("BAD  source shop") && said.contains("lacks what the data map needs"), "{said}");
    assert!(said.contains("DELETE") && said.contains("orders"), "{said}");
}

#[test]
fn doctor_compares_an_account_of_postgresql_with_what_the_map_needs() {
    let Some(database) = postgres::database_or_skip() else { return };
    let run = |sql: &str| drop(database.run(sql).unwrap());
    let user = database.run("SELECT current_user").unwrap();
    let account = format!("role_of_{}", database.name());
    let url = database.url().replace(&format!("//{}@", user.trim()), &format!("//{account}@"));
    each_right_is_looked_at(&Given {
        kind: "postgres",
        owner: database.url(),
        url,
        account,
        more: "TRUNCATE ON orders",
        run: &run,
    });
}

#[test]
fn doctor_compares_an_account_of_mariadb_with_what_the_map_needs() {
    let Some(database) = mariadb::database_or_skip() else { return };
    let run = |sql: &str| drop(database.run(sql).unwrap());
    let account = format!("{}_least", database.name());
    each_right_is_looked_at(&Given {
        kind: "mariadb",
        owner: database.url(),
        url: database.url().replace("countersign@", &format!("{account}@")),
        account: format!("{account}@'%'"),
        more: "DROP ON orders",
        run: &run,
    });
}
