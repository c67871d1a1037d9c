//! Reading one way of reaching rows, and what happens to them.

use std::collections::BTreeMap;

use countersign_core::plan::Treatment;

use super::{ReadWay, columns};
use crate::settings::datamap::{Compare, Generalise, Link, Part, Replacement, Rule, Template, Way};
use crate::settings::duration::{DAY_MS, LONGEST_MS};
use crate::settings::section::{Placed, Section, Value, brief};

pub(super) const COMPARE: [(&str, Compare); 3] =
    [("exact", Compare::Exact), ("ignore-case", Compare::IgnoreCase), ("digits", Compare::Digits)];

const TREATMENTS: [(&str, Treatment); 5] = [
    ("delete", Treatment::Delete),
    ("clear", Treatment::Clear),
    ("detach", Treatment::Detach),
    ("keep", Treatment::Keep),
    ("keep-for-others", Treatment::KeepForOthers),
];

/// Whether it is a name as codes, kinds and attributes have it.
pub(super) fn is_code(name: &str) -> bool {
    name.len() <= 60
        && name.starts_with(|it: char| it.is_ascii_lowercase())
        && name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
}

/// One way; a soft link without `root` means `only_root`.
pub(super) fn way(section: Section<'_>, only_root: Option<&str>) -> Option<ReadWay> {
    let page = section.page();
    let span = section.span();
    let from = section.text("from");
    let pairs = section.section("on").map(|on| {
        let pair = |(own, value): (Placed<&str>, Value<'_>)| {
            let other = on.as_text(own.value, value)?;
            Some((own.value.to_owned(), other.value.to_owned()))
        };
        on.entries().filter_map(pair).collect::<Vec<_>>()
    });
    let column = section.text("column");
    let equals = section.text("equals");
    let root = section.text("root");
    let compare = section.choice("compare", &COMPARE);
    let rule = rule(&section, &TREATMENTS);
    let only = section.has("only").then(|| columns(&section, "only"));
    if !section.has("only") {
        section.texts("only");
    }
    let by_key = section.has("from") || section.has("on");
    let by_value = ["column", "equals", "root", "compare"].iter().any(|it| section.has(it));
    if by_key == by_value {
        let message = if by_key { "the way is both a key and a value" } else { "the way leads nowhere" };
        let advice = "write either `from` and `on`, or `column` and `equals`";
        page.wrong(span.clone(), message, advice);
    } else if by_key && (!section.has("from") || !section.has("on")) {
        page.wrong(
            span.clone(),
            "a way by key needs both `from` and `on`",
            "as in `on = { customer_id = \"id\" }`",
        );
    } else if by_value && (!section.has("column") || !section.has("equals")) {
        page.wrong(
            span.clone(),
            "a way by value needs both `column` and `equals`",
            "as in `equals = \"{email}\"`",
        );
    } else if by_value && root.is_none() && only_root.is_none() && !section.has("root") {
        page.wrong(span.clone(), "the map has several roots", "say which with `root = \"…\"`");
    }
    if let Some(on) = section.has("on").then_some(&pairs).and_then(Option::as_ref)
        && on.is_empty()
    {
        page.wrong(span.clone(), "`on` has no columns", "as in `on = { customer_id = \"id\" }`");
    }
    let equals = equals.and_then(|it| template(&section, "equals", &it));
    if let Some(equals) = equals.as_ref().filter(|it| it.columns().next().is_none()) {
        let message = format!("`equals = \"{equals}\"` is the same for every subject");
        page.wrong(span.clone(), message, "name a column of the root in braces, as in `{id}`");
    }
    let target = from.as_ref().or(root.as_ref()).map_or(span.clone(), |it| it.span.clone());
    section.finish();
    let rule = rule?;
    if rule.treatment == Treatment::Detach && only.is_some() {
        page.wrong(span.clone(), "`only` with `detach`", "such rows are somebody else's and never exported");
    }
    let link = if by_key {
        let mut on = pairs?;
        on.sort();
        Link::Key { from: from?.value.to_owned(), on }
    } else {
        let root = root.map(|it| it.value).or(only_root)?.to_owned();
        let compare = compare.unwrap_or(Compare::Exact);
        Link::Value { root, column: column?.value.to_owned(), equals: equals?, compare }
    };
    Some(ReadWay { way: Way { link, rule, only }, target, span })
}

