//! The table of `docs/security.md`: every line there once, in order, with one of three words and a reason or a place.

use crate::workspace;

/// The lines of levels 1 and 2.
const LINES: usize = 253;

#[test]
fn security_table_has_every_line_once_and_says_how_it_stands() {
    let text = workspace::text("docs/security.md");
    let mut before = (0, 0, 0);
    let mut lines = 0;
    for row in
        text.lines().filter(|line| line.starts_with("| ") && line.split(' ').nth(1).is_some_and(is_number))
    {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, asked, stands, place] = cells.try_into().unwrap_or_else(|_| panic!("four cells: {row}"));
        let parts: Vec<u32> = number.split('.').map(|part| part.parse().unwrap()).collect();
        let now = (parts[0], parts[1], parts[2]);
        assert!(before < now, "{number} does not come after {before:?}");
        assert!(["met", "n/a", "open"].contains(&stands), "{number} stands as `{stands}`");
        assert!(!asked.is_empty() && !place.is_empty(), "{number} says neither where nor why");
        (before, lines) = (now, lines + 1);
    }
    assert_eq!((lines, before.0), (LINES, 17));
}

fn is_number(text: &str) -> bool {
    text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u32>().is_ok())
}
