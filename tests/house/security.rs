//! The table of `docs/security.md`: every line there once, in order, with one of three words and a reason or a place.

use crate::workspace;

/// The lines of levels 1 and 2 of ASVS 5.0.0, section by section: what the table has to have, and nothing else.
const LINES: &str = "1.1: 1 2; 1.2: 1 2 3 4 5 6 7 8 9; 1.3: 1 2 3 4 5 6 7 8 9 10 11; 1.4: 1 2 3; 1.5: 1 2; 2.1: 1 2 3; \
    2.2: 1 2 3; 2.3: 1 2 3 4; 2.4: 1; 3.2: 1 2; 3.3: 1 2 3 4; 3.4: 1 2 3 4 5 6; 3.5: 1 2 3 4 5; 3.7: 1 2; \
    4.1: 1 2 3; 4.2: 1; 4.3: 1 2; 4.4: 1 2 3 4; 5.1: 1; 5.2: 1 2 3; 5.3: 1 2; 5.4: 1 2 3; 6.1: 1 2 3; \
    6.2: 1 2 3 4 5 6 7 8 9 10 11 12; 6.3: 1 2 3 4; 6.4: 1 2 3 4; 6.5: 1 2 3 4 5; 6.6: 1 2 3; 6.8: 1 2 3 4; \
    7.1: 1 2 3; 7.2: 1 2 3 4; 7.3: 1 2; 7.4: 1 2 3 4 5; 7.5: 1 2; 7.6: 1 2; 8.1: 1 2; 8.2: 1 2 3; 8.3: 1; \
    8.4: 1; 9.1: 1 2 3; 9.2: 1 2 3 4; 10.1: 1 2; 10.2: 1 2; 10.3: 1 2 3 4; 10.4: 1 2 3 4 5 6 7 8 9 10 11; \
    10.5: 1 2 3 4 5; 10.6: 1 2; 10.7: 1 2 3; 11.1: 1 2; 11.2: 1 2 3; 11.3: 1 2 3; 11.4: 1 2 3 4; 11.5: 1; \
    11.6: 1; 12.1: 1 2 3; 12.2: 1 2; 12.3: 1 2 3 4; 13.1: 1; 13.2: 1 2 3 4 5; 13.3: 1 2; 13.4: 1 2 3 4 5; \
    14.1: 1 2; 14.2: 1 2 3 4; 14.3: 1 2 3; 15.1: 1 2 3; 15.2: 1 2 3; 15.3: 1 2 3 4 5 6 7; 16.1: 1; \
    16.2: 1 2 3 4 5; 16.3: 1 2 3 4; 16.4: 1 2 3; 16.5: 1 2 3; 17.1: 1; 17.2: 1 2 3 4; 17.3: 1 2;";

#[test]
fn security_table_has_every_line_once_and_says_how_it_stands() {
    let text = workspace::text("docs/security.md");
    let wanted: Vec<String> = LINES
        .split(';')
        .filter_map(|section| section.trim().split_once(": "))
        .flat_map(|(section, numbers)| numbers.split(' ').map(move |number| format!("{section}.{number}")))
        .collect();
    let mut numbers = Vec::new();
    for row in
        text.lines().filter(|line| line.starts_with("| ") && line.split(' ').nth(1).is_some_and(is_number))
    {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, asked, stands, place] = cells.try_into().unwrap_or_else(|_| panic!("four cells: {row}"));
        assert!(["met", "n/a", "open"].contains(&stands), "{number} stands as `{stands}`");
        assert!(!asked.is_empty() && !place.is_empty(), "{number} says neither where nor why");
        numbers.push(number.to_owned());
    }
    assert_eq!(wanted.len(), 253);
    assert_eq!(numbers, wanted);
}

fn is_number(text: &str) -> bool {
    text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u32>().is_ok())
}
