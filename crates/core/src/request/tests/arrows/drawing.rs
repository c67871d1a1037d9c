//! Reads a drawing: STATES in capitals, `Events` as labels on the lines between them, heads at the ends.

use std::collections::BTreeSet;

use super::Arrow;

type Place = (usize, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Toward {
    Up,
    Right,
    Down,
    Left,
}
use Toward::{Down, Left, Right, Up};

struct Drawing {
    lines: Vec<Vec<char>>,
}

/// The arrows of the first `text` block in a source file.
pub(super) fn arrows(source: &str) -> BTreeSet<Arrow> {
    let (_, drawing) = source.split_once("/// ```text\n").unwrap();
    let (drawing, _) = drawing.split_once("/// ```\n").unwrap();
    let lines = drawing.lines().map(|line| line.strip_prefix("///").unwrap().chars().collect());
    let drawing = Drawing { lines: lines.collect() };
    let mut arrows = BTreeSet::new();
    for row in 0..drawing.lines.len() {
        for column in 0..drawing.lines[row].len() {
            if drawing.is_state((row, column)) {
                let from = drawing.word((row, column));
                for toward in [Up, Right, Down, Left] {
                    drawing.follow((row, column), toward, &from, &mut Vec::new(), &mut arrows);
                }
            }
        }
    }
    arrows
}

impl Drawing {
    fn at(&self, (row, column): Place) -> char {
        self.lines.get(row).and_then(|line| line.get(column)).copied().unwrap_or(' ')
    }

    fn is_state(&self, place: Place) -> bool {
        self.at(place).is_ascii_uppercase() && self.word(place).chars().all(|c| c.is_ascii_uppercase())
    }

    fn word(&self, (row, column): Place) -> String {
        let line = &self.lines[row];
        let start = (0..=column).rev().take_while(|&c| line[c].is_alphabetic()).last().unwrap();
        line[start..].iter().take_while(|c| c.is_alphabetic()).collect()
    }

    /// Goes on from `place`; `labels` were passed since the state `from`.
    fn follow(
        &self,
        place: Place,
        toward: Toward,
        from: &str,
        labels: &mut Vec<String>,
        arrows: &mut BTreeSet<Arrow>,
    ) {
        let Some(place) = step(place, toward) else { return };
        let ahead = self.at(place);
        let ways: &[Toward] = match (ahead, toward) {
            ('▶', Right) | ('◀', Left) | ('▲', Up) | ('▼', Down) => {
                let beyond = step(place, toward).unwrap();
                let to = if self.at(beyond) == ' ' { step(beyond, toward).unwrap() } else { beyond };
                assert!(self.is_state(to), "an arrow from {from} points nowhere, at {to:?}");
                assert!(!labels.is_empty(), "an arrow from {from} to {} has no event", self.word(to));
                for label in labels.iter() {
                    arrows.insert((from.to_lowercase(), snake(label), self.word(to).to_lowercase()));
                }
                return;
            }
            ('─', Left | Right) | ('│', Up | Down) => &[toward],
            ('┌', Left) | ('┐', Right) => &[Down],
            ('└', Left) | ('┘', Right) => &[Up],
            ('┌', Up) | ('└', Down) => &[Right],
            ('┐', Up) | ('┘', Down) => &[Left],
            ('├', Up | Down) => &[toward, Right],
            ('┤', Up | Down) => &[toward, Left],
            // Labels, and the gaps around them and around states, lie on horizontal lines only.
            (' ' | '·', Left | Right) if self.goes_on(place, toward) => &[toward],
            (c, Left | Right) if c.is_alphabetic() && !self.is_state(place) => {
                let label = self.word(place);
                if labels.last() != Some(&label) {
                    labels.push(label);
                }
                self.follow(place, toward, from, labels, arrows);
                return;
            }
            _ => return,
        };
        for &way in ways {
            self.follow(place, way, from, &mut labels.clone(), arrows);
        }
    }

    /// A gap is part of a line when something of the line follows at once.
    fn goes_on(&self, place: Place, toward: Toward) -> bool {
        let Some(next) = step(place, toward) else { return false };
        let c = self.at(next);
        "─·◀▶".contains(c)
            || (self.at(place) == '·' && c == ' ')
            || (c.is_alphabetic() && !self.is_state(next))
    }
}

fn step((row, column): Place, toward: Toward) -> Option<Place> {
    Some(match toward {
        Up => (row.checked_sub(1)?, column),
        Right => (row, column + 1),
        Down => (row + 1, column),
        Left => (row, column.checked_sub(1)?),
    })
}

/// `RunStarted` is `run_started` in a history.
fn snake(label: &str) -> String {
    let mut snake = String::new();
    for c in label.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
