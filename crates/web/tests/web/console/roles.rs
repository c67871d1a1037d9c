//! Who may do what at the console, as a picture: `tests/console.txt`. The rows are the routes that the code has; each is
//! asked by each caller, about a request of somebody else and with a form of their own.

use super::*;

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/console.txt");
const ROUTES: &str = include_str!("../../../src/console.rs");
const CALLERS: [&str; 7] =
    ["nobody", "token", "submitter", "reviewer", "operator", "auditor", "administrator"];
const LEGEND: &str = "# Who may do what at the console, about a request of the support desk. `yes`: let through, whatever came of\n\
    # it. `no`: refused. `404`: there is no such thing for them. `on`: led to another page. `door`: led to where one signs in.\n\
    # UPDATE_ROLES=1 cargo test -p countersign-web roles\n\n";

/// Every route, with its method.
pub(super) fn routes() -> Vec<(&'static str, String)> {
    let mut routes = Vec::new();
    for line in ROUTES.lines().filter(|line| line.trim_start().starts_with(".route(")) {
        let path = line.split('"').nth(1).unwrap();
        for (method, word) in [("GET", "get("), ("POST", "post(")] {
            if line.contains(word) && !path.contains("{*") {
                routes.push((method, path.to_owned()));
            }
        }
    }
    assert!(routes.len() > 30, "the routes are read from the code: {routes:?}");
    routes
}

/// A form of their own, from whatever page has one for them.
async fn form(clerk: &mut Browser<'_>, own: &str) -> Vec<(String, String)> {
    for (path, ending) in [
        ("/console/requests", "/requests/search"),
        ("/console/policies/try", "/try"),
        ("/console/people", "/people"),
        (own, "/withdraw"),
    ] {
        let page = clerk.get(path).await;
        if page.text.contains(&format!("{ending}\""))
            && page.text.contains("method=\"post\" action=\"/console")
        {
            let hidden = page.form(ending).1;
            return hidden.into_iter().filter(|(name, _)| name == "form" || name == "token").collect();
        }
    }
    assert!(!clerk.cookies.contains_key("countersign_session"), "whoever is signed in has a form");
    Vec::new()
}

async fn column(caller: &str) -> Vec<String> {
    let house = house().await;
    let mut answers = Vec::new();
    let mut clerk = match caller {
        "nobody" => Browser::new(&house),
        // A token never opens a page.
        "token" => Browser { bearer: Some(house.token("reviewer").to_owned()), ..Browser::new(&house) },
        role => inside(&house, role).await,
    };
    let own = match caller {
        "submitter" => {
            let body = json!({"action": "erase", "subject": {"email": "ana@example.test"}});
            let own = house.call("submitter", "POST", "/v1/requests", body).await.json();
            format!("/console/requests/{}", own["id"].as_str().unwrap())
        }
        _ => String::from("/console"),
    };
    for (method, path) in routes() {
        // Each in its turn about a request that nothing happened to.
        let (id, digest) = erasure(&house).await;
        let person = house.people["auditor"].to_string();
        let about = if path.contains("/people/") { &person } else { &id };
        let path = path.replace("{id}", about);
        let page = if method == "GET" {
            if path == "/console/feed" {
                let request = Request::get(&path).header("cookie", clerk.cookie());
                let answer = house.web.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
                let location = answer.headers().get("location").map_or("", |to| to.to_str().unwrap());
                Page {
                    status: answer.status().as_u16(),
                    location: location.to_owned(),
                    headers: Default::default(),
                    text: String::new(),
                }
            } else {
                clerk.get(&path).await
            }
        } else {
            let mut fields = form(&mut clerk, &own).await;
            let more = [
                ("vote", "approve"),
                ("digest", &*digest),
                ("seat", "privacy"),
                ("id", &*id),
                ("reason", "seen"),
                ("text", "seen"),
                ("kind", "account"),
                ("value", "1"),
                ("due", "2099-01-01"),
                ("how", "retry"),
                ("sure", "yes"),
                ("held", "yes"),
                ("name", "Bo"),
                ("email", "bo@staff.example"),
                ("service", "crm"),
                ("role", "submitter"),
                ("label", "t0"),
                ("case", "case-1"),
                ("request", &*id),
                ("policies", crate::given::POLICY),
            ];
            fields.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            clerk.post(&path, &fields).await
        };
        assert!(page.status < 500, "{caller}: {method} {path}: {}", page.status);
        let note = page.location.split_once("note=").map_or("", |(_, note)| note);
        answers.push(
            match (page.status, note) {
                (303, _) if page.location.starts_with("/sign-in") => "door",
                (403, _) | (303, "not_allowed" | "own_request" | "not_your_seat") => "no",
                (303, "not_found") if path.ends_with("/withdraw") || path.ends_with("/break") => "404",
                (404, _) => "404",
                (303, _) if method == "GET" => "on",
                _ => "yes",
            }
            .to_owned(),
        );
    }
    answers
}

#[tokio::test]
async fn every_role_may_do_at_the_console_what_the_picture_shows_and_nothing_else() {
    let mut columns = Vec::new();
    for caller in CALLERS {
        columns.push(column(caller).await);
    }
    let mut drawn = format!("{LEGEND}{:<48}", "");
    drawn.extend(CALLERS.map(|caller| format!("{caller:<14}")));
    drawn.push('\n');
    for (n, (method, path)) in routes().iter().enumerate() {
        let mut line = format!("{:<48}", format!("{method} {path}"));
        line.extend(columns.iter().map(|column| format!("{:<14}", column[n])));
        drawn.push_str(&line);
        drawn.push('\n');
    }
    let drawn = drawn.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    if std::env::var_os("UPDATE_ROLES").is_some() {
        std::fs::write(PICTURE, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(PICTURE).unwrap_or_default();
    assert!(drawn == kept, "console.txt is not what is:\n{drawn}");
}

/// A submitter sees their own request, and of another's not even that it is there.
#[tokio::test]
async fn submitter_sees_their_own_requests_alone() {
    let house = house().await;
    let (other, _) = erasure(&house).await;
    let body = json!({"action": "erase", "subject": {"email": "ana@example.test"}});
    let own = house.call("submitter", "POST", "/v1/requests", body).await.json();
    let own = own["id"].as_str().unwrap();
    let mut sub = clerk(&house, "submitter").await;
    let list = sub.get("/console/requests").await;
    assert!(list.text.contains(own) && !list.text.contains(&other), "{}", list.text);
    let nowhere = "00000000-0000-4000-8000-000000000000";
    for ending in ["", "/evidence", "/evidence.json"] {
        let theirs = sub.get(&format!("/console/requests/{other}{ending}")).await;
        let none = sub.get(&format!("/console/requests/{nowhere}{ending}")).await;
        let bare = |page: &Page| page.without_forms(&page.text);
        assert_eq!((theirs.status, bare(&theirs)), (none.status, bare(&none)), "{ending}");
    }
    let page = sub.get(&format!("/console/requests/{own}")).await;
    assert!(page.text.contains("Take it back") && !page.text.contains("id=\"decide\""), "{}", page.text);
    let sent = sub.send_to(&page, "/withdraw", &[]).await;
    assert!(sent.location.ends_with("note=withdrawn"), "{}", sent.location);
}
