//! Who somebody is here whom the provider vouches for, and what their groups give and take.

use super::super::codes::{asks, device, mailed};
use super::*;

async fn account(browser: &mut Browser<'_>) -> String {
    browser.get("/account").await.text
}

async fn person(house: &House, email: &str) -> Value {
    let people = house.call("administrator", "GET", "/v1/people?limit=200", Value::Null).await.json();
    let all = people["items"].as_array().unwrap().clone();
    let mut found = all.into_iter().filter(|it| it["identities"]["email"] == email);
    let only = found.next().unwrap_or_else(|| panic!("nobody has {email}: {people}"));
    assert!(found.next().is_none(), "{email} is two people");
    only
}

#[tokio::test]
async fn seats_and_roles_are_those_of_the_groups_at_each_sign_in() {
    let (house, idp) = company().await;
    let mut first = inside(&house, &idp, json!({})).await;
    assert!(account(&mut first).await.contains("reviewer"));
    // More takes nothing away: the other session goes on.
    let mut second = inside(&house, &idp, json!({"groups": ["dpo", "it"]})).await;
    assert!(account(&mut second).await.contains("operator") && is_in(&mut first).await);
    // Less ends what was open.
    let mut third = inside(&house, &idp, json!({"groups": "it"})).await;
    assert!(!account(&mut third).await.contains("reviewer"));
    assert!(!is_in(&mut first).await && !is_in(&mut second).await);
    for groups in [json!([]), json!(null), json!(["administrator"]), json!({"dpo": true}), json!([7])] {
        let mut browser = Browser::new(&house);
        let came = come(&mut browser, &idp, json!({"groups": groups})).await;
        assert_eq!((came.status, came.text.contains("nothing here for you")), (403, true), "{groups}");
    }
    assert!(!is_in(&mut third).await);
    let olga = person(&house, "olga@staff.example").await;
    assert_eq!((&olga["seats"], &olga["roles"]), (&json!([]), &json!([])), "{olga}");
    // The ledger tells all of it, and nothing of who she is there.
    let store = house.service.store();
    let size = u32::try_from(store.head().await.unwrap().0).unwrap();
    let entries = String::from_utf8(store.entries(0, size).await.unwrap().concat()).unwrap();
    let did: Vec<&str> =
        entries.split("\"did\":\"").skip(1).map(|it| it.split('"').next().unwrap()).collect();
    let did: Vec<&str> =
        did.into_iter().filter(|it| it.ends_with("by_groups") || *it == "provisioned").collect();
    let story =
        ["provisioned", "seated_by_groups", "roles_by_groups", "unseated_by_groups", "roles_by_groups"];
    assert_eq!(did, story);
    assert!(!entries.contains("olga") && !entries.contains("login.test"));
}

