//! People of a company sign in by its identity provider, a real one; and what ends there ends here.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::glass::with_glass;
use crate::node::Node;
use crate::provider::{self, Provider, SECRET};
use crate::wanderer::{Page, Wanderer};

/// An installation and its company's provider.
pub(crate) struct Company {
    pub(crate) node: Node,
    pub(crate) provider: Provider,
    /// Our pages.
    pub(crate) url: String,
    pub(crate) issuer: String,
}

fn petra() -> Value {
    json!({"name": "Petra Privacy", "email": "petra@example.test", "email_verified": true, "groups": ["dpo", "football"]})
}

/// An installation and a provider that know each other. Votes on erasures need their voter to be there.
pub(crate) fn company() -> Option<Company> {
    let module = provider::module()?;
    let (mut node, issuer) = installed("");
    node.start();
    let url = named(&node);
    let provider = Provider::start(&module, &issuer, &url, &url, &accounts());
    Some(Company { node, provider, url, issuer })
}

/// Where people reach a node.
fn named(node: &Node) -> String {
    node.url().replace("127.0.0.1", "localhost")
}

/// An installation that is not started, and the issuer that it will know.
fn installed(config: &str) -> (Node, String) {
    let issuer = format!("http://127.0.0.1:{}", countersign_testing::port::free().unwrap());
    let node = Node::prepare(10, |node| {
        let append = |file: &str, text: &str| {
            let file = std::fs::File::options().append(true).create(true).open(node.folder().join(file));
            file.unwrap().write_all(text.as_bytes()).unwrap();
        };
        with_glass(node, "72h");
        append("secret", SECRET);
        std::fs::set_permissions(node.folder().join("secret"), Permissions::from_mode(0o600)).unwrap();
        append("countersign.toml", "[oidc]\nclient_secret_file = \"secret\"\nallow_private = true\n");
        append("countersign.toml", config);
        let settings = node.folder().join("settings/settings.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, text.replace("[actions.erase]", "[actions.erase]\nstep_up = \"5m\""))
            .unwrap();
        append(
            "settings/settings.toml",
            &format!(
                "[oidc]\nname = \"Example Login\"\nissuer = \"{issuer}\"\nclient_id = \"countersign\"\n\
                 scopes = [\"profile\", \"email\", \"groups\"]\n\
                 [oidc.groups.dpo]\nseats = [\"privacy\"]\n[oidc.groups.oncall]\nseats = [\"data_owner\"]\n[oidc.groups.it]\nroles = [\"operator\"]\n"
            ),
        );
    });
    (node, issuer)
}

/// Those who have an account at the provider.
fn accounts() -> Value {
    json!({
        "petra": petra(),
        "ada": {"name": "Ada", "email": "ada@example.test", "email_verified": true, "groups": ["dpo"]},
        "cora": {"name": "Cora Call", "email": "cora@example.test", "email_verified": true, "groups": ["oncall"]},
        "olga": {"name": "Olga Oldname", "email": "olga@example.test", "email_verified": true, "groups": ["it"]},
        "ned": {"name": "Ned", "email": "ned@example.test", "email_verified": true, "groups": ["football"]},
        "una": {"name": "Una", "email": "una@example.test", "groups": ["dpo"]},
    })
}

impl Company {
    /// Goes to our account page by way of the provider.
    fn sign_in(&self, browser: &mut Wanderer, name: &str) -> Page {
        let door = browser.open(&format!("{}/account/sessions", self.url));
        assert!(door.url.contains("/sign-in?return_to=/account/sessions"), "{}", door.url);
        let asked = browser.follow(&door, "Sign in with Example Login");
        self.say_who(browser, &asked, name)
    }

    fn say_who(&self, browser: &mut Wanderer, asked: &Page, name: &str) -> Page {
        assert!(asked.url.starts_with(&self.issuer), "{}: {}", asked.url, asked.text);
        let ending = asked.url.rsplit('/').next().unwrap().to_owned();
        browser.send(asked, &ending, &[("login", name), ("password", "x")])
    }

