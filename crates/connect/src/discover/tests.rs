//! Maps drawn from catalogues made by hand. Each must be one that can be used, or say what has to be decided.
#![allow(clippy::unwrap_used, clippy::panic)]

use countersign_core::plan::Treatment;
use countersign_service::settings::DataMap;
use countersign_service::settings::datamap::{Link, Way};

use super::propose;
use crate::catalog::{Catalog, Column, ForeignKey, Kind, OnDelete, Table};
use crate::footprint::Footprint;
use crate::sqlite::dialect::Sqlite;

#[test]
fn invoices_stay_without_the_person_and_keep_their_customer() {
    let text = proposed(&music_shop());
    insta::assert_snapshot!(text);
    let map = usable(&text, &music_shop());
    assert_eq!(map.roots[0].rule.treatment, Treatment::Clear, "invoices need their row");
    assert_eq!(treatments(&map, "Invoice"), [Treatment::Clear]);
    assert_eq!(treatments(&map, "InvoiceLine"), [Treatment::Keep]);
    assert!(!map.tables.iter().any(|it| it.name == "Employee"), "staff are no customers");
}

#[test]
fn everything_that_needs_a_question_is_asked() {
    let text = proposed(&forum());
    insta::assert_snapshot!(text);
    let map = usable(&text, &forum());
    assert_eq!(treatments(&map, "message"), [Treatment::KeepForOthers, Treatment::KeepForOthers]);
    assert_eq!(
        treatments(&map, "post"),
        [Treatment::Delete, Treatment::Detach],
        "a reply to the subject's post stays"
    );
    assert_eq!(treatments(&map, "article"), [Treatment::Detach], "who edited it does not own it");
    assert!(!map.tables.iter().any(|it| it.name == "article_tag"), "the articles are not theirs");
    assert_eq!(map.roots[0].ways.len(), 2, "who invited whom, and the default address");
}

#[test]
fn the_same_catalogue_in_another_order_gives_the_same_map() {
    for mut catalog in [music_shop(), forum()] {
        let text = proposed(&catalog);
        catalog.keys.reverse();
        assert_eq!(proposed(&catalog), text);
    }
}

#[test]
fn a_root_that_is_named_is_taken() {
    let text = propose("shop", &music_shop(), &Sqlite, Some("Employee")).unwrap();
    assert!(text.contains("table = \"Employee\""));
    usable(&text, &music_shop());
}

#[test]
fn a_number_that_people_were_given_is_their_account_rather_than_the_key() {
    let made = Made::default().table("customer", "id*, email!u, customer_no!u");
    let map = usable(&proposed(&made.catalog), &made.catalog);
    let account = &map.roots[0].identities["account"];
    assert_eq!(account.column, "customer_no");
}

#[test]
fn parts_that_go_while_the_whole_stays_are_asked_about() {
    let made = Made::default()
        .table("customer", "id*, email!")
        .table("orders", "id*, customer_id:int!")
        .table("orders_line", "id*, orders_id:int!")
        .table("payment", "id*, orders_id:int!")
        .key("orders.customer_id", "customer.id")
        .key("orders_line.orders_id", "orders.id")
        .key("payment.orders_id", "orders.id");
    let text = proposed(&made.catalog);
    usable(&text, &made.catalog);
    assert!(text.contains("DOUBT: its row of `orders` stays: should it stay too?"), "{text}");
}

#[test]
fn a_root_that_is_not_there_is_told_with_the_nearest_name() {
    let told = propose("shop", &music_shop(), &Sqlite, Some("Custommer")).unwrap_err();
    assert_eq!(told, "there is no table `Custommer` in the source; did you mean `Customer`?");
}

#[test]
fn a_source_without_people_says_so() {
    let things = Made::default().table("track", "id*").table("album", "id*, title").catalog;
    let told = propose("shop", &things, &Sqlite, None).unwrap_err();
    assert_eq!(told, "no table looks like people; name one with --root: album, track");
    let told = propose("shop", &Catalog::default(), &Sqlite, None).unwrap_err();
    assert_eq!(told, "the source has no tables that this role can see");
}

#[test]
fn a_table_without_a_key_cannot_be_where_subjects_start() {
    let keyless = Made::default().table("customer", "email, name").catalog;
    assert!(
        propose("shop", &keyless, &Sqlite, Some("customer")).unwrap_err().contains("nothing names its rows")
    );
}

