//! The glass is broken on a real server: the request goes past the usual policies, every officer gets mail, the mark stays,
//! and the review that nobody did is seen by everybody who looks.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::asked::People;
use crate::node::Node;

const EMERGENCY: &str = r#"@id("erase.emergency")
permit (principal, action == Action::"erase", resource is Subject)
when { principal is Service && context.attested.contains("identity") };
"#;

/// Where one is on call who holds no seat that reviews, and what they broke has to be reviewed so soon.
pub(crate) fn with_glass(node: &Node, review_within: &str) {
    let path = node.folder().join("settings/settings.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let section = format!(
        "[break_glass]\npolicies = \"policies/break-glass.cedar\"\nwho = [\"data_owner\"]\n\
         seats = [\"privacy\"]\nreview_within = \"{review_within}\"\n\n[requester_attributes]"
    );
    assert!(settings.contains("[requester_attributes]"));
    std::fs::write(&path, settings.replace("[requester_attributes]", &section)).unwrap();
    std::fs::write(node.folder().join("settings/policies/break-glass.cedar"), EMERGENCY).unwrap();
    let path = node.folder().join("people.toml");
    let people = std::fs::read_to_string(&path).unwrap();
    let cora = "\n[[person]]\nname = \"Cora Call\"\nidentities = { email = \"cora@example.test\" }\n\
         seats = [\"data_owner\"]\nroles = [\"reviewer\"]\n";
    std::fs::write(&path, people + cora).unwrap();
}

fn glass(node: &Node, word: &str, id: &str, rest: &[&str], token: &str) -> std::process::Output {
    let token = format!("tokens/{token}");
    let call = ["glass", word, id, "--server", node.url(), "--token-file", &token];
    node.say(&[&call, rest].concat())
}

/// How many mails in the inbox have this subject and this reader.
fn mails(inbox: &Path, subject: &str, to: &str) -> usize {
    let Ok(files) = std::fs::read_dir(inbox) else { return 0 };
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default());
    texts.filter(|text| text.contains(subject) && text.contains(to)).count()
}

#[test]
fn broken_glass_is_told_to_every_officer_and_stands_open_until_somebody_else_reviewed_it() {
    let mut node = Node::prepare(60, |node| with_glass(node, "3s"));
    node.start();
    let people = People::at(&node);
    let id = people.ask("erase", 20);
    people.until(&id, "it waits for an officer", |seen| seen.digest.is_some());
    let refused = glass(&node, "break", &id, &["--reason", "now"], "olga-officer");
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("may not break the glass"), "{why}");
    let broken = glass(&node, "break", &id, &["--reason", "a stalker knows the address"], "cora-call");
    assert!(broken.status.success(), "{}", String::from_utf8_lossy(&broken.stderr));
    let seen = people.until(&id, "it is carried out", |seen| seen.status == "completed");
    let mark = seen.more.get("glass").unwrap();
    assert_eq!(mark["reason"], "a stalker knows the address");
    assert_eq!(mark["seats"], serde_json::json!(["privacy"]));

    let inbox = node.folder().join("inbox");
    let deadline = Instant::now() + Duration::from_secs(60);
    let until = |what: &str, is: &dyn Fn() -> bool| {
        while !is() {
            assert!(Instant::now() < deadline, "{what}\n{}", node.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    for to in ["olga@example.test", "otto@example.test"] {
        until("every officer is told", &|| mails(&inbox, "GLASS BROKEN", to) == 1);
        until("and again when nobody reviewed it", &|| mails(&inbox, "OVERDUE", to) == 1);
    }
    assert!(people.page("/metrics").contains("countersign_glass{review=\"overdue\"} 1"));
    let said = node.say(&["doctor"]);
    let report = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(5), "{report}");
    assert!(
        report.contains("look broken glass") && report.contains("glass list --review overdue"),
        "{report}"
    );
    let list = ["--review", "overdue"];
    let shown = |list: &[&str]| {
        let call =
            ["glass", "list", "--json", "--server", node.url(), "--token-file", "tokens/opal-operator"];
        node.run(&[&call, list].concat())
    };
    assert!(shown(&list).contains(&id));

    let own = glass(&node, "review", &id, &["--seat", "data_owner", "--justified"], "cora-call");
    let why = String::from_utf8_lossy(&own.stderr).into_owned();
    assert!(!own.status.success() && why.contains("own_request"), "{why}");
    let review = ["--seat", "privacy", "--unjustified", "--text", "an hour would have done"];
    let reviewed = glass(&node, "review", &id, &review, "otto-officer");
    assert!(reviewed.status.success(), "{}", String::from_utf8_lossy(&reviewed.stderr));
    assert!(!shown(&list).contains(&id), "{}", shown(&list));
    assert!(shown(&[]).contains(&id), "the mark stays: {}", shown(&[]));
    assert_eq!(node.say(&["doctor"]).status.code(), Some(0));
    node.stop();
}
