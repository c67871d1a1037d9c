//! Sources held against their data maps, and what was looked at in them.

use crate::place::Place;

/// An installation with the sample shop as its source.
fn with_shop() -> Place {
    let place = Place::empty();
    let config = place.path().join("countersign.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("[sources.shop]\nkind = \"sqlite\"\npath = \"shop.sqlite\"\n");
    std::fs::write(config, text).unwrap();
    let shop = place.path().join("shop.sqlite");
    countersign_shop::build(&shop, countersign_shop::Scale::SMALL, &mut |_, _| {}).unwrap();
    place
}

const MAP: &str = "settings/maps/shop.toml";

fn run_sql(place: &Place, sql: &str) {
    rusqlite::Connection::open(place.path().join("shop.sqlite")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_column_that_appeared_fails_the_check_until_it_is_known() {
    let place = with_shop();
    let check = ["source", "check", "shop", MAP];
    assert_eq!(place.run(&check).code, 0, "nothing is known, so nothing is new");
    let before = std::fs::read_to_string(place.path().join(MAP)).unwrap();
    let said = place.run(&["source", "known", "shop", MAP]);
    assert_eq!(said.code, 0, "{}", said.err);
    let after = std::fs::read_to_string(place.path().join(MAP)).unwrap();
    assert!(after.starts_with(before.trim_end()), "nothing else is touched");
    assert!(after.contains("\n[known]") && after.contains("\ncustomer = [\"id\""), "{after}");
    assert_eq!(place.run(&check).code, 0);

    run_sql(&place, "ALTER TABLE customer ADD COLUMN fax TEXT; CREATE TABLE lead (mail TEXT)");
    let said = place.run(&check);
    assert_eq!(said.code, 1, "{}", said.out);
    for new in ["drift: `customer.fax` is not in [known]", "drift: `lead` is not in [known]"] {
        assert!(said.out.contains(new), "{}", said.out);
    }
    assert!(said.out.contains("can be used, but look at this first"), "{}", said.out);
    let json = place.run(&["--json", "source", "check", "shop", MAP]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["ok"], &json["usable"]), (&false.into(), &true.into()));

    let said = place.run(&["source", "known", "shop", MAP]);
    assert!(said.out.contains("new: customer.fax\nnew: lead\n"), "{}", said.out);
    assert_eq!(place.run(&check).code, 0);
    assert_eq!(place.run(&["policy", "check", "settings"]).code, 0);
}

#[test]
fn a_strict_check_fails_on_what_acts_beyond_the_plan() {
    let place = with_shop();
    run_sql(&place, "CREATE TRIGGER loud AFTER DELETE ON ticket BEGIN SELECT 1; END");
    let said = place.run(&["source", "check", "shop", MAP]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains("warning: `ticket`: the trigger `loud` acts beyond the plan"), "{}", said.out);
    assert_eq!(place.run(&["source", "check", "--strict", "shop", MAP]).code, 1);
}

#[test]
fn a_section_that_is_not_written_as_one_is_not_written_over() {
    let place = with_shop();
    let map = place.path().join(MAP);
    let text = format!("known.customer = [\"id\"]\n{}", std::fs::read_to_string(&map).unwrap());
    std::fs::write(&map, &text).unwrap();
    let said = place.run(&["source", "known", "shop", MAP]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is not written as one"), "{}", said.err);
    assert_eq!(std::fs::read_to_string(&map).unwrap(), text);
}

#[test]
fn rights_that_are_needed_are_printed() {
    let place = with_shop();
    let said = place.run(&["source", "grants", "shop", MAP]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.contains("shop.sqlite: the user that runs this program reads and writes"),
        "{}",
        said.out
    );
    let json = place.run(&["--json", "source", "grants", "shop", MAP, "--to", "somebody"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["lacks"], serde_json::json!([]));
    assert_eq!(place.run(&["source", "grants", "shp", MAP]).code, 2, "no such source");
}
