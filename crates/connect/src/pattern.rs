//! Patterns of paths: `*` is anything within one part of a path. It must not know what the paths lead to.

/// A pattern such as `nginx/access.log*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        let bad = |it: &String| it.is_empty() || it == "." || it == ".." || it.contains(['\\', '\0']);
        if parts.iter().any(bad) {
            return Err(
                "is no pattern of files below the directory: write it as in `nginx/access.log*`".to_owned()
            );
        }
        Ok(Self(parts))
    }

    /// Whether a path, with `/` between its parts, is of this pattern.
    pub(crate) fn fits(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        parts.len() == self.0.len()
            && self.0.iter().zip(parts).all(|(pattern, part)| part_fits(pattern, part))
    }
}

fn part_fits(pattern: &str, part: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(mut left) = part.strip_prefix(first) else { return false };
    let mut middle = rest.split('*').collect::<Vec<_>>();
    let last = middle.pop().unwrap_or("");
    for piece in middle {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_star_is_anything_within_one_part() {
        for (pattern, path, fits) in [
            ("app.log*", "app.log", true),
            ("app.log*", "app.log.1.gz", true),
            ("app.log*", "app.logs/x", false),
            ("*/app-*.log", "web/app-2026.log", true),
            ("*/app-*.log", "app-2026.log", false),
            ("a*a", "a", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("app.log", "app.log", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().fits(path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_does_not_leave_its_directory() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.", "a\\b"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
