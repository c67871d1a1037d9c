//! Policies by their ids, as text in which layout and comments do not count. It only tells people which policy has
//! changed: it must not be used to decide anything. In Cedar, `;` ends a policy and stands nowhere else but in
//! strings and comments.

use std::collections::BTreeMap;

/// The policies of `files` that load, by id.
pub(super) fn by_id<'a>(files: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let all = files.flat_map(split);
    all.filter_map(|text| Some((id(&text)?.to_owned(), text))).collect()
}

/// Each policy of a file, without comments, and with one space for any white space outside strings.
fn split(file: &str) -> Vec<String> {
    let mut policies = vec![];
    let mut policy = String::new();
    let mut letters = file.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                policy.push(letter);
                while let Some(inner) = letters.next() {
                    policy.push(inner);
                    match inner {
                        '\\' => policy.extend(letters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if letters.peek() == Some(&'/') => while letters.next_if(|it| *it != '\n').is_some() {},
            ';' => policies.push(std::mem::take(&mut policy).trim_end().to_owned()),
            _ if letter.is_whitespace() => {
                if !policy.is_empty() && !policy.ends_with(' ') {
                    policy.push(' ');
                }
            }
            _ => policy.push(letter),
        }
    }
    policies
}

fn id(policy: &str) -> Option<&str> {
    let (_, rest) = policy.split_once("@id")?;
    let (_, rest) = rest.split_once('"')?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_and_comments_do_not_count_and_strings_do() {
        let one =
            by_id(["@id(\"a\") // first; or not\npermit (principal,\n  action, resource);"].into_iter());
        let other = by_id(["@id(\"a\")\npermit (principal, action, resource);\n// nothing"].into_iter());
        assert_eq!(one, other);
        let third =
            by_id(["@id(\"a\") @note(\"x;  \\\" y\") permit (principal, action, resource);"].into_iter());
        assert_ne!(one, third);
        assert_eq!(third.len(), 1);
    }
}
