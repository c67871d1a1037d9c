//! What the portal does not let happen.

use serde_json::Value;

use super::browser::Browser;
use super::{link, open};
use crate::given::source::MARK;

const SCRIPT: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";

#[tokio::test]
async fn nothing_that_is_typed_or_configured_becomes_part_of_a_page() {
    let house = open().await;
    let mut visitor = Browser::new(&house);
    let mut pages = Vec::new();
    let encoded = SCRIPT.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
    let id = "0198c2a4-7b1e-7000-8000-000000000001";
    for path in [
        format!("/privacy?action={encoded}&lang={encoded}&key={encoded}&note={encoded}"),
        format!("/privacy/{encoded}"),
        format!("/privacy/requests/{encoded}"),
        format!("/privacy/requests/{id}?note={encoded}"),
        format!("/privacy/requests/{id}/confirm?key={encoded}"),
    ] {
        pages.push(visitor.get(&path).await.text);
    }
    let form = visitor.get("/privacy").await;
    pages.push(form.text.clone());
    for fields in [
        [("action", SCRIPT), ("email", SCRIPT), ("account", SCRIPT)],
        [
            ("action", "erase"),
            ("email", "\"><script>alert(1)</script>@x.test"),
            ("account", "<svg/onload=alert(1)>"),
        ],
    ] {
        let sent = visitor.send(&form, &fields).await;
        let page = if sent.status == 303 { visitor.get(&sent.location).await } else { sent };
        assert!(page.text.contains("&lt;script&gt;"), "it is shown: {}", page.text);
        pages.push(page.text);
    }
    for page in pages {
        is_clean(&page);
    }
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/portal");
    for file in std::fs::read_dir(sources).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("PreEscaped"), "{} puts text into a page as it is", path.display());
        }
    }
}

/// That nothing in a page is markup but what we wrote.
fn is_clean(page: &str) {
    let page = page.to_lowercase();
    for part in ["<script>", "<img src=x", "<svg/", "<b>sons", "<i>privacy", "javascript:", "<b>hers"] {
        assert!(!page.contains(part), "{part} in {page}");
    }
    assert!(page.matches("<script").count() == 1, "our own alone: {page}");
    assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick="));
}

/// A page and every other of the portal that it leads to, in both languages.
async fn crawl(browser: &mut Browser<'_>, from: &str) -> Vec<(String, String)> {
    let mut open = vec![from.to_owned()];
    let mut pages: Vec<(String, String)> = Vec::new();
    while let Some(path) = open.pop() {
        if pages.iter().any(|(seen, _)| *seen == path) || pages.len() > 30 {
            continue;
        }
        let page = browser.get(&path).await;
        let links = page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let links = links.filter(|link| link.starts_with("/privacy") && !link.contains("?v="));
        open.extend(links.map(|link| link.split('#').next().unwrap().replace("&amp;", "&")));
        if page.header("content-type").starts_with("text/html") {
            pages.push((path, page.text));
        }
    }
    pages
}

#[tokio::test]
async fn nothing_that_is_told_after_proof_becomes_part_of_a_page() {
    let house = open().await;
    let mut all = String::new();
    // What the sources hold, what an officer says, and where it ended: each carries the mark.
    for (action, ending) in [("erase", "denied"), ("erase", "withdrawn"), ("export", "open")] {
        house.mail.lock().unwrap().clear();
        let mut ana = Browser::new(&house);
        let page = ana.get("/privacy").await;
        let at = ana.send(&page, &[("action", action), ("email", "ana@example.test")]).await.location;
        let link = link(&house, "ana@example.test").await;
        let page = ana.get(&link).await;
        let sent = ana.send(&page, &[]).await;
        let encoded = MARK.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
        for path in [&*sent.location, &at, &format!("{at}?note={encoded}&lang={encoded}&key={encoded}")] {
            for (path, text) in crawl(&mut ana, path).await {
                assert!(path.starts_with("/privacy"));
                is_clean(&text);
                all += &text;
            }
        }
        let id = at.rsplit('/').next().unwrap().to_owned();
        match ending {
            "denied" => {
                let body =
                    serde_json::json!({"vote": "deny", "seat": "privacy", "reason": format!("reason{MARK}")});
                let denied = house.call("reviewer", "POST", &format!("/v1/requests/{id}/votes"), body).await;
                assert_eq!(denied.status, 200, "{}", denied.text());
            }
            "withdrawn" => {
                let page = ana.get(&at).await;
                ana.send_to(&page, "/withdraw", &[]).await;
            }
            _ => {}
        }
        let pages = crawl(&mut ana, &at).await;
        assert!(pages.len() >= 3, "both languages: {}", pages.len());
        for (_, text) in pages {
            is_clean(&text);
            all += &text;
        }
    }
    assert!(all.contains("basis&quot;'&gt;&lt;script&gt;"), "why something is kept is shown");
}

