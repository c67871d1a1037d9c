//! Policy text as text: places, a canonical form, limits before anything recursive reads it, and near misses of names.
//! It must not know what policies mean.

/// Longest policy file, in bytes.
pub(crate) const FILE_MOST: usize = 512 * 1024;
/// Most tokens in one policy: deeper trees than this can make are not worth the stack.
const TOKENS_MOST: usize = 2_000;
/// Most brackets open at once.
const DEPTH_MOST: usize = 32;
/// Most operators in one policy: chains of them make trees as deep as they are long.
const OPERATORS_MOST: usize = 256;

/// Line and column of a byte offset, both from 1; the column counts characters.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |it| it.chars().count()) + 1;
    (line, column)
}

/// A token with the byte offset it begins at.
struct Token<'a> {
    text: &'a str,
    at: usize,
}

/// Words, texts and single signs, without blanks and comments.
fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &text[at..];
            let first = rest.chars().next()?;
            if first.is_whitespace() {
                at += first.len_utf8();
            } else if rest.starts_with("//") {
                at += rest.find('\n').unwrap_or(rest.len());
            } else {
                let length = match first {
                    '"' => text_length(rest),
                    _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                    _ => first.len_utf8(),
                };
                let token = Token { text: &rest[..length], at };
                at += length;
                return Some(token);
            }
        }
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes of the quoted text that `rest` begins with, quotes and escapes included.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// The same policy in one line, however it was laid out or commented: what the hash of a policy set is made of.
pub(crate) fn canonical(policy: &str) -> String {
    tokens(policy).map(|it| it.text).collect::<Vec<_>>().join(" ")
}

/// Refuses text that would make deep trees, before any parser recurses into it: offset and reason.
pub(crate) fn too_deep(text: &str) -> Option<(usize, &'static str)> {
    if text.len() > FILE_MOST {
        return Some((0, "the file is larger than 512 KiB; split it"));
    }
    let (mut depth, mut operators, mut count) = (0usize, 0usize, 0usize);
    for Token { text, at } in tokens(text) {
        count += 1;
        match text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "&" | "|" | "+" | "-" | "*" | "!" | "." | "if" | "<" | ">" | "=" | "has" | "in" | "is"
            | "like" => {
                operators += 1;
            }
            ";" if depth == 0 => (operators, count) = (0, 0),
            _ => {}
        }
        if depth > DEPTH_MOST {
            return Some((at, "brackets nest deeper than 32; split the policy"));
        }
        if operators > OPERATORS_MOST || count > TOKENS_MOST {
            return Some((at, "the policy is too long (256 operators, 2000 words); split it in several"));
        }
    }
    None
}

/// The name among `names` that was probably meant.
pub(crate) fn closest<'a>(name: &str, names: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|it| (distance(name, it), it.as_str()))
        .filter(|(far, it)| *far <= 1 + name.len().max(it.len()) / 3)
        .min()
        .map(|(_, it)| it)
}

/// Letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(128).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        assert_eq!(place("ab\ncéd", 0), (1, 1));
        assert_eq!(place("ab\ncéd", 6), (2, 3));
        assert_eq!(place("ab", 99), (1, 3));
        assert_eq!(place("é", 1), (1, 1));
    }

    #[test]
    fn layout_and_comments_do_not_change_the_canonical_form_and_texts_do() {
        let plain = canonical("permit(principal,action,resource);");
        assert_eq!(canonical("permit ( principal , // who\n action, resource ) ;"), plain);
        assert_ne!(canonical("@id(\"a  b\")"), canonical("@id(\"a b\")"));
        assert_eq!(canonical("\"a // \\\" b\" x"), "\"a // \\\" b\" x");
    }

    #[test]
    fn deep_or_long_policies_are_refused_before_parsing() {
        assert!(too_deep(&"(".repeat(33)).is_some());
        assert!(too_deep(&"true && ".repeat(200)).is_some());
        assert!(too_deep(&"permit(principal, action, resource);".repeat(1_000)).is_none());
        assert!(too_deep(&" ".repeat(FILE_MOST + 1)).is_some());
    }

    #[test]
    fn near_misses_are_found_and_strangers_are_not() {
        let names = ["privacy".to_owned(), "data_owner".to_owned()];
        assert_eq!(closest("privcy", &names), Some("privacy"));
        assert_eq!(closest("finance", &names), None);
    }
}
