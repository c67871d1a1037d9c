//! What a data map may say, and how a mistake in it is told.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const MAP: &str = r#"
source = "shop"

[[root]]
table = "customer"
key = ["id"]
identities = { email = "mail", phone = "tel", account = "no" }
attributes = { vip = { column = "is_vip", type = "bool" } }
treatment = "clear"
replace = { name = "erased", mail = "erased-{key}@invalid.example" }

[[table]]
name = "orders"
[[table.way]]
from = "customer"
on = { customer_id = "id" }
treatment = "keep"
basis = "legal_obligation"
until = "ten years"

[[table]]
name = "log"
[[table.way]]
column = "who"
equals = "customer:{email}"
treatment = "delete"

[[dataset]]
name = "old_log"
table = "log"
age = "at"
format = "iso"
"#;

const REPLACE: &str = "replace = { name = \"erased\", mail = \"erased-{key}@invalid.example\" }";

fn mistakes(text: &str) -> Vec<MapMistake> {
    DataMap::parse(text).unwrap_err()
}

/// The only mistake of the map with one piece replaced.
fn changed(right: &str, wrong: &str) -> MapMistake {
    assert!(MAP.contains(right), "{right}");
    let mut found = mistakes(&MAP.replacen(right, wrong, 1));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn rows_are_shown_only_where_the_map_asks_for_it() {
    let map = DataMap::parse(MAP).unwrap();
    assert!(!map.asks_for_samples());
    let asks = |text: &str| MAP.replacen("name = \"orders\"", &format!("name = \"orders\"\n{text}"), 1);
    let asking = DataMap::parse(&asks("samples = 3")).unwrap();
    assert!(asking.asks_for_samples());
    assert_eq!(
        [asking.samples("orders"), asking.samples("customer"), asking.samples("log")],
        [Some(3), None, None]
    );
    assert_ne!(asking.version(), map.version());
    let root = DataMap::parse(&MAP.replacen("key = [\"id\"]", "key = [\"id\"]\nsamples = 1", 1)).unwrap();
    assert_eq!(root.samples("customer"), Some(1));
    for wrong in ["samples = 0", "samples = 6"] {
        let found = mistakes(&asks(wrong));
        assert!(found[0].message.contains("`samples` is out of range"), "{found:?}");
        assert!(found[0].message.contains("from 1 to 5"), "{found:?}");
    }
}

#[test]
fn a_whole_map_is_read() {
    let map = DataMap::parse(MAP).unwrap();
    assert_eq!(map.source, "shop");
    assert_eq!(map.identity_kinds(), ["account", "email", "phone"]);
    assert_eq!(map.attributes()["vip"], AttributeKind::Bool);
    let root = map.root("customer").unwrap();
    assert_eq!(root.identities["email"].compare, Compare::IgnoreCase);
    assert_eq!(root.identities["phone"].compare, Compare::Digits);
    assert_eq!(root.identities["account"].compare, Compare::Exact);
    assert_eq!(map.tables[0].ways[0].rule.basis.as_deref(), Some("legal_obligation"));
    assert_eq!(map.dataset("old_log").unwrap().format, AgeFormat::Iso);
}

#[test]
fn a_kind_of_identity_in_a_template_stands_for_its_column() {
    let map = DataMap::parse(MAP).unwrap();
    let Link::Value { equals, root, .. } = &map.tables[1].ways[0].link else { panic!("a key") };
    assert_eq!((equals.to_string().as_str(), root.as_str()), ("customer:{mail}", "customer"));
}

#[test]
fn the_version_is_of_what_the_map_says_and_not_of_how_it_is_written() {
    let map = DataMap::parse(MAP).unwrap();
    let spaced = MAP.replace("key = [\"id\"]\n", "# a remark\nkey   =   [ \"id\" ]\n\n");
    assert_eq!(DataMap::parse(&spaced).unwrap().version(), map.version());
    let other = MAP.replace("legal_obligation", "tax_law");
    assert_ne!(DataMap::parse(&other).unwrap().version(), map.version());
    assert_eq!(map.version().len(), 64);
}

#[test]
fn doubled_braces_are_braces() {
    let map = DataMap::parse(&MAP.replace("name = \"erased\"", "name = \"{{}} {{key}} {key}\"")).unwrap();
    let Some(Replacement::Text(template)) = map.roots[0].rule.replace.get("name") else { panic!("no text") };
    assert_eq!(template.0, [Part::Text("{} {key} ".to_owned()), Part::Column("key".to_owned())]);
    assert_eq!(template.to_string(), "{{}} {{key}} {key}");
}

#[test]
fn each_mistake_is_told_at_its_line_with_advice() {
    for (right, wrong, line, told) in [
        ("treatment = \"keep\"", "treatmnt = \"keep\"", 0, ""),
        ("treatment = \"keep\"", "treatment = \"kep\"", 17, "did you mean `keep`?"),
        ("from = \"customer\"", "from = \"custmer\"", 15, "did you mean `customer`?"),
        ("key = [\"id\"]", "key = \"id\"", 6, "write a list"),
        ("basis = \"legal_obligation\"", "basis = \"Art. 6\"", 18, "legal_obligation"),
        ("{email}\"", "{email\"", 25, "do not match"),
        ("customer:{email}", "customer", 23, "the same for every subject"),
        ("format = \"iso\"", "format = \"is\"", 32, "did you mean `iso`?"),
        ("is_vip\", type = \"bool\"", "is_vip\", type = \"boolean\"", 8, "bool"),
        ("name = \"log\"", "name = \"orders\"", 22, "stands in the map twice"),
    ] {
        if line == 0 {
            let found = mistakes(&MAP.replacen(right, wrong, 1));
            assert!(found.iter().any(|it| it.message.contains("did you mean `treatment`?")), "{found:?}");
            continue;
        }
        let mistake = changed(right, wrong);
        assert_eq!(mistake.line, line, "{mistake}");
        assert!(mistake.message.contains(told), "{mistake}");
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = MAP.replace("\"keep\"", "\"kep\"").replace("\"iso\"", "\"is\"").replace("[\"id\"]", "7");
    assert_eq!(mistakes(&text).len(), 3);
}

#[test]
fn a_treatment_has_what_belongs_to_it_and_nothing_else() {
    for (right, wrong, told) in [
        ("basis = \"legal_obligation\"\nuntil = \"ten years\"", "", "needs a legal basis"),
        ("treatment = \"keep\"", "treatment = \"delete\"", "has no legal basis"),
        ("until = \"ten years\"", "empty = [\"note\"]", "neither empties nor replaces"),
        ("replace = { name = \"erased\", mail = \"erased-{key}@invalid.example\" }", "", "names no columns"),
        ("treatment = \"clear\"", "treatment = \"clear\"\nempty = [\"name\"]", "both emptied and replaced"),
    ] {
        let found = changed(right, wrong);
        assert!(found.message.contains(told), "{found}");
    }
}

#[test]
fn a_way_is_either_a_key_or_a_value() {
    for (right, wrong, told) in [
        (
            "equals = \"customer:{email}\"",
            "equals = \"{email}\"\nfrom = \"customer\"\non = { a = \"b\" }",
            "both",
        ),
        ("column = \"who\"\nequals = \"customer:{email}\"\n", "", "leads nowhere"),
        ("on = { customer_id = \"id\" }", "", "needs both"),
        ("on = { customer_id = \"id\" }", "on = {}", "no columns"),
    ] {
        let found = changed(right, wrong);
        assert!(found.message.contains(told), "{found}");
    }
}

#[test]
fn ways_in_a_ring_are_refused() {
    let way = |name: &str, from: &str| {
        format!(
            "[[table]]\nname = \"{name}\"\n[[table.way]]\nfrom = \"{from}\"\non = {{ a = \"b\" }}\ntreatment = \"delete\"\n"
        )
    };
    let found = mistakes(&format!("{MAP}{}{}", way("one", "two"), way("two", "one")));
    assert!(found[0].message.contains("go in a ring"), "{}", found[0]);
}

#[test]
fn rows_behind_a_shared_row_cannot_be_taken_on_their_own_account() {
    let shared = MAP.replace(
        "treatment = \"keep\"\nbasis = \"legal_obligation\"\nuntil = \"ten years\"",
        "treatment = \"keep-for-others\"",
    );
    let behind = "[[table]]\nname = \"line\"\n[[table.way]]\nfrom = \"orders\"\non = { o = \"id\" }\ntreatment = \"delete\"\n";
    let found = mistakes(&format!("{shared}{behind}"));
    assert!(found[0].message.contains("may stay for others"), "{}", found[0]);
    let kept = behind.replace("\"delete\"", "\"keep-for-others\"");
    assert!(DataMap::parse(&format!("{shared}{kept}")).is_ok());
}

#[test]
fn another_subjects_row_can_only_be_detached() {
    let way = "replace = { name = \"erased\", mail = \"erased-{key}@invalid.example\" }\n[[root.way]]\nfrom = \"customer\"\non = { referred_by = \"id\" }\ntreatment = ";
    let begin = "replace = { name = \"erased\", mail = \"erased-{key}@invalid.example\" }\n";
    assert!(DataMap::parse(&MAP.replacen(begin, &format!("{way}\"detach\"\n"), 1)).is_ok());
    let found = changed(begin, &format!("{way}\"delete\"\n"));
    assert!(found.message.contains("only `detach`"), "{found}");
}

#[test]
fn the_map_of_the_sample_shop_is_sound() {
    DataMap::parse(include_str!("../../../../../policies/shop.datamap.toml")).unwrap();
}

#[test]
fn what_a_replaced_column_holds_is_read() {
    let written = "replace = { name = \"{pseudonym}\", mail = \"p-{pseudonym}@invalid.example\", ip = { generalise = \"network\" }, born = { generalise = \"year\" } }";
    let map = DataMap::parse(&MAP.replace(REPLACE, written)).unwrap();
    let replace = &map.roots[0].rule.replace;
    let pseudonym =
        |before: &str, after: &str| Replacement::Pseudonym { before: before.into(), after: after.into() };
    assert_eq!(replace["name"], pseudonym("", ""));
    assert_eq!(replace["mail"], pseudonym("p-", "@invalid.example"));
    assert_eq!(replace["ip"], Replacement::Generalise(Generalise::Network));
    assert_eq!(replace["born"], Replacement::Generalise(Generalise::Year));
    for (wrong, told) in [
        ("replace = { name = \"{pseudonym}-{key}\" }", "beside another name"),
        ("replace = { name = \"{pseudonym}{pseudonym}\" }", "beside another name"),
        ("replace = { born = { generalise = \"month\" } }", "cannot be `month`"),
        ("replace = { born = { generalise = \"year\", more = 1 } }", "cannot be replaced by this"),
        ("replace = { born = { specialise = \"year\" } }", "cannot be replaced by this"),
    ] {
        let found = changed(REPLACE, wrong);
        assert!(found.message.contains(told), "{found}");
    }
}

const KNOWN: &str = "[known]\ncustomer = [\"id\", \"mail\"]\n\"odd name\" = []\n";

#[test]
fn what_nobody_looked_at_is_drift() {
    let map = DataMap::parse(&format!("{MAP}{KNOWN}")).unwrap();
    let tables = |written: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
        let owned = |(name, columns): &(&str, &[&str])| {
            ((*name).to_owned(), columns.iter().map(|it| (*it).to_owned()).collect())
        };
        written.iter().map(owned).collect()
    };
    let same = tables(&[("customer", &["mail", "id"]), ("odd name", &[])]);
    assert!(map.drift(&same).is_empty());
    assert!(map.drift(&tables(&[("customer", &["id"])])).is_empty(), "what is gone is nobody's data");
    let more = tables(&[("customer", &["id", "fax", "mail"]), ("lead", &["id"]), ("odd name", &["x"])]);
    assert_eq!(map.drift(&more), ["customer.fax", "lead", "odd name.x"]);
    assert!(DataMap::parse(MAP).unwrap().drift(&more).is_empty(), "where nothing was written down");
    assert_eq!(map.version(), DataMap::parse(MAP).unwrap().version(), "nothing else is done by it");
}

#[test]
fn drift_is_an_attribute_only_of_a_map_that_says_what_is_known() {
    let right = "vip = { column = \"is_vip\", type = \"bool\" }";
    let drifts = "vip = { column = \"is_vip\", type = \"bool\" }, drifted = { type = \"drift\" }";
    let found = changed(right, drifts);
    assert!(found.message.contains("has no [known]"), "{found}");
    let text = format!("{}{KNOWN}", MAP.replace(right, drifts));
    let map = DataMap::parse(&text).unwrap();
    assert_eq!(map.roots[0].drift.as_deref(), Some("drifted"));
    assert_eq!(map.attributes()["drifted"], AttributeKind::Bool);
    assert_ne!(map.version(), DataMap::parse(MAP).unwrap().version());
    let mistake = |wrong: &str| mistakes(&text.replace("{ type = \"drift\" }", wrong))[0].message.clone();
    assert!(mistake("{ type = \"drift\", column = \"x\" }").contains("unknown key `column`"));
    assert!(mistake("{ type = \"drift\" }, again = { type = \"drift\" }").contains("two attributes"));
}

#[test]
fn the_section_of_what_is_known_is_written_anew_and_nothing_else_is() {
    let tables: BTreeMap<String, Vec<String>> = [
        ("customer".to_owned(), vec!["id".to_owned(), "e \"mail\"".to_owned()]),
        ("crm.odd \u{7f}name".to_owned(), vec![]),
    ]
    .into();
    let first = with_known(MAP, &tables);
    assert!(first.starts_with(MAP.trim_end()));
    assert_eq!(DataMap::parse(&first).unwrap().known, Some(tables.clone()));
    assert_eq!(with_known(&first, &tables), first, "once more is the same");
    let between = format!(
        "{KNOWN}\n# of the next\n[[dataset]]\nname = \"x\"\ntable = \"log\"\nage = \"at\"\nformat = \"iso\"\n"
    );
    let again = with_known(&format!("{MAP}{between}"), &tables);
    assert!(again.contains("\n\n# of the next\n[[dataset]]\nname = \"x\""), "{again}");
    assert!(!again.contains("odd name\" = []"));
    assert_eq!(DataMap::parse(&again).unwrap().known, Some(tables));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,400}") {
        let _ = DataMap::parse(&text);
    }

    #[test]
    fn no_damage_to_a_map_makes_it_panic(at in 0usize..900, put in ".{0,12}") {
        let mut text: Vec<char> = MAP.chars().collect();
        let at = at.min(text.len());
        text.splice(at..(at + 3).min(text.len()), put.chars());
        let _ = DataMap::parse(&text.into_iter().collect::<String>());
    }
}

