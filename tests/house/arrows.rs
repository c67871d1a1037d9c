//! The arrows between our crates are those that ARCHITECTURE.md draws. The drawing itself is held to the floors.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace;

type Arrows = BTreeMap<String, BTreeSet<String>>;

const DOORS: [&str; 2] = ["web", "gateway"];
const CELLARS: [&str; 3] = ["store", "connect", "notify"];
const GROUND: [&str; 2] = ["core", "ledger"];
/// They know nothing of ours: what only speaks the API, and what others are tested with.
const APART: [&str; 3] = ["client", "shop", "testing"];
const ATTIC: &str = "countersign";

#[test]
fn crates_know_those_that_the_drawing_says_and_no_others() {
    let drawn = drawing();
    for (name, knows) in workspace::drawn_by_manifests() {
        let drawn = drawn.get(&name).unwrap_or_else(|| panic!("ARCHITECTURE.md does not draw `{name}`"));
        assert_eq!(knows, *drawn, "what `{name}` knows (left) is not what ARCHITECTURE.md draws (right)");
    }
}

#[test]
fn drawing_names_crates_that_are_there() {
    let there = workspace::crates();
    for name in drawing().keys() {
        assert!(there.contains_key(name), "ARCHITECTURE.md draws `{name}`, and there is no such crate");
    }
}

#[test]
fn arrows_point_down_only() {
    for (name, knows) in drawing() {
        for known in &knows {
            let down = name == ATTIC || floor(known) < floor(&name);
            assert!(down, "`{name}` must not know `{known}`: arrows point down");
        }
    }
}

#[test]
fn doors_and_cellars_do_not_know_each_other() {
    let outside: BTreeSet<&str> = DOORS.into_iter().chain(CELLARS).collect();
    for (name, knows) in drawing().iter().filter(|(name, _)| outside.contains(&***name)) {
        let met: Vec<_> = knows.iter().filter(|known| outside.contains(&***known)).collect();
        assert!(met.is_empty(), "`{name}` must not know {met:?}");
    }
}

#[test]
fn ground_floor_and_what_stands_apart_know_nothing_of_ours() {
    let drawing = drawing();
    for name in GROUND.into_iter().chain(APART) {
        assert_eq!(drawing[name], BTreeSet::new(), "`{name}` must know nothing of ours");
    }
}

/// How high a crate stands; what stands apart can be known by the attic alone.
fn floor(name: &str) -> u8 {
    match name {
        "core" | "ledger" => 0,
        "policy" => 1,
        "service" => 2,
        _ if DOORS.contains(&name) || CELLARS.contains(&name) => 3,
        _ => 4,
    }
}

/// The block of ARCHITECTURE.md between ```` ```arrows ```` and ```` ``` ````: `name → name name`.
fn drawing() -> Arrows {
    let text = workspace::text("ARCHITECTURE.md");
    let (_, block) = text.split_once("```arrows\n").expect("ARCHITECTURE.md has a block of arrows");
    let (block, _) = block.split_once("```").unwrap();
    let line = |line: &str| {
        let (name, knows) = line.split_once('→').unwrap_or_else(|| panic!("no arrow in `{line}`"));
        (name.trim().to_owned(), knows.split_whitespace().map(str::to_owned).collect())
    };
    block.lines().map(line).collect()
}
