//! What a page weighs with all that it loads, in a house where much is.

use std::collections::BTreeMap;

use super::attack::crawl;
use super::*;
use crate::given::{MAP, SETTINGS};

/// The most that a page and what it loads may weigh, in bytes.
const MOST: usize = 100_000;
/// More than a page of a list has.
const MANY: usize = 52;

/// Long files of settings, of which every character is one that grows on a page.
fn padded(text: &str, mark: &str) -> String {
    format!("{text}\n{}", format!("{mark} \"{}\"\n", "<&>".repeat(25)).repeat(800))
}

#[tokio::test]
async fn every_page_is_light_in_a_house_where_much_is() {
    let house = house().await;
    let settings = SETTINGS.replace("[\"privacy\"]", "[\"privacy\", \"legal\", \"security\"]");
    let (map, policy) = (padded(MAP, "#"), padded(crate::given::POLICY, "//"));
    assert!(map.len() > 60_000 && policy.len() > 60_000);
    let files = json!({"settings.toml": settings, "maps/shop.toml": map, "policies/erase.cedar": policy});
    let entered = house.call("administrator", "POST", "/v1/settings", json!({"files": files})).await;
    assert_eq!(entered.status, 200, "{}", entered.text());
    // Holds before there is anything that would be judged again for each of them.
    for n in 0..MANY {
        let hold = json!({"subject": {"email": "ana@example.test"}});
        let path = format!("/v1/legal-holds/case-2026-{n}");
        let held = house.call("administrator", "PUT", &path, hold).await;
        assert!(held.status.is_success(), "{}", held.text());
        let body = json!({"service": format!("a-program-with-a-long-name-{n}"), "roles": ["submitter"]});
        assert_eq!(house.call("administrator", "POST", "/v1/tokens", body).await.status, 201);
    }
    for n in 0..100 {
        let email = format!("somebody.with.a.long.name.{n}@department.staff.example");
        let body = json!({"name": format!("Somebody with a long name {n}"), "identities": {"email": email}});
        assert_eq!(house.call("administrator", "POST", "/v1/people", body).await.status, 201);
    }
    for _ in 0..MANY {
        let reason = "r".repeat(2_000);
        let body = json!({"action": "erase", "subject": {"email": "ana@example.test"}, "reason": reason});
        assert_eq!(house.call("desk", "POST", "/v1/requests", body).await.status, 201);
    }
    let (id, _) = erasure(&house).await;
    let address = format!("/console/requests/{id}");
    let (mut weighed, mut files) = (BTreeMap::new(), BTreeMap::new());
    for role in ["submitter", "reviewer", "operator", "administrator"] {
        let mut clerk = clerk(&house, role).await;
        let mut pages = crawl(&mut clerk, &["/console", &address]).await;
        for path in ["/account", "/account/sessions", "/sign-in/again", "/privacy"] {
            pages.push((path.to_owned(), clerk.get(path).await));
        }
        if ["reviewer", "operator", "auditor"].contains(&role) {
            let form = clerk.get("/console/requests").await;
            let fields = [("text", "ana@example.test")];
            pages.push(("search".to_owned(), clerk.send_to(&form, "/search", &fields).await));
        }
        for (path, page) in pages {
            if page.header("content-type").starts_with("text/html") {
                let weight = weigh(&mut clerk, &page, &mut files).await;
                assert!(weight < MOST, "{role}: {path}: {weight} bytes");
                let heaviest = weighed.entry(path.split('?').next().unwrap().to_owned()).or_insert(0);
                *heaviest = weight.max(*heaviest);
            }
        }
    }
    let heavy = weighed.iter().max_by_key(|(_, weight)| **weight).unwrap();
    eprintln!("of {} pages the heaviest is {} with {} bytes", weighed.len(), heavy.0, heavy.1);
    assert!(weighed.len() > 20, "{weighed:?}");
}

/// A page with its style sheets, scripts and pictures.
async fn weigh(clerk: &mut Browser<'_>, page: &Page, files: &mut BTreeMap<String, usize>) -> usize {
    let mut weight = page.text.len();
    let loaded = page.text.split('"').filter(|it| it.starts_with('/') && it.contains("?v="));
    for name in loaded {
        if !files.contains_key(name) {
            let file = clerk.get(name).await;
            assert_eq!(file.status, 200);
            files.insert(name.to_owned(), file.text.len());
        }
        weight += files[name];
    }
    weight
}
