//! The values that cleared columns get, and how to see that they have them.

use countersign_service::settings::datamap::{Part, Replacement, Rule};

use super::{Footprint, Node};
use crate::catalog::Column;
use crate::recipe::{DIGITS, Recipe};
use crate::sql::{Param, Sql, quote};

/// Old values of a column that Rust has to make something of before the statement that clears it.
pub(crate) struct Making {
    pub(crate) recipe: Recipe,
    /// Reads them as texts, each once.
    pub(crate) sql: Sql,
}

impl<'a> Footprint<'a> {
    /// The condition that every column of `rule` has the value that clearing gives it. It is never NULL.
    pub(crate) fn cleared(&self, node: &Node<'a>, rule: &Rule, alias: &str, sql: &mut Sql) {
        sql.push("(1 = 1");
        for name in &rule.empty {
            sql.push(&format!(" AND {alias}.{} IS NULL", quote(name)));
        }
        for (name, replacement) in &rule.replace {
            let Some(column) = node.column(name) else { continue };
            let old = format!("{alias}.{}", quote(name));
            sql.push(" AND ");
            match self.is_made(&old, column, replacement, sql) {
                Some(made) => drop(sql.push(&format!("({old} IS NULL OR {made})"))),
                None => {
                    let value = self.replacement(node, column, replacement, alias, sql);
                    sql.push(&self.dialect.same(&old, &value, column));
                }
            }
        }
        sql.push(")");
    }

    /// The value that a cleared column gets.
    pub(crate) fn replacement(
        &self,
        node: &Node<'a>,
        column: &Column,
        replacement: &Replacement,
        alias: &str,
        sql: &mut Sql,
    ) -> String {
        match replacement {
            Replacement::Int(number) => {
                let place = sql.place(Param::Int(*number));
                self.dialect.typed(&place, column)
            }
            Replacement::Real(number) => {
                let place = sql.place(Param::Real(*number));
                self.dialect.typed(&place, column)
            }
            Replacement::Bool(flag) => {
                let place = sql.place(Param::Bool(*flag));
                self.dialect.typed(&place, column)
            }
            Replacement::Text(template) => self.filled(node, column, template, alias, sql),
            Replacement::Pseudonym { .. } | Replacement::Generalise(_) => {
                self.made(column, replacement, alias, sql)
            }
        }
    }

    fn filled(
        &self,
        node: &Node<'a>,
        column: &Column,
        template: &countersign_service::settings::datamap::Template,
        alias: &str,
        sql: &mut Sql,
    ) -> String {
        let text = |name: &str| {
            let expression = format!("{alias}.{}", quote(name));
            let as_text = node.column(name).map_or_else(
                || format!("CAST({expression} AS TEXT)"),
                |it| self.dialect.text(&expression, it),
            );
            format!("COALESCE({as_text}, '')")
        };
        let mut parts = vec![];
        for part in &template.0 {
            match part {
                Part::Text(it) => parts.push(sql.place(Param::Text(it.clone()))),
                Part::Column(name) if name == "key" && node.column("key").is_none() => {
                    let own = node.own_key();
                    parts.push(own.iter().map(|it| text(it)).collect::<Vec<_>>().join(" || '-' || "));
                }
                Part::Column(name) => parts.push(text(name)),
            }
        }
        self.dialect.typed(&format!("({})", parts.join(" || ")), column)
    }

    /// What Rust makes of the old value; what was made before stays, so that it can be done twice.
    fn made(&self, column: &Column, replacement: &Replacement, alias: &str, sql: &mut Sql) -> String {
        let old = format!("{alias}.{}", quote(&column.name));
        let is_made = self.is_made(&old, column, replacement, sql);
        let text = self.dialect.text(&old, column);
        let own = match replacement {
            Replacement::Generalise(how) => self.dialect.generalised(&old, column, *how),
            _ => None,
        };
        if let Some(value) = own {
            return value;
        }
        let made = recipe(replacement).and_then(|it| self.dialect.made(&text, column, it));
        // Nothing can be made of it: `check` refused the map.
        let Some(made) = made else { return "NULL".to_owned() };
        let value = match replacement {
            Replacement::Pseudonym { before, after } => {
                let mut parts = vec![];
                for (part, text) in [(None, before), (Some(&made), after)] {
                    parts.extend(part.cloned());
                    if !text.is_empty() {
                        parts.push(sql.place(Param::Text(text.clone())));
                    }
                }
                self.dialect.typed(&format!("({})", parts.join(" || ")), column)
            }
            _ => {
                let value = if column.nullable { made } else { format!("COALESCE({made}, '')") };
                self.dialect.typed(&value, column)
            }
        };
        let stays = is_made.map_or_else(String::new, |it| format!(" OR {it}"));
        format!("CASE WHEN {old} IS NULL{stays} THEN {old} ELSE {value} END")
    }

