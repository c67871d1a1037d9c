//! Requests from submission to the last vote, and what a list shows of them.

use serde_json::{Value, json};

use crate::given::house;

#[tokio::test]
async fn request_says_what_is_missing_until_somebody_signs() {
    let house = house().await;
    let request = house.erasure().await;
    assert_eq!(request["status"], "waiting");
    assert_eq!(request["submitted_at"].as_str().unwrap().len(), "2026-02-02T09:00:00.000Z".len());
    assert_eq!(request["requester"], json!({"kind": "service", "name": "desk"}));
    assert_eq!(request["verdict"]["decision"], "hold");
    let missing = &request["verdict"]["paths"][0]["missing"];
    assert_eq!(*missing, json!([{"kind": "vote", "group": "privacy", "need": 2, "have": 0}]));
    assert_eq!(request["plan"]["sources"][0]["tables"][0]["rows"], 1);

    let path = format!("/v1/requests/{}", request["id"].as_str().unwrap());
    let stale = json!({"vote": "approve", "seat": "privacy", "digest": "0".repeat(64)});
    let answer = house.call("reviewer", "POST", &format!("{path}/votes"), stale).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (409, "stale_digest"));
    let ballot = json!({"vote": "approve", "seat": "privacy", "digest": request["digest"]});
    let answer = house.call("reviewer", "POST", &format!("{path}/votes"), ballot.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["votes"][0]["counts"], true);
    assert_eq!(answer.json()["verdict"]["paths"][0]["missing"][0]["have"], 1);
    let again = house.call("reviewer", "POST", &format!("{path}/votes"), ballot).await;
    assert_eq!((again.status.as_u16(), &*again.code()), (409, "already_voted"));

    let evidence = house.call("auditor", "GET", &format!("{path}/evidence"), Value::Null).await.json();
    assert!(evidence["entries"].as_array().unwrap().len() >= 3);
    assert!(!evidence.to_string().contains("ana@example.test"));
}

#[tokio::test]
async fn plan_shows_bytes_and_a_few_rows_without_their_values() {
    let house = house().await;
    let path = format!("/v1/requests/{}", house.erasure().await["id"].as_str().unwrap());
    let seen = house.call("reviewer", "GET", &path, Value::Null).await.json();
    let source = &seen["plan"]["sources"][0];
    assert_eq!((&source["tables"][0]["bytes"], source["tables"][1].get("bytes")), (&json!(2048), None));
    assert_eq!(source["samples"][0]["rows"], json!([["A*** S***", ""]]));
    assert_eq!(source["samples"][0]["columns"][0], "name");
    assert_eq!((source.get("last_time"), seen["plan"].get("last_time")), (None, None), "it was never done");
    // What an act answers with may be kept for whoever repeats it: rows are not in it.
    let comment = house.call("reviewer", "POST", &format!("{path}/comments"), json!({"text": "seen"})).await;
    assert_eq!(comment.json()["plan"]["sources"][0].get("samples"), None);

    let evidence = house.call("auditor", "GET", &format!("{path}/evidence"), Value::Null).await.json();
    assert_eq!(evidence["notices"], json!([]), "nobody outside is to be told");
    assert!(!evidence.to_string().contains("***"));
}

#[tokio::test]
async fn denial_needs_no_digest_and_says_who_denied() {
    let house = house().await;
    let path = format!("/v1/requests/{}", house.erasure().await["id"].as_str().unwrap());
    let ballot = json!({"vote": "deny", "seat": "privacy", "reason": "not now"});
    let answer = house.call("reviewer", "POST", &format!("{path}/votes"), ballot).await.json();
    assert_eq!(answer["status"], "denied");
    assert_eq!(answer["result"]["outcome"], "denied");
    assert_eq!(answer["result"]["by"]["kind"], "person");
}

