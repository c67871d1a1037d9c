//! Who may call what, as a picture: `tests/roles.txt`.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::given::{House, MAP, POLICY, SETTINGS, house};
use crate::openapi::calls;

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/roles.txt");
const CALLERS: [&str; 10] = [
    "nobody",
    "subject",
    "subject, another's",
    "desk",
    "submitter",
    "submitter, another's",
    "reviewer",
    "operator",
    "auditor",
    "administrator",
];
/// How wide a column is.
const WIDE: usize = 22;
const LEGEND: &str = "# Who may make which call. `yes`: let through, whatever came of it. `no`: 403. `401`: who are you?\n\
    # `404`: not for this token. `subject` and those who submit call about a request of their own, in the column\n\
    # beside about another's, the others about one of the support desk (`desk`, a service that attests identities).\n\
    # UPDATE_ROLES=1 cargo test -p countersign-web roles\n\n";

#[tokio::test]
async fn every_role_may_make_the_calls_of_the_picture_and_no_other() {
    let mut columns = Vec::new();
    for caller in CALLERS {
        columns.push(column(caller).await);
    }
    let mut drawn = format!("{LEGEND}{:<60}", "");
    drawn.extend(CALLERS.map(|caller| format!("{caller:<WIDE$}")));
    drawn.push('\n');
    for (n, (method, path, _)) in calls().iter().enumerate() {
        let mut line = format!("{:<60}", format!("{method} {path}"));
        line.extend(columns.iter().map(|column| format!("{:<WIDE$}", column[n])));
        drawn.push_str(line.trim_end());
        drawn.push('\n');
    }
    let drawn = drawn.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    if std::env::var_os("UPDATE_ROLES").is_some() {
        std::fs::write(PICTURE, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(PICTURE).unwrap_or_default();
    assert!(drawn == kept, "roles.txt is not what is:\n{drawn}");
}

/// What each call answers to `caller`, in a house of its own.
async fn column(caller: &str) -> Vec<&'static str> {
    let house = house().await;
    let (id, token) = match caller {
        "nobody" => (house.erasure().await["id"].as_str().unwrap().to_owned(), None),
        "subject" => {
            let (id, token) = house.subjects_own().await;
            (id, Some(token))
        }
        "subject, another's" => {
            let (_, token) = house.subjects_own().await;
            (house.subjects_own().await.0, Some(token))
        }
        "submitter, another's" => {
            let id = house.erasure().await["id"].as_str().unwrap().to_owned();
            (id, Some(house.token("submitter").to_owned()))
        }
        "submitter" => {
            let body = json!({"action": "erase", "subject": {"email": "ana@example.test"}});
            let own = house.call("submitter", "POST", "/v1/requests", body).await.json();
            (own["id"].as_str().unwrap().to_owned(), Some(house.token("submitter").to_owned()))
        }
        role => {
            (house.erasure().await["id"].as_str().unwrap().to_owned(), Some(house.token(role).to_owned()))
        }
    };
    let seen = house.call("operator", "GET", &format!("/v1/requests/{id}"), Value::Null).await.json();
    let digest = seen["digest"].as_str().unwrap_or_default().to_owned();
    let mut answers = Vec::new();
    for (method, path, call) in calls() {
        let operation = call["operationId"].as_str().unwrap();
        let path = path_of(&house, operation, &path, &id).await;
        let mut request = Request::builder().method(&*method).uri(&path);
        if let Some(token) = &token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = match body_of(operation, &id, &digest) {
            Some(body) => {
                request.header("content-type", "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        let status = house.status(request.unwrap()).await;
        assert!(!status.is_server_error(), "{caller}: {method} {path}: {status}");
        answers.push(match status.as_u16() {
            401 => "401",
            403 => "no",
            404 => "404",
            // A call that this test did not fill in rightly would look like one that was let through.
            400 | 405 | 413 | 415 => panic!("{caller}: {method} {path}: {status}"),
            _ => "yes",
        });
    }
    answers
}

async fn path_of(house: &House, operation: &str, path: &str, request: &str) -> String {
    match operation {
        "revokeToken" => {
            let tokens = house.call("administrator", "GET", "/v1/tokens", Value::Null).await.json();
            let minted = tokens["items"].as_array().unwrap().iter().find(|token| token["service"] == "desk");
            format!("/v1/tokens/{}", minted.unwrap()["id"].as_str().unwrap())
        }
        "resumeAction" => "/v1/limits/erase/resume".to_owned(),
        "readTile" => "/ledger/tile/0/000.p/1".to_owned(),
        "placeLegalHold" | "liftLegalHold" => "/v1/legal-holds/case-1".to_owned(),
        "removePerson" | "setRoles" | "giveSeat" | "takeSeat" | "enrolTotp" | "invite" | "listSessions"
        | "endSessions" | "endSession" => path
            .replace("{id}", &house.people["auditor"].to_string())
            .replace("{seat}", "privacy")
            .replace("{session}", "s000000000000"),
        _ => path.replace("{id}", request).replace("{method}", "email"),
    }
}

fn body_of(operation: &str, request: &str, digest: &str) -> Option<Value> {
    Some(match operation {
        "submitRequest" => json!({"action": "erase", "subject": {"email": "ana@example.test"}}),
        "startVerification" => json!({"method": "email"}),
        "prove" => json!({"code": "000000"}),
        "vote" if digest.is_empty() => json!({"vote": "deny", "seat": "privacy"}),
        "vote" => json!({"vote": "approve", "seat": "privacy", "digest": digest}),
        "resolveRequest" => json!({"subject": {"account": "1"}}),
        "extendRequest" => json!({"due_at": "2099-01-01T00:00:00Z"}),
        "commentOnRequest" => json!({"text": "seen"}),
        "breakGlass" => json!({"reason": "an emergency"}),
        "reviewGlass" => json!({"seat": "privacy", "justified": true}),
        "placeLegalHold" => json!({"subject": {"email": "ana@example.test"}}),
        "applySettings" => {
            let files =
                json!({"settings.toml": SETTINGS, "maps/shop.toml": MAP, "policies/erase.cedar": POLICY});
            json!({"files": files, "dry_run": true})
        }
        "tryPolicies" => json!({"request": request, "policies": {"a.cedar": POLICY}}),
        "addPerson" => json!({"name": "Bo", "identities": {"email": "bo@staff.example"}}),
        "setRoles" => json!({"roles": ["auditor"]}),
        "mintToken" => json!({"service": "crm", "roles": ["submitter"]}),
        _ => return None,
    })
}
