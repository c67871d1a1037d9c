//! The shop is what its documentation says.
#![allow(clippy::unwrap_used)]

use countersign_shop::{Error, Scale, build, cast, occurrences, place_orders, row_counts, values_of};
use rusqlite::Connection;
use tempfile::TempDir;

#[test]
fn the_full_shop_has_ten_thousand_customers_and_about_a_quarter_of_a_million_rows() {
    let folder = TempDir::new().unwrap();
    let summary = build(&folder.path().join("shop.db"), Scale::FULL, &mut |_, _| {}).unwrap();
    assert_eq!(summary.customers, 10_000);
    assert_eq!(summary.tables["customer"], 10_000);
    assert!((240_000..260_000).contains(&summary.rows), "{} rows: {:?}", summary.rows, summary.tables);
    assert!(summary.tables.len() >= 12);
    assert!(summary.tables.values().all(|rows| *rows > 0), "{:?}", summary.tables);
}

#[test]
fn every_foreign_key_holds() {
    let (_folder, conn) = shop();
    let broken: i64 = count(&conn, "SELECT count(*) FROM pragma_foreign_key_check");
    assert_eq!(broken, 0);
}

#[test]
fn the_same_scale_gives_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    build(&one, Scale::SMALL, &mut |_, _| {}).unwrap();
    build(&two, Scale::SMALL, &mut |_, _| {}).unwrap();
    assert!(std::fs::read(one).unwrap() == std::fs::read(two).unwrap());
}

#[test]
fn progress_ends_at_all_there_is() {
    let folder = TempDir::new().unwrap();
    let mut heard = Vec::new();
    build(&folder.path().join("shop"), Scale::of(300), &mut |done, total| heard.push((done, total))).unwrap();
    assert!(heard.is_sorted());
    let (done, total) = heard.last().unwrap();
    assert_eq!(done, total);
}

#[test]
fn a_file_that_is_there_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shop");
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(build(&path, Scale::SMALL, &mut |_, _| {}), Err(Error::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[test]
fn what_an_interrupted_build_left_does_not_disturb_the_next() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("shop.unfinished"), "half").unwrap();
    build(&folder.path().join("shop"), Scale::SMALL, &mut |_, _| {}).unwrap();
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["shop"]);
}