    /// The condition that a value is one that was made; `None` where that is seen by making it again.
    fn is_made(
        &self,
        old: &str,
        column: &Column,
        replacement: &Replacement,
        sql: &mut Sql,
    ) -> Option<String> {
        let text = self.dialect.text(old, column);
        match replacement {
            Replacement::Pseudonym { before, after } => {
                let (begin, end) = (before.chars().count(), after.chars().count());
                let digits = format!("substr({text}, {}, {DIGITS})", begin + 1);
                let digits = self.dialect.is_made(&digits, column, Recipe::Pseudonym)?;
                let mut all = vec![format!("{} = {}", self.dialect.characters(&text), begin + DIGITS + end)];
                if begin > 0 {
                    let place = sql.place(Param::Text(before.clone()));
                    all.push(format!("substr({text}, 1, {begin}) = {place}"));
                }
                if end > 0 {
                    let place = sql.place(Param::Text(after.clone()));
                    all.push(format!("substr({text}, {}) = {place}", begin + DIGITS + 1));
                }
                all.push(digits);
                Some(format!("({})", all.join(" AND ")))
            }
            Replacement::Generalise(how) => {
                let made = self.dialect.is_made(&text, column, Recipe::from(*how))?;
                // Where NULL may not be, what cannot be generalised becomes empty.
                Some(if column.nullable { made } else { format!("({text} = '' OR {made})") })
            }
            Replacement::Text(_) | Replacement::Int(_) | Replacement::Real(_) | Replacement::Bool(_) => None,
        }
    }

    /// Whether values become pseudonyms.
    pub(crate) fn makes_pseudonyms(&self) -> bool {
        let rules = self.nodes.iter().flat_map(|it| self.clearing(it));
        rules
            .into_iter()
            .any(|(_, rule)| rule.replace.values().any(|it| matches!(it, Replacement::Pseudonym { .. })))
    }

    /// What has to be made before anything is cleared. The collected rows must be there as temporary tables.
    pub(crate) fn makings(&self) -> Vec<Making> {
        let mut makings = vec![];
        for (i, node) in self.nodes.iter().enumerate() {
            for (line, rule) in self.clearing(node) {
                makings.extend(self.makings_of(node, rule, &self.treated(i, "x", &[line])));
            }
        }
        makings
    }

    /// What has to be made before rows called `x` are cleared.
    pub(crate) fn makings_of(&self, node: &Node<'a>, rule: &Rule, condition: &str) -> Vec<Making> {
        let mut makings = vec![];
        for (name, replacement) in &rule.replace {
            let Some((recipe, column)) = recipe(replacement).zip(node.column(name)) else { continue };
            let old = format!("x.{}", quote(name));
            let text = self.dialect.text(&old, column);
            let read = self.dialect.made(&text, column, recipe).and(self.dialect.made_of(&text));
            let Some(text) = read else { continue };
            let mut sql = Sql::new(self.dialect);
            sql.push(&format!("SELECT DISTINCT {text} FROM {} AS x WHERE {condition}", node.table.quoted));
            sql.push(&format!(" AND {old} IS NOT NULL"));
            if let Some(made) = self.is_made(&old, column, replacement, &mut sql) {
                sql.push(&format!(" AND NOT {made}"));
            }
            makings.push(Making { recipe, sql });
        }
        makings
    }
}

fn recipe(replacement: &Replacement) -> Option<Recipe> {
    match replacement {
        Replacement::Pseudonym { .. } => Some(Recipe::Pseudonym),
        Replacement::Generalise(how) => Some(Recipe::from(*how)),
        Replacement::Text(_) | Replacement::Int(_) | Replacement::Real(_) | Replacement::Bool(_) => None,
    }
}

impl Node<'_> {
    /// What `{key}` stands for in replacements.
    pub(crate) fn own_key(&self) -> &[String] {
        match self.root {
            Some(root) => &root.key,
            None if !self.table.primary_key.is_empty() => &self.table.primary_key,
            None => &self.table.row_id,
        }
    }
}
