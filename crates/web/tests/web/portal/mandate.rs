//! An agent's mandate as its subject meets it: by buttons, and not by looking.

use serde_json::json;

use super::*;

#[tokio::test]
async fn subject_confirms_and_takes_back_an_agents_mandate_by_buttons_and_not_by_looking() {
    let house = open().await;
    house.service.portal_at("http://privacy.test/privacy");
    let body = json!({
        "action": "erase", "requester": "agent", "subject": {"email": "ana@example.test"}, "mandate": "<b>hers</b>",
    });
    let request = house.call("submitter", "POST", "/v1/requests", body).await.json();
    let id = request["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/requests/{id}/verifications");
    let started = house.call("submitter", "POST", &path, json!({"method": "email"})).await;
    assert_eq!(started.status, 201, "{}", started.text());
    let mut link = None;
    for _ in 0..1000 {
        link = house.mail.lock().unwrap().iter().find_map(|mail| match &mail.about {
            About::Mandate { link, .. } if mail.to == "ana@example.test" => Some(link.clone()),
            _ => None,
        });
        if link.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let link = link.expect("a mail came").strip_prefix("http://privacy.test").unwrap().to_owned();
    let state = async || {
        let seen =
            house.call("operator", "GET", &format!("/v1/requests/{id}"), serde_json::Value::Null).await;
        (
            seen.json()["status"].as_str().unwrap().to_owned(),
            seen.json()["verifications"].as_array().unwrap().len(),
        )
    };
    let mut ana = Browser::new(&house);
    for _ in 0..3 {
        let page = ana.get(&link).await;
        assert_eq!(page.status, 200);
        assert!(
            page.text.contains("submitter says that they act for you") && page.text.contains("&lt;b&gt;hers")
        );
    }
    assert_eq!(state().await, ("waiting".to_owned(), 0), "looking confirms nothing");
    assert_eq!(ana.get(&format!("/privacy/mandates/{id}?key=00")).await.status, 410);
    let page = ana.get(&link).await;
    // From another site nothing is pressed.
    let mut other = Browser { site: Some("cross-site"), ..Browser::new(&house) };
    other.cookies = ana.cookies.clone();
    other.send_to(&page, "", &[("answer", "confirm")]).await;
    assert_eq!(state().await.1, 0);
    let ending = format!("/mandates/{id}");
    let page = ana.send_to(&page, &ending, &[("answer", "confirm")]).await;
    assert!(page.text.contains("You confirmed this."), "{}", page.text);
    assert_eq!(state().await.1, 1);
    let page = ana.send_to(&page, &ending, &[("answer", "revoke")]).await;
    assert!(page.text.contains("It is taken back."), "{}", page.text);
    assert_eq!(state().await.0, "withdrawn");
    assert!(!ana.get(&link).await.text.contains("<button type=\"submit\" name=\"answer\""));
}