#[test]
fn the_cast_is_in_the_shop_as_it_is_announced() {
    let (_folder, conn) = shop();
    for member in cast::ALL {
        let found: (String, String, String, String) = conn
            .query_row("SELECT account, name, email, phone FROM customer WHERE id = ?", [member.id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap();
        let announced = (member.account, member.name, member.email, member.phone);
        assert_eq!(announced, (&*found.0, &*found.1, &*found.2, &*found.3));
    }
}

#[test]
fn everybody_in_the_cast_has_rows_in_every_table_that_can_hold_theirs() {
    let (_folder, conn) = shop();
    for member in cast::ALL {
        let (id, email) = (member.id, member.email);
        for (table, condition) in [
            ("address", format!("owner_id = {id}")),
            ("customer_address", format!("customer_id = {id}")),
            ("orders", format!("customer_id = {id}")),
            ("order_line", format!("order_id IN (SELECT id FROM orders WHERE customer_id = {id})")),
            ("return_line", format!("order_id IN (SELECT id FROM orders WHERE customer_id = {id})")),
            ("payment", format!("order_id IN (SELECT id FROM orders WHERE customer_id = {id})")),
            ("invoice", format!("customer_id = {id}")),
            ("review", format!("customer_id = {id}")),
            ("ticket", format!("customer_id = {id}")),
            ("visit", format!("customer_id = {id}")),
            ("event_log", format!("who = 'customer:{id}'")),
            ("event_log", format!("who = '{email}'")),
            ("newsletter", format!("email = '{email}'")),
            ("old_import", format!("mail = '{email}'")),
        ] {
            let rows = count(&conn, &format!("SELECT count(*) FROM {table} WHERE {condition}"));
            assert!(rows > 0, "{} has nothing in {table}", member.name);
        }
    }
}

#[test]
fn ana_lives_with_ben_and_wrote_with_cleo_and_with_nobody_else() {
    let (_folder, conn) = shop();
    let (ana, ben, cleo) = (cast::ANA.id, cast::BEN.id, cast::CLEO.id);
    let shared = format!(
        "SELECT count(*) FROM customer_address x JOIN customer_address y USING (address_id)
         WHERE x.customer_id = {ana} AND y.customer_id = {ben}"
    );
    assert_eq!(count(&conn, &shared), 1);
    assert_eq!(
        count(&conn, &format!("SELECT count(*) FROM customer WHERE id = {ben} AND referred_by = {ana}")),
        1
    );
    let letters = |with: &str| {
        count(
            &conn,
            &format!("SELECT count(*) FROM message WHERE {ana} IN (sender_id, recipient_id) AND {with}"),
        )
    };
    assert_eq!(letters(&format!("{cleo} IN (sender_id, recipient_id)")), 4);
    assert_eq!(letters(&format!("{cleo} NOT IN (sender_id, recipient_id)")), 0);
}

#[test]
fn two_accounts_have_fays_e_mail() {
    let (_folder, conn) = shop();
    assert_eq!(
        count(&conn, &format!("SELECT count(*) FROM customer WHERE email = '{}'", cast::FAY.email)),
        2
    );
}

#[test]
fn some_soft_links_point_to_nobody() {
    let (_folder, conn) = shop();
    for sql in [
        "SELECT count(*) FROM newsletter WHERE email NOT IN (SELECT email FROM customer)",
        "SELECT count(*) FROM old_import WHERE mail NOT IN (SELECT email FROM customer)",
        "SELECT count(*) FROM event_log WHERE who LIKE 'customer:%'
             AND substr(who, 10) NOT IN (SELECT CAST(id AS TEXT) FROM customer)",
    ] {
        assert!(count(&conn, sql) > 0, "{sql}");
    }
}

#[test]
fn a_persons_values_are_theirs_alone_and_are_found_wherever_they_stand() {
    let (_folder, conn) = shop();
    let values = values_of(&conn, cast::DAN.id).unwrap();
    assert_eq!(values.len(), 9, "{values:?}");
    let everybody: Vec<i64> = (1..=200).filter(|id| *id != cast::DAN.id).collect();
    let others: Vec<_> = everybody.iter().flat_map(|id| values_of(&conn, *id).unwrap()).collect();
    assert!(values.iter().all(|value| !others.contains(value)));

    let name = occurrences(&conn, cast::DAN.name).unwrap();
    let places: Vec<_> = name.iter().map(|at| format!("{}.{}", at.table, at.column)).collect();
    assert_eq!(places, ["customer.name", "invoice.name", "old_import.person"]);
    assert!(values.iter().all(|value| !occurrences(&conn, value).unwrap().is_empty()));
}

#[test]
fn a_value_is_found_within_a_text_but_not_within_a_word() {
    let (_folder, conn) = shop();
    let street: String =
        conn.query_row("SELECT street FROM address WHERE id = 4", [], |row| row.get(0)).unwrap();
    let found =
        |value: &str| occurrences(&conn, value).unwrap().into_iter().map(|at| at.table).collect::<Vec<_>>();
    assert_eq!(found(&street), ["address", "invoice"]);
    assert_eq!(found(&street.to_uppercase()), ["address", "invoice"]);
    assert!(found(&street[..street.len() - 1]).is_empty());
    assert!(found("").is_empty());
    assert!(found("Nobody Of That Name").is_empty());
}

#[test]
fn an_address_that_two_share_is_neithers_value() {
    let (_folder, conn) = shop();
    let street: String =
        conn.query_row("SELECT street FROM address WHERE id = 1", [], |row| row.get(0)).unwrap();
    assert!(!values_of(&conn, cast::ANA.id).unwrap().contains(&street));
    assert!(!values_of(&conn, cast::BEN.id).unwrap().contains(&street));
    assert!(!values_of(&conn, cast::FAY.id).unwrap().contains(&cast::FAY.email.to_owned()));
    assert!(values_of(&conn, 999_999).unwrap().is_empty());
}

#[test]
fn a_customer_goes_on_buying() {
    let (_folder, conn) = shop();
    conn.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let before = row_counts(&conn).unwrap();
    assert_eq!(place_orders(&conn, cast::HAL.id, 10).unwrap(), 50);
    let after = row_counts(&conn).unwrap();
    assert_eq!(after["order_line"] - before["order_line"], 30);
    assert_eq!(after.values().sum::<u64>() - before.values().sum::<u64>(), 50);
    assert_eq!(place_orders(&conn, 999_999, 10).unwrap(), 0);
}

fn shop() -> (TempDir, Connection) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shop.db");
    build(&path, Scale::SMALL, &mut |_, _| {}).unwrap();
    let conn = Connection::open(path).unwrap();
    (folder, conn)
}

fn count(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}
