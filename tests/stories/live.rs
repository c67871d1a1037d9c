//! A page of the console that stays open: it tells in the title and by a notification, is gone through by keys, shows limits as
//! they change, and finds its node again after a `kill -9`. And a portal in a shop's own colour.

use countersign_testing::browser::Browser;
use serde_json::Value;

use crate::asked::People;
use crate::node::Node;
use crate::pictures::take;

/// How often it is looked how fast a row comes: for a 99th percentile there have to be hundreds.
const SAMPLES: i64 = 30;
const SAMPLES_LONG: i64 = 300;
/// When the page was told of a request, when its row came, and how long it took to ask for the page each time.
const WATCH: &str = "window.toldAt = {}; window.cameAt = {}; window.askedFor = []; const ask = window.fetch; \
    new BroadcastChannel('countersign-feed').onmessage = ({ data }) => { for (const id of data.ids ?? []) toldAt[id] ??= Date.now() }; \
    window.fetch = async (at, how) => { const since = performance.now(); const answer = await ask(at, how); \
    if (String(at).startsWith('/console') && !String(at).includes('waiting')) askedFor.push(Math.round(performance.now() - since)); return answer }; \
    new MutationObserver(() => { for (const row of document.querySelectorAll('[data-row]')) cameAt[row.dataset.row] ??= Date.now() }) \
    .observe(document.querySelector('main'), { childList: true, subtree: true })";
const ENTER: &str = "\u{e007}";
/// What a test needs to see of notifications, and of being in the background.
const STUB: &str = "window.told = []; window.mark = 1; \
    window.Notification = class { static permission = 'granted'; constructor(title, more) { told.push(title + ': ' + more.body) } }; \
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away === true })";

fn browser() -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        assert!(!countersign_testing::servers_are_needed(), "there is no Chromium with its driver");
        eprintln!("skipped: there is no Chromium with its driver (Debian: chromium chromium-driver)");
    }
    browser
}

/// Signs an officer in by the link of an invitation.
fn enter(browser: &Browser, node: &Node) {
    let token = node.folder().join("tokens/ada-admin");
    let said = node.run(&[
        "--json",
        "invite",
        "Olga Officer",
        "--server",
        node.url(),
        "--token-file",
        token.to_str().unwrap(),
    ]);
    let link = serde_json::from_str::<Value>(&said).unwrap()["link"].as_str().unwrap().to_owned();
    browser.open(&format!("{}{}", node.url(), &link[link.find("/sign-in/").unwrap()..]));
    browser.press("main form button");
    browser.until("they are in", || browser.address().ends_with("/account"));
    browser.open(&format!("{}/console", node.url()));
    browser.sees("Nothing waits for you.");
}

fn title(browser: &Browser) -> String {
    browser.run("return document.title", &[]).as_str().unwrap_or_default().to_owned()
}

fn rows(browser: &Browser) -> usize {
    let rows = browser.run("return document.querySelectorAll('[data-row]').length", &[]);
    rows.as_u64().unwrap_or_default() as usize
}

fn focused(browser: &Browser) -> String {
    let row = browser.run("return document.activeElement?.closest('[data-row]')?.dataset.row ?? ''", &[]);
    row.as_str().unwrap_or_default().to_owned()
}

fn line_is(browser: &Browser, state: &str) {
    browser.until(&format!("the line is {state}"), || browser.has(&format!("[data-line={state}]")));
}

#[test]
fn open_page_tells_is_gone_through_by_keys_and_finds_its_node_again() {
    let Some(browser) = browser() else { return };
    let mut node = Node::begin(60);
    node.start();
    enter(&browser, &node);
    line_is(&browser, "on");

    // Somebody who looks at another tab is told how many, and not who.
    browser.run(STUB, &[]);
    browser.run("window.away = true", &[]);
    let first = People::at(&node).ask("erase", 20);
    browser.until("they are told", || browser.run("return window.told.length", &[]) != 0);
    assert_eq!(browser.run("return window.told[0]", &[]), "Countersign: 1 waits for you");
    browser.run("window.away = false", &[]);
    browser.until("the title counts", || title(&browser).starts_with("(1) Inbox"));
    let second = People::at(&node).ask("erase", 21);
    browser.until("both are there", || rows(&browser) == 2);
    assert_eq!(browser.run("return window.told.length", &[]), 1, "who looks is not told besides");

    // Down, down, up; d opens the request where it can be denied, and Enter denies it.
    for (key, row) in
        [("j", &first), ("j", &second), ("j", &second), ("k", &first), ("k", &first), ("j", &second)]
    {
        browser.key(key);
        browser.until(&format!("{key} goes there"), || focused(&browser) == **row);
    }
    browser.key("d");
    browser.until("Deny has the focus", || browser.has("#deny:focus"));
    assert!(browser.address().contains(&second));
    // Here too the title says how many wait.
    browser.until("the title counts", || title(&browser).starts_with("(2) "));
    browser.key("a");
    browser.until("Approve has the focus", || browser.has("#approve:focus"));
    browser.key("d");
    browser.until("Deny has the focus", || browser.has("#deny:focus"));
    browser.key(ENTER);
    browser.sees("You denied it.");
    browser.until("one is left", || title(&browser).starts_with("(1) "));
    assert_eq!(People::at(&node).see(&second).status, "denied");

    // Limits change by themselves.
    browser.open(&format!("{}/console/limits", node.url()));
    browser.run("window.mark = 1", &[]);
    let waiting = || {
        let count = "return [...document.querySelectorAll('dt')].filter((it) => it.textContent === 'waiting')\
             .map((it) => Number(it.nextElementSibling.textContent)).reduce((a, b) => a + b, 0)";
        browser.run(count, &[]).as_u64().unwrap()
    };
    let before = waiting();
    People::at(&node).ask("erase", 22);
    browser.until("one more waits", || waiting() == before + 1);
    assert_eq!(browser.run("return window.mark", &[]), 1, "nobody loaded it anew");

    // The node is killed, and comes again where it was.
    browser.open(&format!("{}/console", node.url()));
    browser.until("two are there", || rows(&browser) == 2);
    line_is(&browser, "on");
    browser.run("window.mark = 1", &[]);
    let address = node.url().trim_start_matches("http://").to_owned();
    node.kill();
    line_is(&browser, "off");
    node.start_at(&address);
    let missed = People::at(&node).ask("erase", 23);
    browser.until("what came meanwhile is there", || rows(&browser) == 3);
    line_is(&browser, "on");
    assert!(browser.has(&format!("[data-row='{missed}']")));
    assert_eq!(browser.run("return window.mark", &[]), 1, "nobody loaded it anew");
    look_too_early(&browser, &People::at(&node));
    tell_how_fast(&browser, &People::at(&node));
    node.stop();
}

