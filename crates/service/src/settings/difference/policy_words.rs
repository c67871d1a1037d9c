//! What a changed policy means, for whoever is about to let it in: looser or stricter, for whom, and which condition went
//! or came. It reads text, so it says what stands there and not what follows from it; it decides nothing.

/// A policy as far as it is read here.
struct Read<'a> {
    forbids: bool,
    /// `principal is Staff, action == Action::"erase", resource`
    scope: &'a str,
    /// Conditions that all have to hold, a block of `unless` as one.
    conditions: Vec<String>,
}

/// What follows "policy `id`": one sentence, or several parts with semicolons.
pub(super) fn words(before: Option<&str>, after: Option<&str>) -> String {
    match (before.map(read), after.map(read)) {
        (None, Some(Some(new))) => {
            let (way, does) = if new.forbids { ("stricter", "forbids") } else { ("looser", "permits") };
            format!("is added ({way}): {does} ({}){}", new.scope, asks(&new))
        }
        (Some(Some(old)), None) => {
            let (way, did) = if old.forbids { ("looser", "forbade") } else { ("stricter", "permitted") };
            format!("is removed ({way}): {did} ({}){}", old.scope, asks(&old))
        }
        (Some(Some(old)), Some(Some(new))) => changed(&old, &new),
        (None, _) => "is added".to_owned(),
        (_, None) => "is removed".to_owned(),
        (Some(_), Some(_)) => "is changed".to_owned(),
    }
}

fn asks(policy: &Read<'_>) -> String {
    if policy.conditions.is_empty() {
        return " without a condition".to_owned();
    }
    format!(" when {}", policy.conditions.join(" && "))
}

fn changed(old: &Read<'_>, new: &Read<'_>) -> String {
    let mut said = Vec::new();
    match (old.forbids, new.forbids) {
        (true, false) => said.push("looser: forbade, and permits now".to_owned()),
        (false, true) => said.push("stricter: permitted, and forbids now".to_owned()),
        (true, true) | (false, false) => {}
    }
    if old.scope != new.scope {
        said.push(format!("is for ({}) instead of ({})", new.scope, old.scope));
    }
    if old.forbids == new.forbids {
        let (fewer, more) = if new.forbids { ("stricter", "looser") } else { ("looser", "stricter") };
        for gone in old.conditions.iter().filter(|it| !new.conditions.contains(it)) {
            said.push(format!("{fewer}: no longer asks {gone}"));
        }
        for come in new.conditions.iter().filter(|it| !old.conditions.contains(it)) {
            said.push(format!("{more}: asks {come} too"));
        }
    }
    if said.is_empty() { "is changed".to_owned() } else { format!("is changed: {}", said.join("; ")) }
}

/// `None` where the text is not as policies are written.
fn read(text: &str) -> Option<Read<'_>> {
    let place =
        |word: &str| [format!("{word} ("), format!("{word}(")].iter().filter_map(|it| text.find(it)).min();
    let (at, forbids) = match (place("permit"), place("forbid")) {
        (Some(permit), Some(forbid)) if forbid < permit => (forbid, true),
        (Some(permit), _) => (permit, false),
        (None, Some(forbid)) => (forbid, true),
        (None, None) => return None,
    };
    let open = at + text[at..].find('(')?;
    let close = open + closing(&text[open..], '(', ')')?;
    let mut conditions = Vec::new();
    let mut rest = &text[close + 1..];
    while let Some(open) = rest.find('{') {
        let unless = rest[..open].contains("unless");
        let close = open + closing(&rest[open..], '{', '}')?;
        let within = &rest[open + 1..close];
        if unless {
            conditions.push(format!("unless {}", within.trim()));
        } else {
            conditions.extend(all_of(within));
        }
        rest = &rest[close + 1..];
    }
    Some(Read { forbids, scope: text[open + 1..close].trim(), conditions })
}

/// Where what begins the text ends; strings are passed over.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            _ if letter == open => depth += 1,
            _ if letter == close && depth == 1 => return Some(at),
            _ if letter == close => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// What has to hold together: split at `&&` outside of brackets and strings.
fn all_of(text: &str) -> Vec<String> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut depth, mut quoted, mut escaped) = (0i32, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '&' if depth == 0 && text[at..].starts_with("&&") => {
                parts.push(text[from..at].trim().to_owned());
                from = at + 2;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim().to_owned());
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::words;

    const PERMIT: &str = "@id(\"a\") permit (principal is Staff, action == Action::\"erase\", resource) when { \
                          context.approvals.privacy >= 2 && context.waited >= duration(\"72h\") }";

    #[test]
    fn a_permit_that_comes_is_looser_and_says_who_gains_what() {
        assert_eq!(
            words(None, Some(PERMIT)),
            "is added (looser): permits (principal is Staff, action == Action::\"erase\", resource) when \
             context.approvals.privacy >= 2 && context.waited >= duration(\"72h\")"
        );
        assert!(
            words(Some(PERMIT), None).starts_with("is removed (stricter): permitted (principal is Staff")
        );
    }

    #[test]
    fn a_condition_that_goes_is_looser_in_a_permit_and_stricter_in_a_forbid() {
        let fewer = PERMIT.replace("context.approvals.privacy >= 2 && ", "");
        assert_eq!(
            words(Some(PERMIT), Some(&fewer)),
            "is changed: looser: no longer asks context.approvals.privacy >= 2"
        );
        let (forbid, fewer) = (PERMIT.replace("permit", "forbid"), fewer.replace("permit", "forbid"));
        assert_eq!(
            words(Some(&forbid), Some(&fewer)),
            "is changed: stricter: no longer asks context.approvals.privacy >= 2"
        );
        assert!(words(Some(&forbid), None).starts_with("is removed (looser): forbade"));
        assert!(words(Some(&forbid), Some(PERMIT)).contains("looser: forbade, and permits now"));
    }

    #[test]
    fn brackets_strings_and_unless_are_kept_together() {
        let text = "permit (principal, action, resource) when { (a && b) || c == \"&& }\" } unless { d }";
        assert_eq!(
            words(None, Some(text)),
            "is added (looser): permits (principal, action, resource) when (a && b) || c == \"&& }\" && unless d"
        );
        assert_eq!(words(Some("nonsense"), Some(text)), "is changed");
    }
}
