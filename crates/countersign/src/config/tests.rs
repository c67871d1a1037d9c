//! What a person reads who made a mistake, word for word.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use insta::assert_snapshot;

use super::*;

const MAIL: &str = "[mail]\nkind = \"inbox\"\ndirectory = \"inbox\"\nfrom = \"demo@example.test\"\n";

fn read(text: &str) -> Config {
    Config::parse(text, Path::new("/etc/countersign")).unwrap()
}

/// What is said of `text`, followed by a good [mail].
fn said(text: &str) -> String {
    said_of(&format!("{text}{MAIL}"))
}

fn said_of(text: &str) -> String {
    let all = Config::parse(text, Path::new("/etc/countersign")).unwrap_err();
    format!("error: {}", Mistakes { file: FILE.to_owned(), text: text.to_owned(), all })
}

#[test]
fn only_mail_must_be_written() {
    let config = read(MAIL);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:7300");
    assert_eq!(config.store, Store::Embedded { path: "/etc/countersign/data/countersign.db".into() });
    assert_eq!(config.keys.directory, Path::new("/etc/countersign/keys"));
}

#[test]
fn a_store_in_a_database_is_its_address_and_what_suits_most() {
    let config = read(&format!(
        "[store]\nurl_file = \"store.url\"\n[work]\nlease_ms = 3000\n[server]\nname = \"one\"\nstop_pause_ms = 0\n{MAIL}"
    ));
    assert_eq!(
        config.store,
        Store::Shared(Box::new(Shared {
            url: Secret::File("/etc/countersign/store.url".into()),
            data: "/etc/countersign/data".into(),
            pool: 8,
            statement_timeout_ms: 15_000,
            tls: None,
            authority: None,
            notify: true,
        }))
    );
    assert_eq!((config.work.lease_ms, config.work.sequencer_lease_ms), (3_000, 5_000));
    assert_eq!((config.server.name.as_deref(), config.server.stop_pause_ms), (Some("one"), Some(0)));
}

#[test]
fn several_servers_stand_in_one_address_and_the_rest_can_be_said() {
    let config = read(&format!(
        "[store]\nurl = \"postgres://cs:hunter2@a,b:5433/cs?target_session_attrs=read-write\"\ndata = \"/var/tmp/cs\"\n\
         pool = 40\nstatement_timeout_ms = 2000\ntls = \"require\"\nauthority = \"ca.pem\"\nnotify = false\n{MAIL}"
    ));
    assert!(!format!("{config:?}").contains("hunter2"));
    let Store::Shared(shared) = config.store else { unreachable!() };
    assert_eq!((shared.data.to_str(), shared.pool, shared.notify), (Some("/var/tmp/cs"), 40, false));
    assert_eq!((shared.tls, shared.statement_timeout_ms), (Some(StoreTls::Require), 2_000));
    assert_eq!(shared.authority.as_deref(), Some(Path::new("/etc/countersign/ca.pem")));
}

