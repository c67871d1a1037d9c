//! The text of a sketch: TOML, with reasons and doubts as comments. It decides nothing.

use countersign_core::plan::Treatment;
use countersign_service::settings::datamap::known_text;

use super::clearing::{self, Clearing};
use super::content::{self, ROWS};
use super::loose::{Link, Loose};
use super::root::Root;
use super::sketch::{Drawn, Rule, Sketch, Way};
use super::words;
use crate::catalog::{Catalog, Table};

/// Comments are broken here, in characters.
const WIDTH: usize = 112;

/// What stands above the map.
pub(super) fn header(source: &str, root: &Root<'_>, decide: &[String], looked: bool) -> String {
    let mut text = Text::default();
    let read = if looked {
        format!(
            ", and from what the first {ROWS} rows of each table look like; none of their values stands here"
        )
    } else {
        "; no row was read".to_owned()
    };
    text.comment(&format!(
        "A first data map of `{source}`, guessed from the names of tables and columns and from foreign keys{read}. \
         Correct it: every line that says DOUBT is a question to somebody who knows the data. CHECK constraints and \
         what applications expect of a value are not looked at."
    ));
    text.comment(&format!("Then: countersign source check {source} FILE"));
    if !decide.is_empty() {
        text.line("#");
        text.comment("TO DECIDE before it can be used; as it stands it is refused:");
        decide.iter().for_each(|it| text.comment(&format!("  - {it}")));
    }
    text.line("");
    text.comment(&format!("`{}`: {}.", root.table.name, root.reason));
    text.0
}