#[tokio::test]
async fn subject_gets_a_token_that_opens_their_own_request_alone() {
    let mut house = house().await;
    let (id, token) = house.subjects_own().await;
    let other = house.erasure().await["id"].as_str().unwrap().to_owned();
    house.tokens.insert("subject", token);
    let answer = house.call("subject", "GET", &format!("/v1/requests/{id}"), Value::Null).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["request_token"]), (200, &Value::Null));
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = house.call("subject", "GET", &format!("/v1/requests/{other}"), Value::Null).await;
    assert_eq!(answer.status, 404);
    let started = house
        .call("subject", "POST", &format!("/v1/requests/{id}/verifications"), json!({"method": "email"}))
        .await;
    assert_eq!(started.status, 201, "{}", started.text());
    let path = format!("/v1/requests/{id}/verifications/email");
    let wrong = house.call("subject", "PUT", &path, json!({"code": "00000000"})).await;
    assert_eq!(
        (wrong.status.as_u16(), &*wrong.code(), &wrong.json()["left"]),
        (422, "wrong_code", &json!(4))
    );
    let answer = house.call("subject", "POST", &format!("/v1/requests/{id}/withdraw"), Value::Null).await;
    assert_eq!(answer.json()["status"], "withdrawn");
}

#[tokio::test]
async fn pages_hold_every_request_once() {
    let house = house().await;
    let mut all = Vec::new();
    for n in 0..7 {
        let body = json!({"action": "erase", "subject": {"email": format!("p{n}@example.test")}});
        let answer = house.call("submitter", "POST", "/v1/requests", body).await;
        assert_eq!(answer.status, 201);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("location"), format!("/v1/requests/{id}"));
        all.push(id);
    }
    for (order, expected) in [("oldest", all.clone()), ("newest", all.iter().rev().cloned().collect())] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path =
                format!("/v1/requests?status=waiting,released&action=erase&limit=3&order={order}{cursor}");
            let page = house.call("operator", "GET", &path, Value::Null).await.json();
            let ids =
                page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
            seen.extend(ids);
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let (mut once, mut wanted) = (seen.clone(), expected.clone());
        once.sort();
        wanted.sort();
        assert_eq!(once, wanted, "{order}");
    }
    let found =
        house.call("operator", "GET", "/v1/requests?subject=email:P3@example.test", Value::Null).await.json();
    assert_eq!(found["items"][0]["id"], json!(all[3]));
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn hold_in_the_way_of_an_open_request_names_it() {
    let house = house().await;
    let request = house.erasure().await;
    let hold = json!({"subject": {"account": "1"}});
    let answer = house.call("administrator", "PUT", "/v1/legal-holds/case-7", hold).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["open"][0]["id"], request["id"]);
    assert_eq!(
        house.call("administrator", "DELETE", "/v1/legal-holds/case-7", Value::Null).await.status,
        204
    );
    let answer = house.call("administrator", "DELETE", "/v1/legal-holds/case-8", Value::Null).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn mistakes_in_settings_are_placed_in_their_files() {
    let house = house().await;
    let body =
        json!({"files": {"settings.toml": "environment = \"test\"\ntime_zone = \"UTC\"\ngruops = []\n"}});
    let answer = house.call("administrator", "POST", "/v1/settings", body).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (422, "mistakes"));
    let mistake = &answer.json()["mistakes"][0];
    assert_eq!((&mistake["file"], &mistake["line"]), (&json!("settings.toml"), &json!(3)));
}

#[tokio::test]
async fn node_says_how_it_is() {
    let house = house().await;
    house.erasure().await;
    assert_eq!(house.call("", "GET", "/healthz", Value::Null).await.json(), json!({"status": "ok"}));
    assert_eq!(house.call("", "GET", "/readyz", Value::Null).await.json()["settings_version"], 1);
    let metrics = house.call("", "GET", "/metrics", Value::Null).await;
    let line = "countersign_requests{action=\"erase\",status=\"waiting\"} 1\n";
    assert!(metrics.text().contains(line), "{}", metrics.text());
    let limits = house.call("auditor", "GET", "/v1/limits", Value::Null).await.json();
    assert!(
        limits.as_array().unwrap().iter().any(|gauge| gauge["action"] == "erase" && gauge["waiting"] == 1)
    );
}
