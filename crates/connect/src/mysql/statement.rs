//! Statements as the wire takes them: places in order, and temporary tables opened once where the server opens them
//! only once. It must not know what statements are about.

use std::collections::BTreeMap;

use mysql_async::Value;

use crate::sql::{Param, Sql};

/// Stands before and behind a place's number; no name and no text of a statement can hold it.
const MARK: char = '\0';
/// How the names of collected rows begin.
const REACH: &str = "countersign_reach_";

/// The place of the `n`th value while a statement is written: it may stand in it several times, in any order.
pub(super) fn place(n: usize) -> String {
    format!("{MARK}{n}{MARK}")
}

/// Text with `?`, and the values in the order of their places.
pub(super) fn positional(sql: &Sql) -> (String, Vec<Value>) {
    let (mut text, mut values) = (String::with_capacity(sql.text.len()), vec![]);
    for (at, piece) in sql.text.split(MARK).enumerate() {
        if at % 2 == 0 {
            text.push_str(piece);
            continue;
        }
        text.push('?');
        let param = piece.parse::<usize>().ok().and_then(|n| sql.params.get(n.checked_sub(1)?));
        values.push(param.map_or(Value::NULL, value));
    }
    (text, values)
}

fn value(param: &Param) -> Value {
    match param {
        Param::Text(text) => Value::Bytes(text.as_bytes().to_vec()),
        Param::Int(number) => Value::Int(*number),
        Param::Real(number) => Value::Double(*number),
        Param::Bool(flag) => Value::Int(i64::from(*flag)),
    }
}

/// The same statement with each further opening of a temporary table under a name of its own, as [`copy_name`] says;
/// and how often each is opened.
pub(super) fn opened_once(text: &str) -> (String, BTreeMap<usize, usize>) {
    let (mut out, mut opened) = (String::with_capacity(text.len()), BTreeMap::new());
    let mut rest = text;
    while let Some(at) = rest.find(REACH) {
        let (before, found) = rest.split_at(at + REACH.len());
        let digits = found.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = found.split_at(digits);
        out.push_str(before);
        rest = behind;
        let Ok(node) = number.parse::<usize>() else {
            out.push_str(number);
            continue;
        };
        let times = opened.entry(node).or_insert(0);
        *times += 1;
        out.truncate(out.len() - REACH.len());
        out.push_str(&copy_name(node, *times));
    }
    out.push_str(rest);
    (out, opened)
}

/// The `n`th name of a node's collected rows, from 1.
pub(super) fn copy_name(node: usize, n: usize) -> String {
    match n {
        1 => format!("{REACH}{node}"),
        n => format!("{REACH}{node}_{n}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::mysql::dialect::MARIADB;

    #[test]
    fn a_place_stands_as_often_as_it_is_written_and_in_any_order() {
        let mut sql = Sql::new(&MARIADB);
        let (one, two) = (sql.place(Param::Int(1)), sql.place(Param::Text("two".to_owned())));
        sql.push(&format!("SELECT {two}, {one}, '?', {two}"));
        let (text, values) = positional(&sql);
        assert_eq!(text, "SELECT ?, ?, '?', ?");
        let two = Value::Bytes(b"two".to_vec());
        assert_eq!(values, [two.clone(), Value::Int(1), two]);
    }

    #[test]
    fn no_temporary_table_is_opened_twice() {
        let text = "SELECT 1 FROM countersign_reach_1 WHERE a IN (SELECT b FROM countersign_reach_12) \
                    OR c IN (SELECT d FROM countersign_reach_1)";
        let (apart, opened) = opened_once(text);
        assert_eq!(
            apart,
            "SELECT 1 FROM countersign_reach_1 WHERE a IN (SELECT b FROM countersign_reach_12) \
             OR c IN (SELECT d FROM countersign_reach_1_2)"
        );
        assert_eq!(opened, BTreeMap::from([(1, 2), (12, 1)]));
    }
}