/// What happens to the rows: `treatment` and what belongs to it.
pub(super) fn rule(section: &Section<'_>, treatments: &[(&'static str, Treatment)]) -> Option<Rule> {
    let page = section.page();
    let span = section.span();
    let treatment =
        section.needed("treatment", "\"delete\"").and_then(|it| section.choose("treatment", &it, treatments));
    let basis = section.text("basis");
    let until = section.text("until").map(|it| it.value.to_owned());
    let keep_for_ms = section.duration("keep_for", DAY_MS..=LONGEST_MS);
    let empty = columns(section, "empty");
    let mut replace = BTreeMap::new();
    if let Some(all) = section.section("replace") {
        for (column, value) in all.entries() {
            if let Some(value) = replacement(section, &column, value) {
                replace.insert(column.value.to_owned(), value);
            }
            if empty.iter().any(|it| it == column.value) {
                let message = format!("`{}` is both emptied and replaced", brief(column.value));
                page.wrong(column.span, message, "take it out of `empty` or of `replace`");
            }
        }
    }
    let treatment = treatment?;
    let clears = !empty.is_empty() || !replace.is_empty();
    let wrong = |message: &str, advice: &str| page.wrong(span.clone(), message, advice);
    match treatment {
        Treatment::Clear if !clears && page.is_clean() => {
            wrong("`clear` names no columns", "add `empty = [\"…\"]` or `replace = { … = \"…\" }`");
        }
        Treatment::Keep if basis.is_none() && !section.has("basis") => {
            wrong("`keep` needs a legal basis", "add `basis = \"legal_obligation\"`");
        }
        Treatment::Delete | Treatment::Detach | Treatment::Keep | Treatment::KeepForOthers if clears => {
            let advice = "use `treatment = \"clear\"`; with a `basis` if the row is kept by law";
            wrong(&format!("`{}` neither empties nor replaces columns", treatment.name()), advice);
        }
        Treatment::Delete | Treatment::Detach | Treatment::KeepForOthers if section.has("basis") => {
            wrong(&format!("`{}` has no legal basis", treatment.name()), "only `keep` and `clear` have one");
        }
        _ => {}
    }
    if (until.is_some() || keep_for_ms.is_some()) && basis.is_none() {
        let which = if until.is_some() { "until" } else { "keep_for" };
        wrong(&format!("`{which}` without `basis`"), "say on which legal basis the rows stay until then");
    }
    if let Some(basis) = basis.as_ref().filter(|it| !is_code(it.value)) {
        let advice = "lower-case letters, digits and `_`, as in `legal_obligation`";
        page.wrong(
            basis.span.clone(),
            format!("`{}` is no code of a legal basis", brief(basis.value)),
            advice,
        );
    }
    Some(Rule { treatment, basis: basis.map(|it| it.value.to_owned()), until, keep_for_ms, empty, replace })
}

fn replacement(section: &Section<'_>, column: &Placed<&str>, value: Value<'_>) -> Option<Replacement> {
    let written = value.get_ref();
    if let Some(text) = written.as_str() {
        let written = template(section, column.value, &Placed { value: text, span: value.span() })?;
        return pseudonym(section, value, written);
    }
    if let Some(table) = written.as_table() {
        let said = table.iter().next().filter(|(key, _)| key.get_ref() == "generalise" && table.len() == 1);
        let how = said.and_then(|(_, how)| section.as_text("generalise", how));
        let ways = [Generalise::Year, Generalise::Network].map(|it| (it.name(), it));
        return match how {
            Some(how) => section.choose("generalise", &how, &ways).map(Replacement::Generalise),
            None => {
                let message = format!("`{}` cannot be replaced by this", brief(column.value));
                section.page().wrong(
                    value.span(),
                    message,
                    "write `{ generalise = \"year\" }` or \"network\"",
                );
                None
            }
        };
    }
    let found = if let Some(flag) = written.as_bool() {
        Some(Replacement::Bool(flag))
    } else if let Some(number) = written.as_integer() {
        i64::from_str_radix(number.as_str(), number.radix()).ok().map(Replacement::Int)
    } else {
        let number = written.as_float().and_then(|it| it.as_str().parse::<f64>().ok());
        number.filter(|it| it.is_finite()).map(Replacement::Real)
    };
    if found.is_none() {
        let message = format!("`{}` cannot be replaced by this", brief(column.value));
        section.page().wrong(
            value.span(),
            message,
            "write a text, a number, `true` or `false`; `empty` makes NULL",
        );
    }
    found
}

/// A text as a replacement; `{pseudonym}` stands alone among names.
fn pseudonym(section: &Section<'_>, value: Value<'_>, written: Template) -> Option<Replacement> {
    let is_one = |part: &Part| matches!(part, Part::Column(name) if name == "pseudonym");
    if !written.0.iter().any(is_one) {
        return Some(Replacement::Text(written));
    }
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Column(_) => String::new(),
    };
    match &*written.0 {
        [one] if is_one(one) => Some(Replacement::Pseudonym { before: String::new(), after: String::new() }),
        [before @ Part::Text(_), one] if is_one(one) => {
            Some(Replacement::Pseudonym { before: text(before), after: String::new() })
        }
        [one, after @ Part::Text(_)] if is_one(one) => {
            Some(Replacement::Pseudonym { before: String::new(), after: text(after) })
        }
        [before @ Part::Text(_), one, after @ Part::Text(_)] if is_one(one) => {
            Some(Replacement::Pseudonym { before: text(before), after: text(after) })
        }
        _ => {
            let message = "`{pseudonym}` stands beside another name";
            section.page().wrong(value.span(), message, "write it once, with no other name in the text");
            None
        }
    }
}

/// A text with names in braces; `{{` and `}}` are braces themselves.
fn template(section: &Section<'_>, what: &str, written: &Placed<&str>) -> Option<Template> {
    let mut parts = vec![];
    let mut plain = String::new();
    let mut rest = written.value;
    while let Some(open) = rest.find(['{', '}']) {
        if rest[open..].starts_with("{{") || rest[open..].starts_with("}}") {
            plain.push_str(&rest[..=open]);
            rest = &rest[open + 2..];
            continue;
        }
        let close = rest[open..].find('}').map(|it| open + it);
        let (true, Some(close)) = (rest[open..].starts_with('{'), close) else {
            let message = format!("the braces in `{}` do not match", brief(what));
            section.page().wrong(written.span.clone(), message, "as in \"customer:{id}\"");
            return None;
        };
        plain.push_str(&rest[..open]);
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        let name = rest[open + 1..close].trim();
        if name.is_empty() {
            let message = format!("empty braces in `{}`", brief(what));
            section.page().wrong(written.span.clone(), message, "name a column between them");
            return None;
        }
        parts.push(Part::Column(name.to_owned()));
        rest = &rest[close + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    Some(Template(parts))
}
