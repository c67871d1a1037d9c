//! Broken glass at the console: marked wherever it stands, and reviewed by somebody else.

use countersign_service::caller::Caller;
use countersign_web::WebOptions;

use super::*;
use crate::given::{SETTINGS, house_set};
use crate::sign::codes::device;

const SECTION: &str =
    "\n[break_glass]\npolicies = \"policies/emergency.cedar\"\nwho = [\"on_call\"]\nseats = [\"privacy\"]\n";
const EMERGENCY: &str = "@id(\"erase.emergency\")\npermit (principal, action == Action::\"erase\", resource is Subject)\n\
    when { context.approvals.privacy >= 1 };\n";

/// Where the operator is on call.
pub(super) async fn on_call(house: &House) {
    let admin: Caller = house.service.caller(house.token("administrator")).await.unwrap();
    let mut bundle = house.service.settings().await.unwrap().bundle.clone();
    let settings = bundle.files.get_mut("settings.toml").unwrap();
    *settings = settings.replace("[\"privacy\"]", "[\"privacy\", \"on_call\"]") + SECTION;
    bundle.files.insert("policies/emergency.cedar".to_owned(), EMERGENCY.to_owned());
    house.service.apply(&admin, bundle, None, false).await.unwrap();
    for seat in ["on_call", "privacy"] {
        house.service.set_seat(&admin, house.people["operator"], seat, true).await.unwrap();
    }
}

