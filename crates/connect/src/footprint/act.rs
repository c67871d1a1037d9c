//! The statements of an erasure, in order. The collected rows must be there as temporary tables.

use countersign_service::settings::datamap::Rule;

use super::{Footprint, Node, reach_name, tuple};
use crate::dialect::Ring;
use crate::sql::{Sql, quote};

/// One statement of an erasure.
pub(crate) struct Act {
    pub(crate) sql: Sql,
    /// How many rows the statement may touch at most; `None` if that was not counted.
    pub(crate) lines: Option<Vec<usize>>,
    /// The nodes whose tables it writes.
    pub(crate) writes: Vec<usize>,
    pub(crate) deletes: bool,
}

impl Act {
    /// A statement that changes no row.
    fn setting(sql: Sql) -> Self {
        Self { sql, lines: None, writes: vec![], deletes: false }
    }

    fn updating(sql: Sql, node: usize, lines: Option<Vec<usize>>) -> Self {
        Self { sql, lines, writes: vec![node], deletes: false }
    }
}

impl<'a> Footprint<'a> {
    /// Waits for, and locks, rows that may have several owners, before owners are counted.
    pub(crate) fn lock_shared(&self, i: usize) -> Option<Sql> {
        let node = &self.nodes[i];
        if node.stay_line.is_none() || !self.dialect.locks_rows() {
            return None;
        }
        let mut sql = Sql::new(self.dialect);
        sql.push(&format!(
            "SELECT 1 FROM {} AS x WHERE {} FOR UPDATE",
            node.table.quoted,
            self.row_in_any(node, "x")
        ));
        Some(sql)
    }

    /// Everything that changes or removes rows.
    pub(crate) fn acts(&self) -> Vec<Act> {
        let mut acts = vec![];
        for constraint in &self.ties.deferred {
            let mut sql = Sql::new(self.dialect);
            sql.push(&format!("SET CONSTRAINTS {constraint} DEFERRED"));
            acts.push(Act::setting(sql));
        }
        for (i, node) in self.nodes.iter().enumerate() {
            self.clear(i, node, &mut acts);
            self.untie(i, node, &mut acts);
        }
        for hook in &self.ties.hooks {
            let parent = &self.nodes[hook.parent];
            let own = tuple(hook.on.iter().map(|(own, _)| format!("x.{}", quote(own))));
            let theirs =
                hook.on.iter().map(|(_, other)| parent.carried_as(other)).collect::<Vec<_>>().join(", ");
            let lines = super::numbers(&self.deleting(parent));
            let reached = reach_name(hook.parent);
            let condition = format!("{own} IN (SELECT {theirs} FROM {reached} WHERE rule IN ({lines}))");
            acts.push(self.empty(hook.child, &hook.empties, &condition));
        }
        for group in &self.ties.order {
            self.delete(group, &mut acts);
        }
        acts
    }

    fn clear(&self, i: usize, node: &Node<'a>, acts: &mut Vec<Act>) {
        for (line, rule) in self.clearing(node) {
            let sql = self.clear_rows(node, rule, &self.treated(i, "x", &[line]));
            acts.push(Act::updating(sql, i, Some(vec![line])));
        }
    }

    /// Clears rows called `x`; those that have their values already are not written again.
    pub(crate) fn clear_rows(&self, node: &Node<'a>, rule: &Rule, condition: &str) -> Sql {
        let mut sql = Sql::new(self.dialect);
        sql.push(&format!("{} SET ", self.dialect.update(&node.table.quoted)));
        let mut comma = "";
        for name in &rule.empty {
            sql.push(&format!("{comma}{} = NULL", quote(name)));
            comma = ", ";
        }
        for (name, replacement) in &rule.replace {
            let Some(column) = node.column(name) else { continue };
            let value = self.replacement(node, column, replacement, "x", &mut sql);
            sql.push(&format!("{comma}{} = {value}", quote(name)));
            comma = ", ";
        }
        sql.push(&format!(" WHERE {condition} AND NOT "));
        self.cleared(node, rule, "x", &mut sql);
        sql
    }

