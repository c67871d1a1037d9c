//! Somebody else's fuzzer against the served description, under every role: no call fails by our fault, and none answers
//! otherwise than the description says.

use std::path::Path;
use std::process::Command;

use countersign_client::view::Submission;

use crate::asked::People;
use crate::node::Node;

/// What it holds every answer against.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Everybody who may call: the desk and the portal are services that submit; a subject has the key to their own request, and
/// strangers have nothing.
const CALLERS: [&str; 8] =
    ["desk", "portal", "olga-officer", "opal-operator", "audra-auditor", "ada-admin", SUBJECT, STRANGER];
const SUBJECT: &str = "a subject";
const STRANGER: &str = "a stranger";
/// Who reads everything and changes nothing; nobody else needs them.
const AUDITOR: &str = "\n[[person]]\nname = \"Audra Auditor\"\nidentities = { email = \"audra@example.test\" }\n\
     roles = [\"auditor\"]\n";

#[test]
fn another_fuzzer_finds_no_fault_and_no_answer_outside_the_description_under_any_role() {
    // `./test` fetches it, and says so where it cannot.
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/schemathesis/bin/st");
    if !tool.exists() {
        println!("skipped: schemathesis is not in target/schemathesis; `./test` fetches it");
        return;
    }
    let long = std::env::var_os("COUNTERSIGN_LONG").is_some();
    // Each role on a server of its own: what one changes must not hide from the others what there is.
    for token in CALLERS {
        let mut node = Node::prepare(60, |node| {
            let path = node.folder().join("people.toml");
            let people = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, people + AUDITOR).unwrap();
        });
        node.start();
        let people = People::at(&node);
        people.approve(&people.ask("erase", 20));
        let (id, secret) = match token {
            SUBJECT => {
                let (id, secret) = subject(&node);
                (id, Some(secret))
            }
            STRANGER => (people.ask("export", 21), None),
            token => {
                let secret = std::fs::read_to_string(node.folder().join("tokens").join(token)).unwrap();
                (people.ask("export", 21), Some(secret))
            }
        };
        // Half of the calls are about a request that is there.
        let known = format!("[parameters]\n\"path.id\" = [\"{id}\", \"someone\"]\n");
        std::fs::write(node.folder().join("schemathesis.toml"), known).unwrap();
        let header = secret.map(|secret| format!("Authorization: Bearer {}", secret.trim()));
        let output = Command::new(&tool)
            .arg("run")
            .arg(format!("{}/openapi.json", node.url()))
            .args(header.iter().flat_map(|header| ["--header", header]))
            .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", if long { "100" } else { "4" }, "--seed", "2026"])
            // An endless answer.
            .args(["--exclude-path", "/v1/feed"])
            .args(["--continue-on-failure", "--no-color", "--suppress-health-check", "all"])
            .args(["--generation-database", "none"])
            .current_dir(node.folder())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        let summary: Vec<&str> =
            said.lines().filter(|line| line.contains("generated") || line.contains("Tested")).collect();
        println!("{token}: {}", summary.join("; "));
        assert!(output.status.success(), "{token}: {said}{complained}");
        assert!(!node.log().contains("panicked"), "{token}: {}", node.log());
        node.stop();
    }
}

/// A request of a subject, and the key to it.
fn subject(node: &Node) -> (String, String) {
    let submission = Submission {
        action: "export".to_owned(),
        requester: Some("subject".to_owned()),
        subject: [("email".to_owned(), countersign_shop::cast::member(9).unwrap().email.to_owned())].into(),
        ..Submission::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let request = runtime.block_on(node.client("portal").submit(&submission, None)).unwrap();
    let secret = request.request_token.as_ref().unwrap().show().to_owned();
    (request.id, secret)
}
