//! What names are taken to say.

use super::*;

#[test]
fn names_are_split_however_they_are_written() {
    assert_eq!(words("BillingAddresses"), ["billing", "address"]);
    assert_eq!(words("billing_addresses"), ["billing", "address"]);
    assert_eq!(words("customerID"), ["customer", "id"]);
    assert_eq!(words("\"odd  name\""), ["odd", "name"]);
    assert_eq!(words("taxes"), ["tax"]);
    assert_eq!(words("status"), ["status"]);
}

#[test]
fn names_of_people_are_told_from_names_of_things() {
    let column = |name: &str| Column {
        name: name.to_owned(),
        type_name: "text".to_owned(),
        kind: Kind::Text,
        nullable: true,
        generated: false,
    };
    let of = |name: &str, beside: &[&str]| {
        let beside: Vec<Column> = beside.iter().map(|it| column(it)).collect();
        personal(&column(name), &beside)
    };
    assert_eq!(of("name", &["email"]), Some(Personal::Name));
    assert_eq!(of("name", &["price"]), None);
    assert_eq!(of("firstname", &[]), Some(Personal::Name));
    assert_eq!(of("billing_name", &[]), Some(Personal::Name));
    assert_eq!(of("filename", &[]), None);
    assert_eq!(of("state", &["city"]), Some(Personal::Address));
    assert_eq!(of("state", &["placed_at"]), None);
    assert_eq!(of("postalcode", &[]), Some(Personal::Address));
}

#[test]
fn tables_about_people_are_not_the_people() {
    assert!(is_people("app.users"));
    assert!(!is_people("user_sessions"));
    assert!(is_staff("Employee"));
    assert!(is_kept_by_law("invoice_lines"));
    assert!(!is_kept_by_law("orders"));
}