#[test]
fn names_that_mean_something_in_toml_do_no_harm() {
    let made = Made::default()
        .table("cus\"tomer", "id*, e-mail!")
        .table("odd\n[[root]]", "id*, cus\"tomer")
        .table("in]voice\u{7f}", "id*, who {x}!")
        .key("in]voice\u{7f}.who {x}", "cus\"tomer.id");
    usable(&propose("shop", &made.catalog, &Sqlite, Some("cus\"tomer")).unwrap(), &made.catalog);
}

#[test]
fn rows_in_a_ring_that_cannot_be_opened_stay_together() {
    let made = Made::default()
        .table("customer", "id*, email!, best_order_id:int!")
        .table("orders", "id*, customer_id:int!, payment_id:int!")
        .table("payment", "id*, orders_id:int!, card_number!")
        .key("customer.best_order_id", "orders.id")
        .key("orders.customer_id", "customer.id")
        .key("orders.payment_id", "payment.id")
        .key("payment.orders_id", "orders.id");
    let map = usable(&proposed(&made.catalog), &made.catalog);
    assert_eq!(map.roots[0].rule.treatment, Treatment::Clear);
    assert_eq!(treatments(&map, "orders"), [Treatment::Keep, Treatment::Keep]);
}

#[test]
fn what_keeps_a_map_from_being_used_stands_at_its_top() {
    // Invoices need their row, and there is nothing in it to clear.
    let made = Made::default()
        .table("customer", "id*, since:int!")
        .table("invoice", "id*, customer_id:int!, billing_city")
        .key("invoice.customer_id", "customer.id");
    let text = propose("shop", &made.catalog, &Sqlite, None).unwrap();
    let decide = text.lines().skip_while(|it| !it.contains("TO DECIDE")).nth(1).unwrap();
    assert!(decide.starts_with("#   - rows of `invoice` that stay need their row of `customer`"), "{text}");
}

#[test]
fn an_address_goes_with_the_last_who_uses_it() {
    let made = Made::default()
        .table("customer", "id*, email!, name!")
        .table("address", "id*, street!, city!")
        .table("customer_address", "customer_id*, address_id*")
        .table("orders", "id*, customer_id:int!, ship_address_id:int")
        .key("customer_address.customer_id", "customer.id")
        .key("customer_address.address_id", "address.id")
        .key("orders.customer_id", "customer.id")
        .key("orders.ship_address_id", "address.id");
    let map = usable(&proposed(&made.catalog), &made.catalog);
    assert_eq!(treatments(&map, "address"), [Treatment::KeepForOthers, Treatment::KeepForOthers]);
    assert_eq!(treatments(&map, "orders"), [Treatment::Delete]);
}

#[test]
fn not_null_columns_of_a_cleared_row_get_values_that_fit() {
    let made = Made::default()
        .table("member", "id*, email!u, pin(4)!, first_name(3)!, birth_date:time!, age:int!, photo:bytes!")
        .table("payment", "id*, member_id!")
        .key("payment.member_id", "member.id");
    let text = proposed(&made.catalog);
    let map = usable(&text, &made.catalog);
    let values: Vec<&str> = map.roots[0].rule.replace.keys().map(String::as_str).collect();
    assert_eq!(values, ["age", "birth_date", "email", "first_name"]);
    assert!(text.contains("email = \"erased-{key}@invalid.example\""));
    assert!(text.contains("first_name = \"-\""));
    assert!(text.contains("`photo` may not be NULL, and no value comes to mind"));
}

/// Two people, a shop's rows, staff.
fn music_shop() -> Catalog {
    Made::default()
        .table("Customer", "CustomerId*, FirstName(40)!, LastName(20)!, Company, City, State, Phone, Email(60)!, SupportRepId:int")
        .table("Employee", "EmployeeId*, LastName!, Email, ReportsTo:int")
        .table("Invoice", "InvoiceId*, CustomerId:int!, InvoiceDate:time!, BillingCity, BillingState, Total:other!")
        .table("InvoiceLine", "InvoiceLineId*, InvoiceId:int!, TrackId:int!, Quantity:int!")
        .table("Track", "TrackId*, Name!, Composer")
        .key("Customer.SupportRepId", "Employee.EmployeeId")
        .key("Employee.ReportsTo", "Employee.EmployeeId")
        .key("Invoice.CustomerId", "Customer.CustomerId")
        .key("InvoiceLine.InvoiceId", "Invoice.InvoiceId")
        .key("InvoiceLine.TrackId", "Track.TrackId")
        .catalog
}

