//! Pictures of a page: light and dark, wide and narrow; and what a machine can check of how a page is built.

use std::path::PathBuf;

use countersign_testing::browser::{Browser, Screen};
use serde_json::json;

/// Where the checker is, if it was fetched; see `./test`.
const AXE: &str = "axe/package/axe.min.js";

const SCREENS: [(&str, Screen); 4] = [
    ("light", Screen { width: 1000, dark: false }),
    ("dark", Screen { width: 1000, dark: true }),
    ("narrow", Screen { width: 360, dark: false }),
    ("narrow-dark", Screen { width: 360, dark: true }),
];

fn target() -> PathBuf {
    // The binary stands in target/<profile>/.
    PathBuf::from(env!("CARGO_BIN_EXE_countersign")).ancestors().nth(2).unwrap().to_owned()
}

/// Takes pictures of the open page on every screen, and checks it there.
pub(crate) fn take(browser: &Browser, door: &str, name: &str) {
    let folder = target().join("pictures").join(door);
    std::fs::create_dir_all(&folder).unwrap();
    // A page that looks again by itself holds still meanwhile: what it asks for is nowhere.
    let live = browser.has("[data-at]");
    browser
        .run("document.querySelector('[data-at]')?.setAttribute('data-at', '/privacy/nowhere/state')", &[]);
    for (screen, size) in SCREENS {
        browser.show_on(size);
        std::fs::write(folder.join(format!("{name}-{screen}.png")), browser.picture()).unwrap();
        let wider = browser.run("return document.documentElement.scrollWidth - window.innerWidth", &[]);
        assert!(wider.as_i64().unwrap() <= 0, "{name} is {wider} px wider than a screen of {}", size.width);
        check(browser, &format!("{name}-{screen}"));
    }
    browser.show_on(SCREENS[0].1);
    if live {
        browser.open(&browser.address());
    }
}

/// The rules of WCAG 2.2 AA that a machine can check.
fn check(browser: &Browser, name: &str) {
    let Ok(axe) = std::fs::read_to_string(target().join(AXE)) else {
        // `./test` fetches it where there is npm, and says when there is none.
        assert!(!countersign_testing::nothing_may_be_skipped(), "axe is not there: ./test fetches it");
        return;
    };
    browser.run(&format!("if (!window.axe) {{ {axe} }}"), &[]);
    let found = browser.run_later(
        "const done = arguments[arguments.length - 1]; \
         axe.run(document, { runOnly: arguments[0] }).then((found) => done(found.violations.map((it) => \
         it.id + ': ' + it.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | '))))",
        &[json!(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])],
    );
    assert_eq!(found, json!([]), "{name}");
}
