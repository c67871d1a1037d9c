//! What files there are, by families and fields; a first map of them; and a map held against them. Samples are looked at
//! and forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

use countersign_service::ports::source::{Finding, Severity, SourceError};
use countersign_service::settings::datamap::DataMap;

use super::directory::{self, State, open};
use super::rules::{LINE, Rules};
use super::survey::FILE;
use super::{Inner, json, seek, text};
use crate::discover::content::{ROWS, Seen};

/// What was seen in the files of one family.
#[derive(Default)]
struct Family {
    files: Vec<String>,
    fields: BTreeMap<String, Seen>,
    lines: usize,
    json: usize,
    /// Lines of text in which an address stands.
    addresses: usize,
}

/// The name that a file had before it was rotated: without what rotation puts behind it.
fn before_rotation(name: &str) -> &str {
    let mut name = name;
    loop {
        let shorter = [".gz", ".zst", ".bz2", ".xz"].iter().find_map(|it| name.strip_suffix(it));
        if let Some(shorter) = shorter {
            name = shorter;
            continue;
        }
        let Some(at) = name.rfind(['.', '-']).filter(|it| *it > 0 && !name[..*it].ends_with('/')) else {
            return name;
        };
        let number = &name[at + 1..];
        if number.is_empty() || !number.bytes().all(|it| it.is_ascii_digit() || it == b'_') {
            return name;
        }
        name = &name[..at];
    }
}

impl Inner {
    fn families(&self) -> Result<BTreeMap<String, Family>, SourceError> {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        for (name, path) in directory::all(&self.options.directory).map_err(|it| self.before(&it))? {
            let family = families.entry(before_rotation(&name).to_owned()).or_default();
            let gzip = name.ends_with(".gz");
            family.files.push(name);
            let Ok(file) = open(&path) else { continue };
            if !file.metadata().is_ok_and(|it| it.is_file()) {
                continue;
            }
            let mut seen = 0;
            // Whatever ends the look, what was seen was seen.
            let _ = text::lines(&file, gzip, |line| {
                seen += 1;
                family.see(text::parted(line).0);
                if seen < ROWS { Ok(()) } else { Err(io::Error::other("enough")) }
            });
        }
        Ok(families)
    }

    pub(super) fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        let tables = self.families()?.into_iter();
        Ok(tables.map(|(name, it)| (name, it.fields.into_keys().collect())).collect())
    }

    pub(super) fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let mut findings = vec![];
        let mut say = |severity, message: String| findings.push(Finding { severity, message });
        let rules = match Rules::read(map) {
            Ok(rules) => rules,
            Err(wrong) => {
                wrong.into_iter().for_each(|it| say(Severity::Error, it));
                return Ok(findings);
            }
        };
        let families = self.families()?;
        let logs = directory::logs(&self.options, &rules.families).map_err(|it| self.before(&it))?;
        for (n, family) in rules.families.iter().enumerate() {
            let name = family.name;
            let of_state = |state| logs.iter().filter(|it| it.family == n && it.state == state).count();
            if logs.iter().all(|it| it.family != n) {
                say(Severity::Warning, format!("`{name}`: there is no such file"));
            }
            let (written, unreadable) = (of_state(State::Written), of_state(State::Unreadable));
            if written > 0 {
                let what = "still written, and not reached until they are rotated";
                say(Severity::Note, format!("`{name}`: {written} files are {what}"));
            }
            if unreadable > 0 {
                let what = "links, have two names or a compression that is not gzip: they are not reached";
                say(Severity::Warning, format!("`{name}`: {unreadable} files are {what}"));
            }
            let fields: BTreeSet<&String> = families
                .values()
                .filter(|it| it.files.iter().any(|it| family.pattern.fits(it)))
                .flat_map(|it| it.fields.keys())
                .collect();
            for way in &family.ways {
                if way.column != LINE && !fields.iter().any(|it| *it == way.column) {
                    let what = format!("no line seen has the field `{}`", way.column);
                    say(Severity::Warning, format!("`{name}`: {what}"));
                }
                if way.column == LINE && way.is_bare() && !way.equals().contains("mail") {
                    let what = format!(
                        "`{}` is looked for anywhere in a line: a short number stands for many things; write what \
                         stands before it, as in `user={}`",
                        way.equals(),
                        way.equals()
                    );
                    say(Severity::Warning, format!("`{name}`: {what}"));
                }
            }
        }
        for dataset in &map.datasets {
            if let Err(wrong) = Rules::of_dataset(map, &dataset.name) {
                wrong.into_iter().for_each(|it| say(Severity::Error, it));
            }
            if dataset.age == FILE {
                let what = "goes by the time of whole files";
                say(Severity::Note, format!("the dataset `{}` {what}", dataset.name));
            }
        }
        let tables = families.into_iter().map(|(name, it)| (name, it.fields.into_keys().collect()));
        for new in map.drift(&tables.collect()) {
            say(Severity::Drift, format!("`{new}` is new: look at it, and then write it down as known"));
        }
        findings.sort_by_key(|it| std::cmp::Reverse(it.severity));
        Ok(findings)
    }

    pub(super) fn discover(&self) -> Result<String, SourceError> {
        let families = self.families()?;
        if families.is_empty() {
            return Err(crate::job::refused(&self.name, "there is no file in the directory"));
        }
        let mut map = format!(
            "# A first map of the logs in the source `{0}`, guessed from their lines. Read it, and correct it; then:\n\
             #   countersign source check {0} THIS-FILE\n\
             # A line that names somebody else too loses the subject's values and stays.\n\
             source = \"{0}\"\n\n\
             [[root]]                       # whoever is meant is told by the other sources, by these identities\n\
             table = \"person\"\nkey = [\"email\", \"account\"]\n\
             identities = {{ email = \"email\", account = \"account\" }}\n\
             attributes = {{ {0}_drifted = {{ type = \"drift\" }} }}\ntreatment = \"delete\"\n",
            self.name
        );
        for (name, family) in &families {
            family.propose(name, &mut map);
        }
        let _ = writeln!(map, "\n[known]                        # what was there when this was written");
        for (name, family) in &families {
            let fields: Vec<String> = family.fields.keys().map(|it| format!("{it:?}")).collect();
            let _ = writeln!(map, "{name:?} = [{}]", fields.join(", "));
        }
        Ok(map)
    }
}

