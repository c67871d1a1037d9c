//! What the console does not let happen.

use super::*;
use crate::given::source::MARK;
use crate::given::{MAP, SETTINGS};

/// How many pages are looked at that differ only in ids and numbers.
const ALIKE: usize = 6;

/// An address without what is of one thing alone.
fn shape(path: &str) -> String {
    let parts = path.split(['/', '=', '&', '?']);
    let named = parts.filter(|part| !part.contains('-') && !part.bytes().any(|b| b.is_ascii_digit()));
    named.collect::<Vec<_>>().join("/")
}

/// Every page that a role has, by its links, from the inbox and everything that leads on.
pub(super) async fn crawl(clerk: &mut Browser<'_>, from: &[&str]) -> Vec<(String, Page)> {
    let mut open: Vec<String> = from.iter().map(|&path| path.to_owned()).collect();
    let mut pages: Vec<(String, Page)> = Vec::new();
    while let Some(path) = open.pop() {
        let alike = pages.iter().filter(|(seen, _)| shape(seen) == shape(&path)).count();
        if pages.iter().any(|(seen, _)| *seen == path) || alike >= ALIKE {
            continue;
        }
        let page = clerk.get(&path).await;
        let links = page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let links = links.filter(|link| link.starts_with("/console") && !link.contains("?v="));
        open.extend(links.map(|link| link.split('#').next().unwrap().replace("&amp;", "&")));
        pages.push((path, page));
    }
    pages
}

#[tokio::test]
async fn nothing_that_anybody_wrote_becomes_part_of_a_page() {
    let house = house().await;
    // Names, reasons, remarks, parameters, tables, settings: whatever somebody can write carries the mark.
    let mut ada = clerk(&house, "administrator").await;
    let people = ada.get("/console/people").await;
    ada.send_to(&people, "/people", &[("name", MARK), ("email", "bo@staff.example")]).await;
    let policy = format!("// {MARK}\n{}", crate::given::POLICY);
    let settings = format!("# {MARK}\n{SETTINGS}");
    let files = json!({"settings.toml": settings, "maps/shop.toml": MAP, "policies/erase.cedar": policy});
    let entered = house.call("administrator", "POST", "/v1/settings", json!({"files": files})).await;
    assert_eq!(entered.status, 200, "{}", entered.text());
    super::glass::on_call(&house).await;
    let body = json!({"action": "erase", "subject": {"email": "ana@example.test"}, "reason": format!("reason{MARK}"),
        "parameters": {"a": format!("parameter{MARK}")}});
    let id = house.call("desk", "POST", "/v1/requests", body).await.json()["id"].as_str().unwrap().to_owned();
    let (broken, _) = erasure(&house).await;
    let glass = format!("/v1/requests/{broken}/break-glass");
    let answer = house.call("operator", "POST", &glass, json!({"reason": format!("glass{MARK}")})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let agent = json!({"action": "erase", "requester": "agent", "subject": {"email": "ana@example.test"},
        "mandate": format!("mandate{MARK}")});
    let agents = house.call("submitter", "POST", "/v1/requests", agent).await.json();
    // What has a name of a kind cannot carry the mark: cases, services, files.
    let encoded = MARK.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
    let hold = json!({"subject": {"email": "ana@example.test"}});
    let held = house.call("administrator", "PUT", &format!("/v1/legal-holds/{encoded}"), hold).await;
    let minted = json!({"service": MARK, "roles": ["submitter"]});
    let minted = house.call("administrator", "POST", "/v1/tokens", minted).await;
    let files = json!({"settings.toml": SETTINGS, "maps/shop.toml": MAP, format!("policies/{MARK}.cedar"): "",
        "policies/erase.cedar": crate::given::POLICY});
    let entered = house.call("administrator", "POST", "/v1/settings", json!({"files": files})).await;
    for refused in [held, minted, entered] {
        assert!(refused.status.is_client_error(), "{} {}", refused.status, refused.text());
    }
    for _ in 0..500 {
        if seen(&house, &id).await["digest"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let address = format!("/console/requests/{id}");
    let mut olga = clerk(&house, "reviewer").await;
    let page = olga.get(&address).await;
    olga.send_to(&page, "/comment", &[("text", &format!("comment{MARK}"))]).await;
    olga.send_to(&page, "/vote", &[("vote", "approve"), ("reason", &format!("vote{MARK}"))]).await;

    let mut pages = Vec::new();
    let (glass, mandate) = (
        format!("/console/requests/{broken}"),
        format!("/console/requests/{}", agents["id"].as_str().unwrap()),
    );
    for role in ["reviewer", "operator", "auditor", "administrator"] {
        let mut clerk = inside(&house, role).await;
        let odd = [
            format!("/console?note={encoded}&cursor={encoded}"),
            format!("/console/requests?status={encoded}&action={encoded}"),
            format!("/console/ledger?text={encoded}"),
            format!("/console/policies/try?request={encoded}"),
            format!("/console/{encoded}"),
            format!("/console/policies?file={encoded}"),
            format!("/console/file?path={encoded}"),
            format!("/console/people/{encoded}"),
            format!("/console/tokens?from={encoded}"),
        ];
        let mut from: Vec<&str> = odd.iter().map(String::as_str).collect();
        from.extend(["/console", &address, &glass, &mandate]);
        pages.extend(crawl(&mut clerk, &from).await);
    }
    let form = olga.get("/console/requests").await;
    pages
        .push(("search".to_owned(), olga.send_to(&form, "/search", &[("text", MARK), ("kind", MARK)]).await));
    let mut aude = clerk(&house, "auditor").await;
    let form = aude.get("/console/policies/try").await;
    let fields = [("request", MARK), ("policies", MARK)];
    pages.push(("try".to_owned(), aude.send_to(&form, "/try", &fields).await));
    let fields = [("request", &*id), ("policies", MARK)];
    pages.push(("try".to_owned(), aude.send_to(&form, "/try", &fields).await));

    let all: String = pages.iter().map(|(_, page)| &*page.text).collect();
    for shown in
        ["reason", "parameter", "comment", "vote", "table", "way", "basis", "until", "glass", "finding"]
    {
        assert!(all.contains(&format!("{shown}&quot;'&gt;&lt;script&gt;")), "{shown} is shown");
    }
    assert!(
        all.contains("// &quot;'&gt;&lt;script&gt;") && all.contains("# &quot;'&gt;&lt;script&gt;"),
        "settings"
    );
    for (path, page) in &pages {
        if !page.header("content-type").starts_with("text/html") {
            continue;
        }
        let text = page.text.to_lowercase();
        for part in
            ["<script>", "<img", "javascript:", " style=", "<style", " onclick=", " onerror=alert(1)>\""]
        {
            assert!(!text.contains(part), "{part} at {path} in {}", page.text);
        }
        let scripts = text.matches("<script").count();
        assert_eq!(scripts, text.matches("<script src=\"/console/").count(), "our own alone: {path}");
    }
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console");
    for file in std::fs::read_dir(sources).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("PreEscaped"), "{} puts text into a page as it is", path.display());
        for sink in ["innerHTML =", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(sink), "{} has {sink}", path.display());
        }
    }
}

