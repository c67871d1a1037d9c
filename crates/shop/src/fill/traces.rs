//! What people leave behind without a foreign key, or between two of them: visits, events, newsletter, messages, an old
//! import; orphans on purpose; and the program's own log.

use rusqlite::Result;

use super::Pen;
use super::people::in_cast;
use crate::calendar::{LAST_DAY_NUMBER, before_the_end, date};
use crate::cast;
use crate::profile::{Profile, twin_of};

/// How many units of work [`fill`] is, besides the customers.
pub(super) fn units(customers: i64) -> i64 {
    messages(customers) + strangers(customers) + app_lines(customers)
}

fn messages(customers: i64) -> i64 {
    customers
}

/// People of whom a trace is left, but no customer.
fn strangers(customers: i64) -> i64 {
    customers / 10
}

fn app_lines(customers: i64) -> i64 {
    customers * 3 / 2
}

const DOINGS: [&str; 5] =
    ["signed in", "changed a setting", "opened the basket", "asked for a copy", "signed out"];
const EVENT: &str = "INSERT INTO event_log (at, who, what) VALUES (?, ?, ?)";
const NEWSLETTER: &str = "INSERT INTO newsletter (email, subscribed_on) VALUES (?, ?)";
const IMPORT: &str = "INSERT INTO old_import (line_no, mail, person, tel, remark) VALUES (?, ?, ?, ?, ?)";
const MESSAGE: &str = "INSERT INTO message (sender_id, recipient_id, sent_at, body) VALUES (?, ?, ?, ?)";

/// What one customer leaves behind.
pub(super) fn of_customer(pen: &mut Pen<'_>, id: i64, profile: &Profile) -> Result<()> {
    let fixed = in_cast(id);
    for _ in 0..if fixed { 2 } else { pen.chance.between(1, 3) } {
        let at = before_the_end(pen.chance.between(0, 200 * 86_400));
        pen.row("INSERT INTO visit (customer_id, at, ip) VALUES (?, ?, ?)", &[&id, &at, &profile.ip])?;
    }
    // The newer way of writing down who, then the older one.
    for _ in 0..if fixed { 2 } else { pen.chance.between(1, 3) } {
        let at = before_the_end(pen.chance.between(0, 400 * 86_400));
        let what = pen.chance.one(&DOINGS);
        pen.row(EVENT, &[&at, &format!("customer:{id}"), &what])?;
    }
    if fixed || pen.chance.percent(30) {
        let at = before_the_end(pen.chance.between(400 * 86_400, 700 * 86_400));
        let what = pen.chance.one(&DOINGS);
        pen.row(EVENT, &[&at, &profile.email, &what])?;
    }
    if twin_of(id).is_some() {
        return Ok(());
    }
    if fixed || pen.chance.percent(60) {
        let on = date(LAST_DAY_NUMBER - pen.chance.between(0, 900));
        pen.row(NEWSLETTER, &[&profile.email, &on])?;
    }
    if fixed || pen.chance.percent(20) {
        pen.row(IMPORT, &[&id, &profile.email, &profile.name, &profile.phone, &"moved over"])?;
    }
    Ok(())
}

/// What belongs to two, to nobody who is left, and to nobody at all.
pub(super) fn fill(pen: &mut Pen<'_>) -> Result<()> {
    letters(pen)?;
    orphans(pen)?;
    app_log(pen)
}

const WORDS: [&str; 6] = [
    "Is the lamp still to be had?",
    "Yes, come by on Saturday.",
    "Which size did you take?",
    "The large one, and it fits.",
    "Thanks for the tip!",
    "Shall we order together?",
];

fn letters(pen: &mut Pen<'_>) -> Result<()> {
    let (ana, cleo) = (cast::ANA.id, cast::CLEO.id);
    for (hours, (from, to), body) in [
        (20, (cleo, ana), WORDS[0]),
        (19, (ana, cleo), WORDS[1]),
        (3, (cleo, ana), WORDS[2]),
        (2, (ana, cleo), WORDS[3]),
    ] {
        pen.row(MESSAGE, &[&from, &to, &before_the_end(hours * 3_600), &body])?;
    }
    for _ in 0..messages(pen.customers) {
        let from = pen.chance.between(cast::FIRST_STRANGER, pen.customers);
        let to = pen.chance.between(cast::FIRST_STRANGER, pen.customers - 1);
        let to = if to >= from { to + 1 } else { to };
        let at = before_the_end(pen.chance.between(0, 300 * 86_400));
        let body = pen.chance.one(&WORDS);
        pen.row(MESSAGE, &[&from, &to, &at, &body])?;
        pen.step();
    }
    Ok(())
}

fn orphans(pen: &mut Pen<'_>) -> Result<()> {
    for nth in 1..=strangers(pen.customers) {
        let at = before_the_end(pen.chance.between(0, 700 * 86_400));
        let email = format!("gone.{nth:04}@example.test");
        pen.row(
            IMPORT,
            &[&(pen.customers + nth), &email, &format!("Former Person {nth}"), &None::<&str>, &"left"],
        )?;
        match nth % 4 {
            0 => pen.row(NEWSLETTER, &[&email, &&at[..10]])?,
            1 => pen.row(EVENT, &[&at, &email, &"signed in"])?,
            2 => pen.row(EVENT, &[&at, &format!("customer:{}", pen.customers + nth), &"signed in"])?,
            _ => pen.row(EVENT, &[&at, &"system", &"tidied up"])?,
        }
        pen.step();
    }
    Ok(())
}

const LINES: [&str; 5] = [
    "basket saved in 12 ms",
    "cache warmed",
    "payment provider answered slowly",
    "search index rebuilt",
    "worker took the next job",
];

/// Two years of lines, one after the other in time.
fn app_log(pen: &mut Pen<'_>) -> Result<()> {
    let count = app_lines(pen.customers);
    let gap = 730 * 86_400 / count;
    for nth in 0..count {
        let at = before_the_end((count - 1 - nth) * gap);
        let level = match pen.chance.below(20) {
            0 => "error",
            1..4 => "warn",
            _ => "info",
        };
        let line = pen.chance.one(&LINES);
        pen.row("INSERT INTO app_log (at, level, line) VALUES (?, ?, ?)", &[&at, &level, &line])?;
        pen.step();
    }
    Ok(())
}