impl Family {
    fn see(&mut self, line: &[u8]) {
        self.lines += 1;
        let Some(leaves) = json::leaves(line) else {
            self.addresses += usize::from(!seek::addresses(line).is_empty());
            return;
        };
        self.json += 1;
        for leaf in leaves.into_iter().filter(|it| !it.path.is_empty()) {
            let seen = self.fields.entry(leaf.path).or_default();
            match leaf.text {
                Some(text) => seen.add(&text),
                None => seen.add(&String::from_utf8_lossy(&line[leaf.span])),
            }
        }
    }

    fn propose(&self, name: &str, map: &mut String) {
        let _ = writeln!(map, "\n[[table]]");
        let pattern = format!("{name}*");
        let _ = writeln!(map, "name = {pattern:?}   # {} files", self.files.len());
        let text = self.lines - self.json;
        let way = |map: &mut String, column: &str, equals: &str, more: &str, why: &str| {
            let _ = writeln!(map, "[[table.way]]   # {why}");
            let _ = writeln!(map, "column = {column:?}\nequals = {equals:?}{more}\ntreatment = \"delete\"");
        };
        let any_case = "\ncompare = \"ignore-case\"";
        let mut ways = 0;
        for (field, seen) in &self.fields {
            let last = field.rsplit('.').next().unwrap_or(field).to_lowercase();
            let is_account =
                ["account", "account_id", "user_id", "userid", "customer_id", "customer", "user", "uid"]
                    .contains(&&*last);
            if let Some(says) = seen.says().filter(|it| it.is_address) {
                way(map, field, "{email}", any_case, &says.text);
                ways += 1;
            } else if is_account {
                way(
                    map,
                    field,
                    "{account}",
                    "",
                    "by its name; DOUBT: whether it is the account that other sources know",
                );
                ways += 1;
            } else if let Some(says) = seen.says() {
                let _ = writeln!(map, "# DOUBT `{field}`: {}", says.text);
            }
        }
        let mentions = self.fields.values().filter(|it| it.mentions_addresses()).count();
        if self.addresses > 0 || mentions > 0 || ways == 0 {
            let why = format!("{} of {text} lines of text seen have an address in them", self.addresses);
            way(map, LINE, "{email}", any_case, &why);
        }
        if text > 0 {
            let _ = writeln!(map, "# DOUBT: how do these lines name an account? Then, as it stands there:");
            let _ = writeln!(
                map,
                "# [[table.way]]\n# column = \"line\"\n# equals = \"user={{account}}\"\n# treatment = \"delete\""
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_of_the_family_of_the_first() {
        for name in ["app.log", "app.log.1", "app.log.2.gz", "app.log-20261101", "app.log.2026-11-01.gz"] {
            assert_eq!(before_rotation(name), "app.log", "{name}");
        }
        assert_eq!(before_rotation("web/7"), "web/7");
        assert_eq!(before_rotation("a/app-v2.log"), "a/app-v2.log");
    }
}