    fn is_in(&self, browser: &mut Wanderer) -> bool {
        let account = format!("{}/account", self.url);
        browser.open(&account).url == account
    }
}

#[test]
fn officer_signs_in_by_the_companys_provider_and_is_out_when_it_says_so() {
    let Some(company) = company() else { return };
    let mut petra = Wanderer::default();
    let page = company.sign_in(&mut petra, "petra");
    assert_eq!(
        (page.status, page.url.ends_with("/account/sessions")),
        (200, true),
        "{}: {}",
        page.url,
        page.text
    );
    assert!(page.text.contains("at the identity provider"), "{}", page.text);
    let account = petra.open(&format!("{}/account", company.url));
    for part in ["Petra Privacy", "petra@example.test", "privacy", "reviewer"] {
        assert!(account.text.contains(part), "{part}: {}", account.text);
    }
    // The word that the browser had before is no session, and is gone.
    assert!(petra.cookie("countersign_browser").is_none());
    let session = petra.cookie("countersign_session").unwrap().to_owned();

    // The answer of the provider works once, and nowhere else.
    let back = petra.visited.iter().find(|url| url.contains("/sign-in/oidc/back?")).unwrap().clone();
    let mut other = Wanderer::default();
    let page = other.open(&back);
    assert_eq!((page.status, page.text.contains("This way in is used up")), (410, true), "{}", page.text);
    petra.open(&back);
    assert_eq!(petra.cookie("countersign_session"), Some(&*session));

    // Proving anew asks for the password again, whoever is signed in there.
    let again = petra.open(&format!("{}/sign-in/again?return_to=/account/sessions", company.url));
    let asked = petra.follow(&again, "Confirm with Example Login");
    let page = company.say_who(&mut petra, &asked, "petra");
    assert!(page.url.ends_with("/account/sessions"), "{}: {}", page.url, page.text);

    // Signing out here leads to the provider, where signing out is another thing.
    let out = petra.send(&page, "/sign-out", &[]);
    assert!(out.text.contains("You are signed out here"), "{}", out.text);
    let asked = petra.follow(&out, "Sign out of Example Login too");
    assert!(asked.url.starts_with(&company.issuer), "{}", asked.url);

    // Two browsers, two sessions at the provider; ending the one there ends the one here, and not the other.
    let (mut desk, mut phone) = (Wanderer::default(), Wanderer::default());
    company.sign_in(&mut desk, "petra");
    company.sign_in(&mut phone, "petra");
    let asked = desk.open(&format!("{}/session/end?client_id=countersign", company.issuer));
    let mut there = desk.clone();
    there.send(&asked, "/session/end/confirm", &[("logout", "yes")]);
    assert!(!company.is_in(&mut desk), "the provider said that this session ended");
    assert!(company.is_in(&mut phone), "it said nothing of this one");
    assert!(!company.node.log().contains("petra"), "{}", company.node.log());
}

#[test]
fn groups_decide_at_each_sign_in_and_what_they_take_is_gone_at_once() {
    let Some(company) = company() else { return };
    let mut petra = Wanderer::default();
    company.sign_in(&mut petra, "petra");
    assert!(company.is_in(&mut petra));
    // New keys of the provider are found.
    company.provider.change_keys();
    company.provider.claims(
        "petra",
        &json!({"name": "P", "email": "petra@example.test", "email_verified": true, "groups": []}),
    );
    let mut elsewhere = Wanderer::default();
    let page = company.sign_in(&mut elsewhere, "petra");
    assert_eq!(
        (page.status, page.text.contains("There is nothing here for you yet")),
        (403, true),
        "{}",
        page.text
    );
    assert!(elsewhere.cookie("countersign_session").is_none());
    assert!(!company.is_in(&mut petra), "her groups give her nothing any more");
    company.provider.claims("petra", &petra_in("it"));
    let mut third = Wanderer::default();
    company.sign_in(&mut third, "petra");
    let account = third.open(&format!("{}/account", company.url));
    assert!(account.text.contains("operator") && !account.text.contains("reviewer"), "{}", account.text);

    for (name, said) in [
        ("ned", "There is nothing here for you yet"),
        ("una", "Your address is not verified"),
        ("ada", "You administer"),
    ] {
        let mut browser = Wanderer::default();
        let page = company.sign_in(&mut browser, name);
        assert_eq!((page.status, page.text.contains(said)), (403, true), "{name}: {}", page.text);
        assert!(browser.cookie("countersign_session").is_none(), "{name}");
    }
    // Somebody who was here before is the same person, with what their groups give.
    let mut olga = Wanderer::default();
    company.sign_in(&mut olga, "olga");
    let account = olga.open(&format!("{}/account", company.url));
    assert!(account.text.contains("Olga Officer") && !account.text.contains("reviewer"), "{}", account.text);
    let invited = company.node.say(&["invite", "olga@example.test"]);
    assert!(!invited.status.success());
}