/// What follows from an event may be written after a page has looked, and tells nobody: once all is quiet it looks once more.
fn look_too_early(browser: &Browser, people: &People<'_>) {
    browser.run(
        "const ask = window.fetch, before = document.documentElement.outerHTML; let until; \
         window.fetch = async (at, how) => { if (String(at) !== '/console') return ask(at, how); \
         until ??= Date.now() + 600; return Date.now() < until ? new Response(before) : ask(at, how) }",
        &[],
    );
    let id = people.ask("erase", 190);
    browser.until("what was not there yet is there", || browser.has(&format!("[data-row='{id}']")));
}

/// From an event's time at the server to the row on the screen: nothing here fails for being slow. A row is due from the
/// first event on, with which the request already waits for a signature.
fn tell_how_fast(browser: &Browser, people: &People<'_>) {
    browser.run(WATCH, &[]);
    let samples = if std::env::var_os("COUNTERSIGN_LONG").is_some() { SAMPLES_LONG } else { SAMPLES };
    let (mut late, mut heard) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let id = people.ask("erase", 24 + sample % 150);
        let at = |what: &str| {
            let script = format!("return window.{what}[arguments[0]] ?? null");
            browser.run(&script, &[id.clone().into()]).as_i64()
        };
        browser.until("it is on the screen", || at("cameAt").is_some());
        let event = people.see(&id).events[0].at.clone();
        let event = browser.run("return Date.parse(arguments[0])", &[event.into()]).as_i64().unwrap();
        late.push(at("cameAt").unwrap() - event);
        heard.push(at("toldAt").unwrap_or_else(|| at("cameAt").unwrap()) - event);
        // A page shows fifty: it makes room for the next, which meets a page that is busy with this one.
        people.take_back(&id);
        browser.until("it is gone again", || !browser.has(&format!("[data-row='{id}']")));
    }
    let asked = browser.run("return window.askedFor", &[]);
    let mut asked: Vec<i64> =
        asked.as_array().unwrap().iter().filter_map(serde_json::Value::as_i64).collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    eprintln!(
        "from {samples} events to their rows on the screen: {}; until the page was told: {}; \
         to ask for the page anew: {}; load average {load}",
        spread(&mut late),
        spread(&mut heard),
        spread(&mut asked)
    );
}

fn spread(ms: &mut [i64]) -> String {
    ms.sort_unstable();
    let at =
        |percent: usize| ms.get((ms.len() * percent).div_ceil(100).max(1) - 1).copied().unwrap_or_default();
    format!("median {} ms, p99 {} ms, max {} ms", at(50), at(99), at(100))
}

#[test]
fn portal_wears_a_shops_logo_and_colour() {
    let Some(browser) = browser() else { return };
    const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 120 32' width='120' height='32'>\
        <rect width='120' height='32' rx='6' fill='#7a1f5c'/><circle cx='18' cy='16' r='8' fill='#fff'/></svg>";
    let mut node = Node::prepare(60, |node| {
        let config = node.folder().join("countersign.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let portal = "[portal]\nname = \"Example Shop\"\nlogo = \"logo.svg\"\ncolour = \"#7a1f5c\"\n";
        std::fs::write(&config, text + portal).unwrap();
        std::fs::write(node.folder().join("logo.svg"), LOGO).unwrap();
    });
    node.start();
    browser.open(&format!("{}/privacy", node.url()));
    browser.sees("Your data at Example Shop");
    let drawn = "const logo = document.querySelector('header img'); return logo !== null && logo.complete && logo.naturalWidth > 0";
    browser.until("the logo is drawn", || browser.run(drawn, &[]) == true);
    let colour = "return getComputedStyle(document.querySelector('main button')).backgroundColor";
    assert_eq!(browser.run(colour, &[]), "rgb(122, 31, 92)");
    take(&browser, "portal", "16-themed");
    node.stop();
}