const NOTIFY: &str = r#"
[[notify]]
name = "Example Mailer"
holds = "addresses"
mail = "privacy@mailer.example"
reference = "id"
"#;

#[test]
fn recipients_are_read_and_are_part_of_what_is_signed() {
    let map = DataMap::parse(&format!("{MAP}{NOTIFY}")).unwrap();
    let recipient = &map.notify[0];
    assert_eq!((&*recipient.name, recipient.reference.as_deref()), ("Example Mailer", Some("id")));
    assert_ne!(map.version(), DataMap::parse(MAP).unwrap().version());
    assert_eq!(map.after(1).notify, map.notify);
}

#[test]
fn recipients_that_cannot_be_told_are_mistakes() {
    for (right, wrong, said) in [
        ("privacy@mailer.example", "privacy", "is no address"),
        ("privacy@mailer.example", "a@b.example, c@d.example", "is no address"),
        ("reference = \"id\"", "reference = \"mail\"", "is in no root's key"),
        ("holds = \"addresses\"\n", "", "`holds` is missing"),
    ] {
        let found = mistakes(&format!("{MAP}{}", NOTIFY.replace(right, wrong)));
        assert!(found.len() == 1 && found[0].message.contains(said), "{wrong}: {found:?}");
    }
    let twice = mistakes(&format!("{MAP}{NOTIFY}{NOTIFY}"));
    assert!(twice[0].message.contains("two recipients"), "{twice:?}");
}

#[test]
fn parts_have_at_least_one_row_and_change_the_version() {
    let map = DataMap::parse(&format!("chunk_rows = 50000\n{MAP}")).unwrap();
    assert_eq!((map.chunk_rows, map.after(1).chunk_rows), (Some(50_000), Some(50_000)));
    assert_ne!(map.version(), DataMap::parse(MAP).unwrap().version());
    let none = mistakes(&format!("chunk_rows = 0\n{MAP}"));
    assert!(none[0].message.contains("out of range"), "{none:?}");
}