#[tokio::test]
async fn form_from_elsewhere_or_for_another_browser_does_nothing() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let page = ana.get("/privacy").await;
    let fields = [("action", "erase"), ("email", "ana@example.test")];
    ana.origin = Some("https://evil.example");
    assert_eq!(ana.send(&page, &fields).await.status, 403, "of another origin");
    ana.origin = Some("null");
    assert_eq!(ana.send(&page, &fields).await.status, 403, "of none");
    ana.origin = None;
    assert_eq!(ana.post("/privacy", &fields).await.status, 403, "without a token");
    let mut mallory = Browser::new(&house);
    let hers = mallory.get("/privacy").await;
    assert_eq!(ana.send(&hers, &fields).await.status, 403, "with the token of another browser");
    ana.cookies.clear();
    assert_eq!(ana.send(&page, &fields).await.status, 403, "without a cookie");
    assert_eq!(house.stored().await.0, 0);
    // Nor does any other form.
    let at = {
        ana.origin = Some("http://privacy.test");
        let page = ana.get("/privacy").await;
        ana.send(&page, &fields).await.location
    };
    for form in ["mail", "code", "confirm", "totp", "passkey", "passkey/begin", "withdraw", "leave"] {
        let path = format!("{at}/{form}");
        assert_eq!(ana.post(&path, &[("code", "12345678")]).await.status, 403, "{form}");
    }
}

#[tokio::test]
async fn whoever_looks_at_a_link_proves_nothing() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let page = ana.get("/privacy").await;
    let at = ana.send(&page, &[("action", "erase"), ("email", "ana@example.test")]).await.location;
    let link = link(&house, "ana@example.test").await;
    let mut scanner = Browser::new(&house);
    for _ in 0..3 {
        assert_eq!(scanner.get(&link).await.status, 200);
    }
    assert!(ana.get(&at).await.text.contains("Look into your mail"));
    let id = at.rsplit('/').next().unwrap();
    let seen = house.call("operator", "GET", &format!("/v1/requests/{id}"), Value::Null).await.json();
    assert_eq!(seen["verifications"], serde_json::json!([]));
    assert_eq!((&seen["channel"], &seen["requester"]["kind"]), (&"portal".into(), &"subject".into()));
}

#[tokio::test]
async fn whoever_typed_anothers_address_loses_the_request_when_that_person_answers() {
    let house = open().await;
    let mut mallory = Browser::new(&house);
    let page = mallory.get("/privacy").await;
    let at = mallory.send(&page, &[("action", "erase"), ("email", "ana@example.test")]).await.location;
    let stolen = mallory.cookies.clone();
    let link = link(&house, "ana@example.test").await;
    let mut ana = Browser::new(&house);
    let page = ana.get(&link).await;
    let sent = ana.send(&page, &[]).await;
    assert!(ana.get(&sent.location).await.text.contains("Erase my data"));
    let page = mallory.get(&at).await;
    assert!(page.text.contains("Back to your request") && !page.text.contains("Erase"), "{}", page.text);
    assert_eq!(mallory.get(&format!("{at}/state")).await.status, 404);
    // The cookie is no token for the API either.
    let id = at.rsplit('/').next().unwrap().to_owned();
    let key = &stolen[&format!("countersign-{id}")];
    let request = http::Request::builder()
        .uri(format!("/v1/requests/{id}"))
        .header("authorization", format!("Bearer {key}"));
    assert_eq!(house.send(request.body(axum::body::Body::empty()).unwrap()).await.status, 401);
}

#[tokio::test]
async fn key_to_one_request_opens_no_other_and_a_staff_token_opens_none() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let mut ask = async |email: &str| {
        let page = ana.get("/privacy").await;
        let at = ana.send(&page, &[("action", "erase"), ("email", email)]).await.location;
        at.rsplit('/').next().unwrap().to_owned()
    };
    let (one, other) = (ask("ana@example.test").await, ask("bob@example.test").await);
    let key = ana.cookies[&format!("countersign-{one}")].clone();
    for value in [&*key, house.token("operator"), house.token("administrator"), "cs_subject_00"] {
        let mut mallory = Browser::new(&house);
        mallory.cookies.insert(format!("countersign-{other}"), value.to_owned());
        let page = mallory.get(&format!("/privacy/requests/{other}")).await;
        assert!(page.text.contains("Back to your request"), "{}", page.text);
    }
    // What is no request looks like one whose key is elsewhere.
    let mut visitor = Browser::new(&house);
    let at = format!("/privacy/requests/{}", "0198c2a4-7b1e-7000-8000-000000000001");
    let page = visitor.get(&at).await;
    let real = visitor.get(&format!("/privacy/requests/{one}")).await;
    assert_eq!(page.status, real.status);
    assert_eq!(visitor.send_to(&page, "/mail", &[]).await.location, format!("{at}?note=sent"));
}

#[tokio::test]
async fn pages_are_framed_by_nobody_kept_by_nobody_and_lead_nowhere_else() {
    let house = open().await;
    let mut visitor = Browser::new(&house);
    for path in ["/privacy", "/privacy/nowhere", "/privacy/requests/0198c2a4-7b1e-7000-8000-000000000001"] {
        let page = visitor.get(path).await;
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let page = visitor.get("/privacy").await;
    let fields = [
        ("action", "erase"),
        ("email", "ana@example.test"),
        ("next", "https://evil.example"),
        ("url", "//evil.example"),
    ];
    let sent = visitor.send(&page, &fields).await;
    assert!(sent.location.starts_with("/privacy/requests/"), "{}", sent.location);
    let cookie =
        sent.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect::<Vec<_>>();
    assert!(cookie.iter().all(|set| set.contains("HttpOnly") && set.contains("SameSite=Lax")), "{cookie:?}");
}

#[tokio::test]
async fn flood_of_one_client_is_stopped() {
    let house = open().await;
    let mut flood = Browser::new(&house);
    let mut last = 0;
    for n in 0..62 {
        let page = flood.get("/privacy").await;
        let email = format!("p{n}@example.test");
        last = flood.send(&page, &[("action", "erase"), ("email", &email)]).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(house.stored().await.0, 60);
}