/// The map itself.
pub(super) fn map(
    source: &str,
    catalog: &Catalog,
    root: &Root<'_>,
    sketch: &Sketch<'_>,
    loose: &[Loose<'_>],
) -> String {
    let mut text = Text::default();
    if let Some(doubt) = &root.doubt {
        text.comment(&format!("DOUBT: {doubt}"));
    }
    text.line(&format!("source = {}", quoted(source)));
    text.root(source, catalog, root, sketch);
    sketch.tables.iter().for_each(|it| text.table(it));
    text.loose(loose);
    text.line("");
    text.0.push_str(&known_text(&catalog.names()));
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A comment, broken between words. Names come out of a catalogue and may hold anything: no line ends in them.
    fn comment(&mut self, comment: &str) {
        let indent = comment.len() - comment.trim_start().len();
        let mut line = format!("# {}", &comment[..indent]);
        let mut length = line.chars().count();
        let start = length;
        for word in
            comment.split(|it: char| it.is_whitespace() || it.is_control()).filter(|it| !it.is_empty())
        {
            let needed = word.chars().count() + 1;
            if length > start && length + needed > WIDTH {
                self.line(line.trim_end());
                line = format!("# {}  ", &comment[..indent]);
                length = line.chars().count();
            }
            line.push_str(word);
            line.push(' ');
            length += needed;
        }
        self.line(line.trim_end());
    }

    fn root(&mut self, source: &str, catalog: &Catalog, root: &Root<'_>, sketch: &Sketch<'_>) {
        self.line("");
        self.line("[[root]]");
        self.line(&format!("table = {}", quoted(&root.table.name)));
        self.line(&format!("key = {}", list(root.key)));
        for (kind, _, doubt) in &root.identities {
            if let Some(doubt) = doubt {
                self.comment(&format!("DOUBT, {kind}: {doubt}"));
            }
        }
        let identities =
            root.identities.iter().map(|(kind, column, _)| format!("{kind} = {}", quoted(column)));
        let identities: Vec<String> = identities.collect();
        if identities.is_empty() {
            self.comment(
                "DOUBT: nothing here looks like an e-mail, a phone or an account; how is a subject named?",
            );
        } else {
            self.line(&format!("identities = {{ {} }}", identities.join(", ")));
        }
        let drift = format!("{source}_drifted");
        self.line(&format!("attributes = {{ {} = {{ type = \"drift\" }} }}", key(&drift)));
        self.comment(&format!(
            "for policies: forbid (…) when {{ resource.{drift} }} holds until [known] is whole"
        ));
        self.never_disclose(root.table);
        self.rule(&sketch.root, root.table);
        let cleared = clearing::columns(root.table, root.key, catalog);
        let left = root.table.columns.iter().filter(|it| !cleared.iter().any(|other| other.name == it.name));
        let left: Vec<String> =
            left.filter(|it| !root.key.contains(&it.name)).map(|it| format!("`{}`", it.name)).collect();
        if sketch.root.treatment == Treatment::Clear && !left.is_empty() {
            self.comment(&format!("DOUBT: left in the row as they are: {}", left.join(", ")));
        }
        sketch.root_remarks.iter().for_each(|it| self.comment(it));
        for way in &sketch.root_ways {
            self.way("root.way", way, root.table);
        }
    }

    fn table(&mut self, drawn: &Drawn<'_>) {
        self.line("");
        self.line("[[table]]");
        self.line(&format!("name = {}", quoted(&drawn.table.name)));
        self.never_disclose(drawn.table);
        drawn.remarks.iter().for_each(|it| self.comment(it));
        for way in &drawn.ways {
            self.way("table.way", way, drawn.table);
        }
    }

    fn never_disclose(&mut self, table: &Table) {
        let secret =
            table.columns.iter().filter(|it| content::is_secret(it, table)).map(|it| it.name.clone());
        let secret: Vec<String> = secret.collect();
        if !secret.is_empty() {
            self.line(&format!("never_disclose = {}", list(&secret)));
        }
        self.seen(table);
    }

    fn seen(&mut self, table: &Table) {
        for (said, doubt) in content::remarks(table) {
            self.comment(&if doubt { format!("DOUBT: {said}") } else { said });
        }
    }

    fn way(&mut self, section: &str, way: &Way, table: &Table) {
        self.line(&format!("[[{section}]]"));
        self.line(&format!("from = {}", quoted(&way.from)));
        let pairs: Vec<String> =
            way.on.iter().map(|(own, other)| format!("{} = {}", key(own), quoted(other))).collect();
        self.line(&format!("on = {{ {} }}", pairs.join(", ")));
        self.rule(&way.rule, table);
    }

    fn rule(&mut self, rule: &Rule, table: &Table) {
        self.comment(&format!("{}: {}", rule.treatment.name(), rule.reason));
        rule.doubts.iter().for_each(|it| self.comment(&format!("DOUBT: {it}")));
        self.line(&format!("treatment = {}", quoted(rule.treatment.name())));
        if let Some(basis) = rule.basis {
            self.line(&format!("basis = {}", quoted(basis)));
            let date = table.columns.iter().find(|it| words::is_date_of_row(it));
            let from = date.map_or_else(|| "the end of its year".to_owned(), |it| format!("`{}`", it.name));
            self.comment(&format!("until = {}", quoted(&format!("ten years after {from}"))));
        }
        self.clearing(&rule.clearing);
    }

    fn clearing(&mut self, clearing: &Clearing) {
        if !clearing.empty.is_empty() {
            self.line(&format!("empty = {}", list(&clearing.empty)));
        }
        if !clearing.replace.is_empty() {
            let pairs = clearing.replace.iter().map(|(column, value)| format!("{} = {value}", key(column)));
            self.line(&format!("replace = {{ {} }}", pairs.collect::<Vec<_>>().join(", ")));
        }
    }

    fn loose(&mut self, loose: &[Loose<'_>]) {
        if loose.is_empty() {
            return;
        }
        self.line("");
        self.comment("Tables that no foreign key leads to. What is commented out here is unsupported until you confirm it.");
        for it in loose {
            match it {
                Loose::Linked(table, links) => self.linked(table, links),
                Loose::Staff(table) => {
                    self.line("#");
                    self.comment(&format!("`{}` looks like staff: not the subject's.", table.name));
                }
                Loose::Personal(table, columns) => {
                    let columns: Vec<String> = columns.iter().map(|it| format!("`{it}`")).collect();
                    self.line("#");
                    self.comment(&format!(
                        "DOUBT: `{}` holds what looks personal ({}), and nothing in it seems to name a subject.",
                        table.name,
                        columns.join(", ")
                    ));
                    self.seen(table);
                }
                Loose::Nothing(_) => {}
            }
        }
        let nothing = loose.iter().filter_map(|it| match it {
            Loose::Nothing(table) => Some(format!("`{}`", table.name)),
            Loose::Staff(_) | Loose::Linked(..) | Loose::Personal(..) => None,
        });
        let nothing: Vec<String> = nothing.collect();
        if !nothing.is_empty() {
            self.line("#");
            self.comment(&format!("By the names of their columns, nobody's: {}.", nothing.join(", ")));
        }
    }

    fn linked(&mut self, table: &Table, links: &[Link<'_>]) {
        self.line("#");
        for link in links {
            self.comment(&format!("DOUBT, `{}`.`{}`: {}", table.name, link.column, link.doubt));
        }
        self.seen(table);
        self.line("# [[table]]");
        self.line(&format!("# name = {}", quoted(&table.name)));
        for link in links {
            self.line("# [[table.way]]");
            self.line(&format!("# column = {}", quoted(link.column)));
            self.line(&format!("# equals = {}", quoted(&link.equals)));
            if let Some(compare) = link.compare {
                self.line(&format!("# compare = {}", quoted(compare)));
            }
            self.line("# treatment = \"delete\"");
        }
    }
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(", "))
}

/// A TOML key: bare where it can be.
fn key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-');
    if bare { name.to_owned() } else { quoted(name) }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            it if it.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(it))),
            it => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}
