//! Broken glass at the console: marked wherever it stands, and reviewed by somebody else.

use countersign_service::caller::Caller;

use super::*;

const SECTION: &str =
    "\n[break_glass]\npolicies = \"policies/emergency.cedar\"\nwho = [\"on_call\"]\nseats = [\"privacy\"]\n";
const EMERGENCY: &str = "@id(\"erase.emergency\")\npermit (principal, action == Action::\"erase\", resource is Subject)\n\
    when { context.approvals.privacy >= 1 };\n";

/// Where the operator is on call, and broke the glass of an erasure that waits on.
async fn broken(house: &House) -> String {
    let admin: Caller = house.service.caller(house.token("administrator")).await.unwrap();
    let mut bundle = house.service.settings().await.unwrap().bundle.clone();
    let settings = bundle.files.get_mut("settings.toml").unwrap();
    *settings = settings.replace("[\"privacy\"]", "[\"privacy\", \"on_call\"]") + SECTION;
    bundle.files.insert("policies/emergency.cedar".to_owned(), EMERGENCY.to_owned());
    house.service.apply(&admin, bundle, None, false).await.unwrap();
    for seat in ["on_call", "privacy"] {
        house.service.set_seat(&admin, house.people["operator"], seat, true).await.unwrap();
    }
    let (id, _) = erasure(house).await;
    let body = json!({"reason": "a <b>stalker</b> knows the address"});
    let answer = house.call("operator", "POST", &format!("/v1/requests/{id}/break-glass"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    id
}

#[tokio::test]
async fn broken_glass_is_marked_wherever_it_stands_and_reviewed_by_somebody_else() {
    let house = house().await;
    let (whole, _) = erasure(&house).await;
    let id = broken(&house).await;
    let mut olga = clerk(&house, "reviewer").await;
    for path in
        ["/console", "/console/requests", "/console/requests?status=waiting", "/console/requests?glass=due"]
    {
        let page = olga.get(path).await;
        let row =
            |id: &str| page.text.split("<tr").find(|row| row.contains(id)).unwrap_or_default().to_owned();
        assert!(row(&id).contains("glass broken"), "{path}: {}", page.text);
        assert!(!row(&whole).contains("glass broken"), "{path}");
    }
    let here = format!("/console/requests/{id}");
    let page = olga.get(&here).await;
    for part in [
        "glass broken</strong> by operator",
        "a &lt;b&gt;stalker&lt;/b&gt;",
        "To be reviewed by",
        "Your review",
    ] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    // Who broke it sees why they do not review it, and may not all the same.
    let mut opal = clerk(&house, "operator").await;
    let own = opal.get(&here).await;
    assert!(own.text.contains("Somebody else reviews this") && !own.text.contains("Your review"));
    let (_, fields) = own.form("/comment");
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .chain([("seat", "privacy"), ("justified", "yes"), ("text", "fine")])
        .collect();
    let forged = opal.post(&format!("{here}/review"), &fields).await;
    assert!(forged.location.ends_with("note=own_request"), "{}", forged.location);

    let fields = [("justified", "no"), ("text", "Nobody was in danger")];
    let sent = olga.send_to(&page, "/review", &fields).await;
    assert_eq!(sent.location, format!("{here}?note=reviewed"));
    // Pressed twice.
    assert_eq!(olga.send_to(&page, "/review", &fields).await.location, sent.location);
    let page = olga.get(&sent.location).await;
    for part in ["Your review stands.", "Reviewed by reviewer", "not justified", "Nobody was in danger"] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    assert!(!page.text.contains("Your review</h2>") && page.text.contains("glass broken"));
    assert!(olga.get("/console/requests?glass=done").await.text.contains(&id));
    assert!(!olga.get("/console/requests?glass=due").await.text.contains(&id));
}