/// One of two nodes signs people in; the provider tells the other one that they signed out.
#[test]
fn what_ends_at_one_node_has_ended_at_the_other() {
    let Some(database) = countersign_testing::postgres::database_or_skip() else { return };
    let Some(module) = provider::module() else { return };
    let store = format!("[store]\nurl = \"{}\"\ntls = \"disable\"\ndata = \"one\"\n", database.url());
    let (mut node, issuer) = installed(&store);
    let mut beside = node.beside();
    let config = std::fs::read_to_string(node.folder().join("countersign.toml")).unwrap();
    std::fs::write(node.folder().join("two.toml"), config.replace("\"one\"", "\"two\"")).unwrap();
    node.start();
    beside.start_with(&["--config", "two.toml"]);
    let (url, other) = (named(&node), named(&beside));
    let provider = Provider::start(&module, &issuer, &url, &other, &accounts());
    let company = Company { node, provider, url, issuer };
    let is_in_there = |browser: &mut Wanderer| {
        let account = format!("{other}/account");
        browser.open(&account).url == account
    };

    // The provider knows her browser still, and asks nothing.
    let comes_back = |browser: &mut Wanderer| {
        let door = browser.open(&format!("{}/account/sessions", company.url));
        let page = browser.follow(&door, "Sign in with Example Login");
        assert!(page.url.ends_with("/account/sessions"), "{}", page.url);
    };
    let (mut desk, mut phone) = (Wanderer::default(), Wanderer::default());
    for browser in [&mut desk, &mut phone] {
        company.sign_in(browser, "petra");
        assert!(company.is_in(browser) && is_in_there(browser), "a session is of the installation");
    }
    // Whoever took her cookie has it until she signs out at any node.
    let mut thief = desk.clone();
    let page = desk.open(&format!("{other}/account"));
    desk.send(&page, "/sign-out", &[]);
    assert!(!company.is_in(&mut thief) && !is_in_there(&mut thief), "she signed out at the other node");
    // All others end at one node, those that began at the other too.
    comes_back(&mut desk);
    let sessions = phone.open(&format!("{other}/account/sessions"));
    phone.send(&sessions, "/account/sessions/end-others", &[]);
    assert!(!company.is_in(&mut desk) && company.is_in(&mut phone));
    comes_back(&mut desk);
    assert!(company.is_in(&mut desk) && is_in_there(&mut desk));
    company.provider.expel("petra");
    for browser in [&mut desk, &mut phone] {
        assert!(!company.is_in(browser) && !is_in_there(browser), "the provider told the other node alone");
    }
    beside.stop();
}

fn petra_in(group: &str) -> Value {
    json!({"name": "P", "email": "petra@example.test", "email_verified": true, "groups": [group]})
}

#[test]
fn secret_for_the_provider_is_for_its_owner_alone() {
    let node = Node::begin(10);
    let secret = node.folder().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o640)).unwrap();
    let config = node.folder().join("countersign.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[oidc]\nclient_secret_file = \"secret\"\n")).unwrap();
    let said = node.say(&["serve", "--listen", "127.0.0.1:0"]);
    let complained = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success() && complained.contains("chmod 600"), "{complained}");
    assert!(!complained.contains(SECRET), "{complained}");
}