#[tokio::test]
async fn votes_of_whoever_lost_the_seat_count_no_longer() {
    let idp = Idp::default();
    let settings = SETTINGS.to_owned() + OIDC;
    let house = house_set(WebOptions::default(), &settings, &[], Some(idp.provider())).await;
    let request = house.erasure().await;
    let here = format!("/console/requests/{}", request["id"].as_str().unwrap());
    let mut olga = inside(&house, &idp, json!({})).await;
    let page = olga.get(&here).await;
    assert!(olga.send_to(&page, "/vote", &[("vote", "approve")]).await.location.ends_with("approved"));
    let mut otto = inside(&house, &idp, json!({"sub": "otto", "email": "otto@staff.example"})).await;
    assert!(otto.get(&here).await.text.contains("1 more to sign"));
    inside(&house, &idp, json!({"groups": ["it"]})).await;
    for _ in 0..500 {
        if otto.get(&here).await.text.contains("2 more to sign") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("her vote counts still");
}

#[tokio::test]
async fn somebody_known_by_the_same_verified_address_is_the_same_person() {
    let (house, idp) = company().await;
    let mail = |who: &str| json!({"sub": who, "email": format!("{who}@staff.example")});
    // Whoever has nothing there keeps what they have here, and does not come in by it.
    let mut none = mail("reviewer");
    none["groups"] = json!([]);
    let mut browser = Browser::new(&house);
    assert_eq!(come(&mut browser, &idp, none).await.status, 403);
    assert_eq!(person(&house, "reviewer@staff.example").await["seats"], json!(["privacy"]));
    // An address that nobody vouches for is nobody's.
    for unverified in [json!(false), json!(null), json!("yes")] {
        let mut claims = mail("reviewer");
        claims["email_verified"] = unverified;
        let came = come(&mut browser, &idp, claims).await;
        assert_eq!((came.status, came.text.contains("not verified")), (403, true));
    }
    let mut claims = mail("reviewer");
    claims["groups"] = json!(["it"]);
    claims["email"] = json!("Reviewer@Staff.example");
    inside(&house, &idp, claims).await;
    let reviewer = person(&house, "reviewer@staff.example").await;
    assert_eq!(reviewer["id"], house.people["reviewer"].to_string());
    assert_eq!((&reviewer["seats"], &reviewer["roles"]), (&json!([]), &json!(["operator"])));
    // Another account at the provider with that address is not let in as them.
    let mut other = mail("reviewer");
    other["sub"] = json!("somebody-else");
    let came = come(&mut browser, &idp, other).await;
    assert_eq!((came.status, came.text.contains("not clear who you are")), (403, true));
    // Nobody administers by another's word.
    let came = come(&mut browser, &idp, mail("administrator")).await;
    assert_eq!((came.status, came.text.contains("You administer")), (403, true));
    assert!(!browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn whoever_comes_by_the_provider_has_no_other_way_in_and_no_seat_by_hand() {
    let (house, idp) = company().await;
    inside(&house, &idp, json!({"groups": ["it"]})).await;
    let olga = person(&house, "olga@staff.example").await;
    let path = format!("/v1/people/{}", olga["id"].as_str().unwrap());
    let invited = house.call("administrator", "POST", &format!("{path}/invitation"), Value::Null).await;
    assert_eq!(invited.status, 409, "{}", invited.text());
    let seated = house.call("administrator", "PUT", &format!("{path}/seats/privacy"), Value::Null).await;
    assert_eq!(seated.status, 409, "{}", seated.text());
    let roles = json!({"roles": ["operator", "auditor"]});
    assert_eq!(house.call("administrator", "PUT", &format!("{path}/roles"), roles).await.status, 409);
    // Taking is another thing, for a night when the provider cannot be reached.
    let roles = json!({"roles": []});
    assert_eq!(house.call("administrator", "PUT", &format!("{path}/roles"), roles).await.status, 200);
}

/// What they set up before, or set up now, would outlive their leave from the company.
#[tokio::test]
async fn mailed_link_lets_nobody_in_who_comes_by_the_provider() {
    let (house, idp) = company().await;
    let mail = |who: &str| json!({"sub": who, "email": format!("{who}@staff.example")});
    // Asked for while an invitation was the way in, and opened when the provider is.
    let mut device = device(&house, &mut super::super::inside(&house, "reviewer").await).await;
    let mut browser = Browser::new(&house);
    asks(&mut browser, "reviewer@staff.example").await;
    let link = mailed(&house).await;
    let page = browser.get(&link).await;
    assert_eq!(page.status, 200, "{}", page.text);
    inside(&house, &idp, mail("reviewer")).await;
    let code = device.code(&house).await;
    let sent = browser.send_to(&page, &link, &[("code", &code)]).await;
    assert_eq!((sent.status, sent.text.contains("This link works no longer")), (410, true), "{}", sent.text);
    assert!(!browser.cookies.contains_key(SESSION));
    // None is mailed any more; the page stays the same.
    house.mail.lock().unwrap().clear();
    let again = asks(&mut browser, "reviewer@staff.example").await;
    assert_eq!(again.location, "/sign-in?note=mailed");
    let mut other = super::super::inside(&house, "operator").await;
    super::super::codes::device(&house, &mut other).await;
    asks(&mut browser, "operator@staff.example").await;
    mailed(&house).await;
    let to = |mail: &countersign_service::ports::notifier::Message| {
        (mail.about.kind() == "sign_in").then(|| mail.to.clone())
    };
    let told: Vec<String> = house.mail.lock().unwrap().iter().filter_map(to).collect();
    assert_eq!(told, ["operator@staff.example"]);
}

#[tokio::test]
async fn somebody_who_was_removed_does_not_come_back_by_the_provider() {
    let (house, idp) = company().await;
    let mut olga = inside(&house, &idp, json!({})).await;
    let path = format!("/v1/people/{}", person(&house, "olga@staff.example").await["id"].as_str().unwrap());
    assert_eq!(house.call("administrator", "DELETE", &path, Value::Null).await.status, 204);
    assert!(!is_in(&mut olga).await);
    let mut browser = Browser::new(&house);
    for claims in [json!({}), json!({"sub": "olga-again"})] {
        let came = come(&mut browser, &idp, claims.clone()).await;
        assert_eq!((came.status, came.text.contains("nothing here for you")), (403, true), "{claims}");
    }
}