#[tokio::test]
async fn pages_are_not_kept_and_neither_titles_nor_addresses_name_anybody() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    for role in ["submitter", "reviewer", "operator", "auditor", "administrator"] {
        let mut clerk = inside(&house, role).await;
        let address = format!("/console/requests/{id}");
        let pages = crawl(&mut clerk, &["/console", &address]).await;
        assert!(pages.len() >= 3, "{role}");
        for (path, page) in &pages {
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
            assert!(!path.contains("example") && !path.contains('@') && !path.contains("ana"), "{path}");
            if page.header("content-type").starts_with("text/html") {
                let policy = page.header("content-security-policy");
                assert!(
                    policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"),
                    "{path}"
                );
                assert!(!policy.contains("unsafe"), "{path}");
                let title = title(page);
                assert!(
                    !title.contains("example") && !title.contains('@') && !title.contains("•••"),
                    "{title}"
                );
                assert!(!page.text.contains("ana@example.test"), "an identity is shown in part: {path}");
            }
        }
    }
}

#[tokio::test]
async fn form_from_elsewhere_or_of_another_session_does_nothing() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let address = format!("/console/requests/{id}");
    let mut olga = clerk(&house, "reviewer").await;
    let page = olga.get(&address).await;
    let theirs = inside(&house, "operator").await.get("/console/requests").await.form("/search").1;
    let before = house.stored().await;
    let fields = [("vote", "deny"), ("reason", "no")];
    for (site, origin) in [
        (Some("cross-site"), Some("http://privacy.test")),
        (Some("same-site"), Some("http://privacy.test")),
        (Some("none"), None),
        (None, Some("https://evil.example")),
        (None, Some("null")),
    ] {
        (olga.site, olga.origin) = (site, origin);
        let sent = olga.send_to(&page, "/vote", &fields).await;
        assert_eq!(sent.status, 403, "{site:?} {origin:?}");
        assert!(sent.text.contains("This form is too old"), "{}", sent.text);
    }
    (olga.site, olga.origin) = (Some("same-origin"), Some("http://privacy.test"));
    // Without its token, with that of another form, or made for somebody else.
    let own = page.form("/vote").1;
    let part = |name: &str| own.iter().find(|(it, _)| it == name).unwrap().1.clone();
    for (form, token) in [
        (part("form"), String::new()),
        (part("form"), "0".repeat(64)),
        ("other".to_owned(), part("token")),
        (theirs[0].1.clone(), theirs[1].1.clone()),
    ] {
        let fields = [("form", &*form), ("token", &*token), ("vote", "deny"), ("seat", "privacy")];
        assert_eq!(olga.post(&format!("{address}/vote"), &fields).await.status, 403);
    }
    assert_eq!(house.stored().await, before);
    assert_eq!(seen(&house, &id).await["status"], "waiting");
    assert_eq!(olga.send_to(&page, "/vote", &fields).await.status, 303);
    assert_eq!(seen(&house, &id).await["status"], "denied");
}

#[tokio::test]
async fn what_is_looked_at_changes_nothing() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let mut olga = clerk(&house, "reviewer").await;
    for path in ["vote", "comment", "withdraw", "settle", "extend", "resolve"] {
        let page = olga.get(&format!("/console/requests/{id}/{path}")).await;
        assert!(page.status == 404 || page.status == 405, "{path}: {}", page.status);
    }
    assert_eq!(seen(&house, &id).await["events"].as_array().unwrap().len(), 2);
}
