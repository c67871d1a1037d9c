//! The values that cleared columns get, and how to see that they have them.

use countersign_service::settings::datamap::{Part, Replacement, Rule};

use super::{Footprint, Node};
use crate::catalog::Column;
use crate::sql::{Param, Sql, quote};

impl<'a> Footprint<'a> {
    /// The condition that every column of `rule` has the value that clearing gives it.
    pub(crate) fn cleared(&self, node: &Node<'a>, rule: &Rule, alias: &str, sql: &mut Sql) {
        sql.push("(1 = 1");
        for name in &rule.empty {
            sql.push(&format!(" AND {alias}.{} IS NULL", quote(name)));
        }
        for (name, replacement) in &rule.replace {
            let Some(column) = node.column(name) else { continue };
            let value = self.replacement(node, column, replacement, alias, sql);
            sql.push(" AND ").push(&self.dialect.same(&format!("{alias}.{}", quote(name)), &value, column));
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
        let text = |name: &str| {
            let expression = format!("{alias}.{}", quote(name));
            let as_text = node.column(name).map_or_else(
                || format!("CAST({expression} AS TEXT)"),
                |it| self.dialect.text(&expression, it),
            );
            format!("COALESCE({as_text}, '')")
        };
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
            Replacement::Text(template) => {
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
        }
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
