//! What does not load, and what a person is told: file, line, column and what to do.
#![allow(clippy::unwrap_used, missing_docs)]

mod given;

use countersign_policy::*;
use given::*;

fn refused(text: &str) -> String {
    load(&vocabulary(), &[("p.cedar".to_owned(), text.to_owned())]).expect_err(text).to_string()
}

fn export(condition: &str) -> String {
    format!(
        "@id(\"x\")\npermit(principal, action == Action::\"export\", resource is Subject)\nwhen {{ {condition} }};"
    )
}

#[test]
fn text_that_does_not_parse_is_told_with_its_place() {
    let said = refused("@id(\"x\")\npermit(principal, action, resource)\nwhen { true }");
    assert!(said.starts_with("p.cedar:3:"), "{said}");
    assert!(refused("@id(\"x\")\npermt(principal, action, resource);").starts_with("p.cedar:2:1:"));
    assert!(refused("\u{0}").starts_with("p.cedar:1:1"));
}

#[test]
fn a_misspelt_group_attribute_action_or_fact_is_told_with_the_one_that_was_meant() {
    for (condition, meant) in [
        ("context.approvals.privcy >= 2", "did you mean `privacy`"),
        ("resource.legal_hol", "did you mean `legal_hold`"),
        ("context.verifid.contains(\"email\")", "did you mean `verified`"),
        ("principal in Group::\"privacyy\"", "did you mean `privacy`"),
        ("context.verified.contains(\"emial\")", "did you mean `email`"),
        ("context.attested.contains(\"identiti\")", "did you mean `identity`"),
        ("context.channel == \"portl\"", "did you mean `portal`"),
    ] {
        let said = refused(&export(condition));
        assert!(
            said.starts_with("p.cedar:3:") && said.contains("policy `x`") && said.contains(meant),
            "{said}"
        );
    }
    let said = refused("@id(\"x\") permit(principal, action == Action::\"exprt\", resource);");
    assert!(said.contains("did you mean") && said.contains("export"), "{said}");
    let said = refused("@id(\"x\") permit(principal is Staff in Group::\"privcy\", action, resource);");
    assert!(said.starts_with("p.cedar:1:46:") && said.contains("did you mean `privacy`"), "{said}");
}

#[test]
fn an_environment_that_is_not_ours_is_a_warning_since_files_may_be_shared() {
    let set = policies(&export("context.environment == \"prodction\""));
    let said: Vec<_> = set.warnings().iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|it| it.contains("did you mean `production`?")), "{said:?}");
}

#[test]
fn every_policy_has_an_id_of_its_own_over_all_files() {
    let one = ("a.cedar".to_owned(), "@id(\"x\") permit(principal, action, resource);".to_owned());
    let two = ("b.cedar".to_owned(), "\n@id(\"x\") forbid(principal, action, resource);".to_owned());
    let said = load(&vocabulary(), &[one, two]).unwrap_err().to_string();
    assert!(said.starts_with("b.cedar:2:1:") && said.contains("taken by a.cedar line 1"), "{said}");
    let said = refused("\n  permit(principal, action, resource);");
    assert!(said.starts_with("p.cedar:2:3:") && said.contains("@id"), "{said}");
}

#[test]
fn templates_are_refused() {
    let said = refused("@id(\"x\") permit(principal == ?principal, action, resource);");
    assert!(said.starts_with("p.cedar:1:1:") && said.contains("templates are refused"), "{said}");
}

#[test]
fn deny_belongs_to_a_forbid_and_takes_a_plain_code() {
    assert!(
        refused("@id(\"x\") @deny(\"no\") permit(principal, action, resource);")
            .contains("belongs to a forbid")
    );
    assert!(
        refused("@id(\"x\") @deny(\"No!\") forbid(principal, action, resource);").contains("takes a code")
    );
}

#[test]
fn types_are_checked_strictly() {
    for condition in
        ["context.waited >= 3", "context.impact.rows > 3", "principal.level > 3", "context.now > \"x\""]
    {
        assert!(refused(&export(condition)).starts_with("p.cedar:3:"), "{condition}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text =
        "permit(principal, action, resource);\n@id(\"y\") @deny(\"\") forbid(principal, action, resource);";
    assert_eq!(refused(text).lines().count(), 2);
}

#[test]
fn text_that_is_too_deep_or_too_long_is_refused_and_the_most_that_is_taken_overflows_no_stack() {
    assert!(refused(&export(&"(".repeat(5_000))).contains("brackets nest deeper"));
    assert!(refused(&export(&"true && ".repeat(50_000))).contains("too long"));
    let chain = format!("{}context.conflicts == 0", "context.conflicts == 1 || ".repeat(45));
    let set = policies(&export(&chain));
    let _ = judge(&set, &own("export"));
    let nest = format!("{}context.conflicts == 1{}", "!(".repeat(29), ")".repeat(29));
    let set = policies(&export(&nest));
    let _ = judge(&set, &own("export"));
}

#[test]
fn the_hash_is_of_the_policies_and_of_nothing_around_them() {
    let (a, b) = (export("context.conflicts == 0"), "@id(\"f\") forbid(principal, action, resource);");
    let hash = |files: &[(&str, String)]| {
        let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        load(&vocabulary(), &files).unwrap().hash().to_owned()
    };
    let one = hash(&[("one.cedar", format!("{a}\n{b}"))]);
    assert_eq!(one, hash(&[("b", b.to_owned()), ("a", a.replace(' ', "  // why\n"))]));
    assert_ne!(one, hash(&[("one.cedar", format!("{b}{}", export("context.conflicts == 1")))]));
    assert_eq!(one.len(), 64);
}

#[test]
fn an_action_that_nothing_permits_is_a_warning() {
    let set = policies(&export("true"));
    let said: Vec<_> = set.warnings().iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|it| it.contains("no policy permits `erase`")), "{said:?}");
}

#[test]
fn the_policies_that_come_with_us_load_without_a_warning() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/");
    let files = ["export", "erase", "purge"].map(|name| {
        let file = format!("{name}.cedar");
        (file.clone(), std::fs::read_to_string(format!("{folder}{file}")).unwrap())
    });
    let set = load(&vocabulary(), &files).unwrap();
    assert_eq!(set.warnings(), []);
    assert_eq!(set.methods_named("erase").into_iter().collect::<Vec<_>>(), ["email", "totp"]);
}

#[test]
fn the_cooling_off_stands_once_for_a_demo_to_shorten() {
    let erase = include_str!("../../../policies/erase.cedar");
    assert_eq!(erase.matches("duration(\"72h\")").count(), 1);
    policies(&erase.replace("duration(\"72h\")", "duration(\"3s\")"));
}