    /// Other people's pointers, and those of rows that stay for others.
    fn untie(&self, i: usize, node: &Node<'a>, acts: &mut Vec<Act>) {
        for detach in &node.detaches {
            acts.push(self.empty(i, &detach.empties, &self.detaches(node, detach, "x")));
        }
        let Some(stay) = node.stay_line else { return };
        let stays = self.row_of(i, node, "x", Some(&[stay]));
        for (n, way) in node.ways.iter().enumerate() {
            let empties: Vec<String> = self.let_go(node, way).into_iter().map(str::to_owned).collect();
            if empties.is_empty() {
                continue;
            }
            if let super::Lead::Value(column, _) = &way.lead {
                acts.push(self.unname(i, n, column, &stays));
                continue;
            }
            // A row that stays for others keeps what belongs to it.
            let origin = &self.nodes[way.origin];
            let lines: Vec<usize> = origin.own_lines().filter(|it| origin.stay_line != Some(*it)).collect();
            let leads = self.leads(node, way.origin, &way.lead, "x", Some(&lines));
            acts.push(self.empty(i, &empties, &format!("{stays} AND {leads}")));
        }
        if self.dialect.locks_rows()
            && let Some(column) = node.table.columns.iter().find(|it| !it.generated)
        {
            // Writing the row, and not only locking it, makes a second owner's erasure that counted before us fail
            // and count again; otherwise each would leave the row to the other.
            let (update, column) = (self.dialect.update(&node.table.quoted), quote(&column.name));
            let mut sql = Sql::new(self.dialect);
            sql.push(&format!("{update} SET {column} = {column} WHERE {stays}"));
            acts.push(Act::updating(sql, i, None));
        }
    }

    /// Empties a value by which a row that stays names the subject, unless it names somebody else by it too.
    fn unname(&self, i: usize, way: usize, column: &str, stays: &str) -> Act {
        let node = &self.nodes[i];
        let ways = &node.ways[way..=way];
        let leads = self.leads(node, ways[0].origin, &ways[0].lead, "x", None);
        let mut sql = Sql::new(self.dialect);
        let (update, column) = (self.dialect.update(&node.table.quoted), quote(column));
        sql.push(&format!("{update} SET {column} = NULL WHERE {stays} AND {leads} AND NOT "));
        self.others_by(node, ways, "x", 1, &mut sql);
        Act::updating(sql, i, None)
    }

    fn empty(&self, i: usize, columns: &[String], condition: &str) -> Act {
        let columns = columns.iter().map(|it| format!("{} = NULL", quote(it))).collect::<Vec<_>>().join(", ");
        let mut sql = Sql::new(self.dialect);
        let update = self.dialect.update(&self.nodes[i].table.quoted);
        sql.push(&format!("{update} SET {columns} WHERE {condition}"));
        Act::updating(sql, i, None)
    }

    /// Whether rows of a group of tables may point to each other along keys that can neither be emptied nor wait.
    pub(crate) fn is_ring(&self, group: &[usize]) -> bool {
        let own = |it: &crate::catalog::ForeignKey| {
            let name = |i: &&usize| self.nodes[**i].table.name == it.child;
            it.child == it.parent && group.iter().any(|i| name(&i)) && it.emptiable(self.catalog).is_empty()
        };
        group.len() > 1 || self.catalog.keys.iter().any(own)
    }

    fn switch_checks(&self, wanted: bool, to: &str, acts: &mut Vec<Act>) {
        if wanted {
            let mut sql = Sql::new(self.dialect);
            sql.push(&format!("SET SESSION foreign_key_checks = {to}"));
            acts.push(Act::setting(sql));
        }
    }

    fn delete(&self, group: &[usize], acts: &mut Vec<Act>) {
        let statement = |i: usize| {
            let node = &self.nodes[i];
            let lines = self.deleting(node);
            let condition = self.treated(i, "x", &lines);
            (format!("{} WHERE {condition}", self.dialect.delete(&node.table.quoted)), lines)
        };
        let ring = self.dialect.ring();
        let unchecked = ring == Ring::Unchecked && self.is_ring(group);
        if group.len() == 1 || ring != Ring::Together {
            self.switch_checks(unchecked, "0", acts);
            for i in group {
                let (text, lines) = statement(*i);
                let mut sql = Sql::new(self.dialect);
                sql.push(&text);
                acts.push(Act { sql, lines: Some(lines), writes: vec![*i], deletes: true });
            }
            self.switch_checks(unchecked, "1", acts);
            return;
        }
        // A ring of keys that can neither be emptied nor wait: they are checked at the end of one statement.
        let mut sql = Sql::new(self.dialect);
        for (n, i) in group.iter().enumerate() {
            sql.push(if n == 0 { "WITH " } else { ", " });
            sql.push(&format!("d{n} AS ({} RETURNING 1)", statement(*i).0));
        }
        sql.push(" SELECT 1");
        acts.push(Act { sql, lines: None, writes: group.to_vec(), deletes: true });
    }
}