/// There, the glass of an erasure that waits on.
async fn broken(house: &House) -> String {
    on_call(house).await;
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

const REASON: &str = "a <b>stalker</b> knows the address";

#[tokio::test]
async fn whoever_is_on_call_breaks_the_glass_at_the_console_once_and_everybody_is_told() {
    let house = house().await;
    on_call(&house).await;
    let (id, _) = erasure(&house).await;
    let here = format!("/console/requests/{id}");
    // Whoever is not on call is not shown the way, and does not get there.
    let mut olga = clerk(&house, "reviewer").await;
    assert!(!olga.get(&here).await.text.contains("Break the glass"));
    assert_eq!(olga.get(&format!("{here}/break")).await.status, 403);

    let mut opal = clerk(&house, "operator").await;
    let request = opal.get(&here).await;
    assert!(request.text.contains(&format!("href=\"{here}/break\"")), "{}", request.text);
    let page = opal.get(&format!("{here}/break")).await;
    for part in [
        "policies/emergency.cedar",
        "Everybody of privacy gets mail at once",
        "One of them has to review it by",
        "What would happen",
        "a•••@example.test",
    ] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    // Without a reason, or without having said that they are sure, nothing happens.
    for fields in [&[("reason", REASON)][..], &[("sure", "yes")], &[("reason", "  "), ("sure", "yes")]] {
        let sent = opal.send_to(&page, "/break", fields).await;
        assert_eq!(sent.location, format!("{here}/break?note=invalid"), "{fields:?}");
    }
    assert!(seen(&house, &id).await["glass"].is_null());
    assert!(opal.get(&format!("{here}/break?note=invalid")).await.text.contains("Nothing was changed"));
    let fields = [("reason", REASON), ("sure", "yes")];
    let sent = opal.send_to(&page, "/break", &fields).await;
    assert_eq!(sent.location, format!("{here}?note=glass_broken"));
    // Pressed twice; and by a form that was gone back to and changed.
    assert_eq!(opal.send_to(&page, "/break", &fields).await.location, sent.location);
    let changed = opal.send_to(&page, "/break", &[("reason", "other"), ("sure", "yes")]).await;
    let note = changed.location.strip_prefix(&format!("{here}/break")).unwrap().to_owned();
    assert!(note.starts_with("?note="), "{}", changed.location);
    // The page of what is broken already leads to the request, with what was refused.
    assert_eq!(opal.get(&changed.location).await.location, format!("{here}{note}"));
    let glass = seen(&house, &id).await["glass"].clone();
    assert_eq!((&glass["reason"], glass["review"].is_null()), (&json!(REASON), true));
    let page = opal.get(&sent.location).await;
    for part in ["You broke the glass.", "glass broken</strong> by operator", "a &lt;b&gt;stalker&lt;/b&gt;"]
    {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    assert!(!page.text.contains("In an emergency") && !page.text.contains("id=\"decide\""));
    for _ in 0..500 {
        if house.mail.lock().unwrap().iter().any(|mail| format!("{mail:?}").contains("glass")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody was told");
}

#[tokio::test]
async fn glass_is_not_broken_by_a_form_from_elsewhere_of_another_or_of_nobody_on_call() {
    let house = house().await;
    on_call(&house).await;
    let (id, _) = erasure(&house).await;
    let here = format!("/console/requests/{id}/break");
    let mut opal = clerk(&house, "operator").await;
    let page = opal.get(&here).await;
    let own = page.form("/break").1;
    let fields = [("reason", REASON), ("sure", "yes")];
    opal.site = Some("cross-site");
    assert_eq!(opal.send_to(&page, "/break", &fields).await.status, 403);
    opal.site = Some("same-origin");
    // With the token of somebody else's form, and by somebody else with his.
    let theirs = clerk(&house, "auditor").await.get("/console/requests").await.form("/search").1;
    for (who, form) in [("operator", &theirs), ("reviewer", &own)] {
        let mut clerk = clerk(&house, who).await;
        let all: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (&**name, &**value)).chain(fields).collect();
        assert_eq!(clerk.post(&here, &all).await.status, 403, "{who}");
    }
    // By forms of their own.
    for (role, note) in [("reviewer", "not_allowed"), ("auditor", "not_allowed")] {
        let mut clerk = clerk(&house, role).await;
        let form = clerk.get("/console/requests").await.form("/search").1;
        let all: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (&**name, &**value)).chain(fields).collect();
        let sent = clerk.post(&here, &all).await;
        assert_eq!(sent.location, format!("{here}?note={note}"), "{role}");
    }
    // Where the seat was taken away while the page stood open.
    let admin: Caller = house.service.caller(house.token("administrator")).await.unwrap();
    house.service.set_seat(&admin, house.people["operator"], "on_call", false).await.unwrap();
    let sent = opal.send_to(&page, "/break", &fields).await;
    assert!(sent.location.ends_with("note=not_allowed"), "{}", sent.location);
    assert!(seen(&house, &id).await["glass"].is_null());
}

#[tokio::test]
async fn glass_over_an_action_that_wants_presence_is_broken_after_a_fresh_proof_and_by_no_token() {
    let settings = format!("{SETTINGS}[actions.erase]\nstep_up = \"5m\"\n");
    let house = house_set(WebOptions::default(), &settings, &[], None).await;
    on_call(&house).await;
    let (id, _) = erasure(&house).await;
    let body = json!({"reason": REASON});
    let token = house.call("operator", "POST", &format!("/v1/requests/{id}/break-glass"), body).await;
    assert_eq!((token.status.as_u16(), &token.json()["code"]), (403, &json!("step_up_required")));
    let here = format!("/console/requests/{id}/break");
    let mut opal = clerk(&house, "operator").await;
    let mut device = device(&house, &mut opal).await;
    let page = opal.get(&here).await;
    let fields = [("reason", REASON), ("sure", "yes")];
    let sent = opal.send_to(&page, "/break", &fields).await;
    assert_eq!(sent.location, format!("/sign-in/again?return_to={here}"));
    assert!(seen(&house, &id).await["glass"].is_null());
    let again = opal.get(&sent.location).await;
    let code = device.code(&house).await;
    let back = opal.send_to(&again, "/again/totp", &[("code", &code)]).await;
    assert_eq!(back.location, here);
    let page = opal.get(&here).await;
    let sent = opal.send_to(&page, "/break", &fields).await;
    assert!(sent.location.ends_with("note=glass_broken"), "{}", sent.location);
}