/// People who write to each other, with what is hard about it.
fn forum() -> Catalog {
    Made::default()
        .table("users", "id*, email!u, username!u, password_hash!, invited_by:int, address_id:int")
        .table("admins", "id*, email!")
        .table("address", "id*, street, city, owner_id:int!")
        .table("user_group", "user_id*, group_id*")
        .table("groups", "id*, title!")
        .table("message", "id*, sender_id:int, recipient_id:int, body")
        .table("post", "id*, user_id:int!, parent_id:int, body!")
        .table("article", "id*, edited_by:int, title")
        .table("article_tag", "article_id*, tag*")
        .table("audit", "id*, who, at:time")
        .table("newsletter", "email:text*, since:time")
        .table("lead", "id*, users_id:int, phone")
        .table("supplier", "id*, contact_name, street")
        .key("users.invited_by", "users.id")
        .key("users.address_id", "address.id")
        .key("address.owner_id", "users.id")
        .key("user_group.user_id", "users.id")
        .key("user_group.group_id", "groups.id")
        .key("message.sender_id", "users.id")
        .key("message.recipient_id", "users.id")
        .key("post.user_id", "users.id")
        .key("post.parent_id", "post.id")
        .key("article.edited_by", "users.id")
        .key("article_tag.article_id", "article.id")
        .catalog
}

fn proposed(catalog: &Catalog) -> String {
    propose("shop", catalog, &Sqlite, None).unwrap()
}

/// The map in `text`, which nothing keeps from being used.
fn usable(text: &str, catalog: &Catalog) -> DataMap {
    let map = DataMap::parse(text).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"));
    let (_, findings) = Footprint::build(&map, catalog, &Sqlite);
    assert!(!findings.are_fatal(), "{}\n{text}", findings.reason());
    assert!(!text.contains("TO DECIDE"), "{text}");
    map
}

fn treatments(map: &DataMap, table: &str) -> Vec<Treatment> {
    let ways: Vec<&Way> = map.tables.iter().filter(|it| it.name == table).flat_map(|it| &it.ways).collect();
    assert!(ways.iter().all(|it| matches!(it.link, Link::Key { .. })));
    ways.into_iter().map(|it| it.rule.treatment).collect()
}

#[derive(Default)]
struct Made {
    catalog: Catalog,
}

impl Made {
    /// A table: `name(length):kind` and `*` for the key, `!` for NOT NULL, `u` behind it for unique. Texts unless said
    /// otherwise; keys are whole numbers unless they are called otherwise.
    fn table(mut self, name: &str, columns: &str) -> Self {
        let mut table = Table {
            name: name.to_owned(),
            quoted: crate::sql::quote(name),
            row_id: vec!["rowid".to_owned()],
            ..Table::default()
        };
        for written in columns.split(", ") {
            let (written, unique) = written.strip_suffix("!u").map_or((written, false), |it| (it, true));
            let not_null = unique || written.ends_with('!');
            let is_key = written.ends_with('*');
            let written = written.trim_end_matches(['!', '*']);
            let (written, kind) =
                written.split_once(':').unwrap_or((written, if is_key { "int" } else { "text" }));
            let (name, length) =
                written.split_once('(').map_or((written, None), |(name, it)| (name, Some(it)));
            let (kind, type_name) = match kind {
                "int" => (Kind::Int, "integer".to_owned()),
                "time" => (Kind::Time, "timestamp".to_owned()),
                "bytes" => (Kind::Bytes, "bytea".to_owned()),
                "other" => (Kind::Other, "numeric".to_owned()),
                _ => (Kind::Text, length.map_or_else(|| "text".to_owned(), |it| format!("varchar({it}"))),
            };
            if is_key {
                table.primary_key.push(name.to_owned());
            }
            if unique {
                table.uniques.push(vec![name.to_owned()]);
            }
            let nullable = !not_null && !is_key;
            table.columns.push(Column { name: name.to_owned(), type_name, kind, nullable, generated: false });
        }
        if !table.primary_key.is_empty() {
            table.uniques.push(table.primary_key.clone());
        }
        self.catalog.tables.insert(name.to_owned(), table);
        self
    }

    fn key(mut self, child: &str, parent: &str) -> Self {
        let (child, own) = child.split_once('.').unwrap();
        let (parent, other) = parent.split_once('.').unwrap();
        self.catalog.keys.push(ForeignKey {
            quoted: String::new(),
            child: child.to_owned(),
            parent: parent.to_owned(),
            on: vec![(own.to_owned(), other.to_owned())],
            on_delete: OnDelete::NoAction,
            deferrable: true,
        });
        self
    }
}