#[test]
fn a_store_is_in_a_file_or_in_a_database_and_keys_of_the_other_are_told() {
    assert_snapshot!(said("[store]\npath = \"a.db\"\nurl = \"postgres://cs:hunter2@db/cs\"\n"), @r#"
    error: countersign.toml
      × line 2: `path` and an address of a database are both there
     2 | path = "a.db"
       |        ^^^^^^ take one out: a store is in a file or in a database
    "#);
    assert_snapshot!(said("[store]\npool = 8\ndata = \"data\"\n"), @r#"
    error: countersign.toml
      × line 2: `pool` is for a store in a database, and this one is in a file
     2 | pool = 8
       |        ^ take it out, or say where the database is with `url_env` or `url_file`
      × line 3: `data` is for a store in a database; a store in a file has its folder
     3 | data = "data"
       |        ^^^^^^ take it out
    "#);
}

#[test]
fn every_mistake_about_a_database_is_at_its_line_and_no_password_is_shown() {
    let said = said(
        "[store]\nurl = \"mysql://cs:hunter2@db/cs\"\npool = 1\ntls = \"disable\"\nauthority = \"ca.pem\"\nnotify = \"no\"\n\
         [work]\nlease_ms = 10\nlease = 3\n[server]\nname = \"node one\"\n",
    );
    assert!(!said.contains("hunter2"), "{said}");
    assert_snapshot!(said, @r#"
    error: countersign.toml
      × line 2: `url` is no PostgreSQL address
     2 | url = …
       |       ^ begin it with `postgres://`
      × line 3: `pool` is out of range
     3 | pool = 1
       |        ^ from 2 to 1000
      × line 5: `authority` says whose certificate is trusted, and `tls = "disable"` asks for none
     5 | authority = "ca.pem"
       |             ^^^^^^^^ take one out
      × line 6: `notify` must be true or false, not a text
     6 | notify = "no"
       |          ^^^^ write it without quotes
      × line 8: `lease_ms` is out of range
     8 | lease_ms = 10
       |            ^^ from 1000 to 600000
      × line 9: unknown key `lease` in [work]
     9 | lease = 3
       | ^^^^^ known here: `lease_ms`, `sequencer_lease_ms`, `clock_back_ms`, `package_words`
      × line 11: a node cannot have this `name`
     11 | name = "node one"
       |        ^^^^^^^^^^ at most 64 of a-z, A-Z, 0-9, `-`, `_` and `.`
    "#);
}

#[test]
fn sources_are_read_by_kind_and_in_the_order_of_their_names() {
    let config = read(&format!(
        "[sources.shop]\nkind = \"sqlite\"\npath = \"shop.sqlite\"\npace_ms = 20\n\
         [sources.crm]\nkind = \"postgres\"\nurl_env = \"CRM_URL\"\nschemas = [\"crm\"]\n{MAIL}"
    ));
    assert_eq!(
        config.sources[0].reach,
        Reach::Postgres { url: Secret::Env("CRM_URL".to_owned()), schemas: vec!["crm".to_owned()] }
    );
    assert_eq!((config.sources[1].name.as_str(), config.sources[1].pace_ms), ("shop", 20));
    for kind in ["mysql", "mariadb"] {
        let config = read(&format!("[sources.old]\nkind = \"{kind}\"\nurl_file = \"old.url\"\n{MAIL}"));
        let url = Secret::File("/etc/countersign/old.url".into());
        assert_eq!(config.sources[0].reach, Reach::Mysql { url, schemas: vec![] });
    }
}

#[test]
fn a_misspelt_key_is_shown_at_its_line_with_the_word_that_was_meant() {
    assert_snapshot!(said("# where the doors are\n[server]\nlistn = \"127.0.0.1:7300\"\n"), @r#"
    error: countersign.toml
      × line 3: unknown key `listn` in [server]
     3 | listn = "127.0.0.1:7300"
       | ^^^^^ did you mean `listen`?
    "#);
}

#[test]
fn every_mistake_is_shown_at_once() {
    assert_snapshot!(said("[server]\nlisten = 7300\n[store]\npath = \"\"\n[sauces.shop]\nkind = \"sqlite\"\n"), @r#"
    error: countersign.toml
      × line 2: `listen` must be a text, not a number
     2 | listen = 7300
       |          ^^^^ put it in quotes
      × line 4: `path` is empty
     4 | path = ""
       |        ^^ give it a value or take the line out
      × line 5: unknown section `sauces`
     5 | [sauces.shop]
       |  ^^^^^^ did you mean `sources`?
    "#);
}

#[test]
fn a_word_that_is_not_known_is_answered_with_those_that_are() {
    assert_snapshot!(said("[log]\nformat = \"jsno\"\n[sources.shop]\nkind = \"oracle\"\n"), @r#"
    error: countersign.toml
      × line 2: `format` knows no `jsno`
     2 | format = "jsno"
       |          ^^^^^^ did you mean `json`?
      × line 4: `kind` knows no `oracle`
     4 | kind = "oracle"
       |        ^^^^^^^^ known here: `sqlite`, `postgres`, `mysql`, `mariadb`, `logs`, `files`, `s3`, `http`
    "#);
}

#[test]
fn what_must_be_there_is_named_with_an_example() {
    assert_snapshot!(said("[sources.shop]\nkind = \"sqlite\"\n[sources.crm]\nkind = \"postgres\"\n"), @r#"
    error: countersign.toml
      × line 1: [sources.shop] has no `path`
     1 | [sources.shop]
       |          ^^^^ add a line: path = "shop.sqlite"
      × line 3: nothing says where the database is
     3 | [sources.crm]
       |          ^^^ add `url_env`, `url_file`, `url_command` or `url`
    "#);
}

#[test]
fn numbers_out_of_range_and_in_quotes_are_told_apart() {
    assert_snapshot!(
        said("[sources.a]\nkind = \"sqlite\"\npath = \"a\"\npace_ms = 60001\n[sources.b]\nkind = \"sqlite\"\npath = \"b\"\npace_ms = \"20\"\n"),
        @r#"
    error: countersign.toml
      × line 4: `pace_ms` is out of range
     4 | pace_ms = 60001
       |           ^^^^^ from 0 to 60000
      × line 8: `pace_ms` must be a whole number, not a text
     8 | pace_ms = "20"
       |           ^^^^ write it without quotes
    "#
    );
}

#[test]
fn keys_within_the_stores_folder_are_refused() {
    assert_snapshot!(said("[store]\npath = \"data/c.db\"\n[keys]\ndirectory = \"data/keys\"\n"), @r#"
    error: countersign.toml
      × line 4: the keys would lie in the store's folder, so that a copy of the data carries them along
     4 | directory = "data/keys"
       |             ^^^^^^^^^^^ name a folder outside it
    "#);
}

#[test]
fn a_name_that_no_map_could_write_is_refused() {
    assert_snapshot!(said("[sources.Shop-1]\nkind = \"sqlite\"\npath = \"a\"\n"), @r"
    error: countersign.toml
      × line 1: a source cannot be called `Shop-1`
     1 | [sources.Shop-1]
       |          ^^^^^^ begin with a-z and go on with a-z, 0-9 or _
    ");
}

#[test]
fn text_that_is_no_toml_is_shown_where_it_ends_to_be() {
    assert_snapshot!(said("[server]\nlisten = 127.0.0.1:7300\n"), @r"
    error: countersign.toml
      × line 2: invalid float, expected nothing
     2 | listen = 127.0.0.1:7300
       |               ^^^^^^^^^ a text stands in quotes
    ");
}

#[test]
fn no_secret_is_repeated() {
    let text = "[sources.crm]\nkind = \"postgres\"\nurl = \"postgers://ana:hunter2@db/crm\"\npassword = \"hunter2\"\n\
                [sources]\nshop = { kind = \"postgres\", url = \"postgers://ana:hunter2@db/crm\" }\n";
    let said = said(text);
    assert!(!said.contains("hunter2"), "{said}");
    let said = said_of(&format!(
        "[sources.crm]\nkind = \"postgres\"\nurl = \"postgers://ana:hunter2@db/crm\"\npassword = \"hunter2\"\n{MAIL}"
    ));
    assert!(!said.contains("hunter2"), "{said}");
    assert_snapshot!(said, @r"
    error: countersign.toml
      × line 3: `url` is no PostgreSQL address
     3 | url = …
       |       ^ begin it with `postgres://`
      × line 4: unknown key `password` in [sources.crm]
     4 | password = …
       | ^^^^^^^^ known here: `kind`, `pace_ms`, `schemas`, `url`, `url_env`, `url_file`, `url_command`
    ");
}

#[test]
fn a_secret_may_be_what_a_command_prints_and_stands_in_one_place() {
    let config =
        read(&format!("[sources.crm]\nkind = \"postgres\"\nurl_command = [\"vault\", \"crm\"]\n{MAIL}"));
    let Reach::Postgres { url, .. } = &config.sources[0].reach else { unreachable!() };
    let vault = Secret::Command { program: "vault".to_owned(), arguments: vec!["crm".to_owned()] };
    assert_eq!(*url, vault);
    let twice = said_of(&format!(
        "[sources.crm]\nkind = \"postgres\"\nurl_env = \"A\"\nurl_command = [\"b\"]\n{MAIL}"
    ));
    assert!(twice.contains("`url_env` and `url_command` are both there"), "{twice}");
}

#[test]
fn mail_by_smtp_takes_the_usual_port_of_its_kind_of_guard() {
    let config = read(
        "[mail]\nkind = \"smtp\"\nhost = \"mail.example.com\"\nfrom = \"a@example.com\"\ntls = \"starttls\"\n\
         user = \"a\"\npassword_file = \"smtp.password\"\n",
    );
    let Mail::Smtp { port, login, .. } = config.mail else { unreachable!() };
    assert_eq!(port, 587);
    assert_eq!(login.unwrap().1, Secret::File("/etc/countersign/smtp.password".into()));
}

#[test]
fn a_password_without_a_user_and_no_mail_at_all_are_told() {
    assert_snapshot!(said_of("[mail]\nkind = \"smtp\"\nhost = \"h\"\nfrom = \"nobody\"\npassword_env = \"P\"\n"), @r#"
    error: countersign.toml
      × line 1: [mail] has a password but no `user`
     1 | [mail]
       |  ^^^^ add a line: user = "…"
      × line 4: `from` is no e-mail address
     4 | from = "nobody"
       |        ^^^^^^^^ write it as in `name@example.com`
    "#);
    assert_snapshot!(said_of("[server]\n"), @r"
    error: countersign.toml
      × line 1: there is no section [mail]
     1 | [server]
       | ^ codes must reach people; add one
    ");
}

#[test]
fn there_is_a_portal_only_where_one_is_written() {
    assert_eq!(read(MAIL).portal, None);
    let config = read(&format!("[portal]\nname = \"Shop\"\nlogo = \"logo.svg\"\nproxies = 1\n{MAIL}"));
    let portal = config.portal.unwrap();
    assert_eq!((&*portal.name, portal.proxies, portal.home), ("Shop", Some(1), None));
    assert_eq!(portal.logo, Some((Path::new("/etc/countersign/logo.svg").to_owned(), "image/svg+xml")));
}

#[test]
fn what_a_portal_cannot_be_is_said_at_its_line() {
    let portal = "[portal]\nhome = \"shop.example\"\nlogo = \"logo.exe\"\ncolour = \"green\"\nproxies = 9\ncolor = \"#000000\"\n";
    let said = said(portal);
    for part in [
        "[portal] has no `name`",
        "line 2: `home` is no web address",
        "line 3: `logo` is no picture that is known",
        "line 4: `colour` is no colour",
        "line 5: `proxies` is out of range",
        "line 6: unknown key `color` in [portal]",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[test]
fn proxies_are_said_of_the_server_and_a_portal_that_says_them_too_says_the_same() {
    let proxies = |server: &str, portal: &str| {
        read(&format!("[server]\n{server}[portal]\nname = \"Shop\"\n{portal}{MAIL}")).proxies()
    };
    assert_eq!(read(MAIL).proxies(), 0);
    assert_eq!(read(&format!("[server]\nproxies = 8\n{MAIL}")).proxies(), 8);
    assert_eq!(proxies("proxies = 1\n", ""), 1);
    assert_eq!(proxies("", "proxies = 1\n"), 1);
    assert_eq!(proxies("proxies = 1\n", "proxies = 1\n"), 1);
    assert_snapshot!(said("[server]\nproxies = 1\n[portal]\nname = \"Shop\"\nproxies = 0\n"), @r"
    error: countersign.toml
      × line 5: `proxies` is 0 here and 1 in [server]
     5 | proxies = 0
       |           ^ take this line out: what [server] says counts for the portal too
    ");
    assert_snapshot!(said("[server]\nproxies = 9\n"), @r"
    error: countersign.toml
      × line 2: `proxies` is out of range
     2 | proxies = 9
       |           ^ from 0 to 8
    ");
}
