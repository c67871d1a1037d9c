//! Counting: what would be done, and what is left of it. One statement each.

use countersign_core::plan::{Counts, PlanLine, Treatment};

use super::reach::Start;
use super::{Effect, Footprint, Node, reach_name};
use crate::catalog::Table;
use crate::dialect::Dialect;
use crate::sql::{Sql, quote};

impl<'a> Footprint<'a> {
    /// `line, rows` for lines that have rows. The collected rows must be there: see [`Footprint::with_reached`].
    pub(crate) fn count(&self, sql: &mut Sql) {
        self.counted(false, sql);
    }

    /// The same; `None` where deletions tell all of it.
    pub(crate) fn count_before(&self) -> Option<Sql> {
        let mut sql = Sql::new(self.dialect);
        self.count(&mut sql);
        (!sql.text.is_empty()).then_some(sql)
    }

    /// `line, rows, bytes`, in one pass over the same rows. The collected rows must be there with theirs: see
    /// [`Footprint::with_weighed`].
    pub(crate) fn weigh(&self, sql: &mut Sql) {
        self.counted(true, sql);
    }

    fn counted(&self, weigh: bool, sql: &mut Sql) {
        let sum = |what: &str| match weigh {
            true => format!(", coalesce({}, 0) AS w", self.dialect.total(what)),
            false => String::new(),
        };
        let mut first = true;
        let mut arm = |sql: &mut Sql, text: String| {
            sql.push(if first { "" } else { " UNION ALL " }).push(&text);
            first = false;
        };
        for (i, node) in self.nodes.iter().enumerate() {
            if self.told.contains(&i) {
                // Its deletion tells it.
            } else if node.held {
                let (w, name) = (sum("w"), reach_name(i));
                arm(sql, format!("SELECT rule AS line, count(*) AS n{w} FROM {name} GROUP BY rule"));
            } else if let Some(way) = node.ways.first() {
                let leads = self.leads(node, way.origin, &way.lead, "x", None);
                let (line, table) = (way.line, &node.table.quoted);
                let w = if weigh { sum(&bytes(node.table, "x", self.dialect)) } else { String::new() };
                arm(sql, format!("SELECT {line} AS line, count(*) AS n{w} FROM {table} AS x WHERE {leads}"));
            }
            self.count_detaches(i, node, if weigh { ", 0 AS w" } else { "" }, sql, &mut arm);
        }
    }

    fn count_detaches(
        &self,
        i: usize,
        node: &Node<'a>,
        // Somebody else's row loses a pointer: its bytes are not the subject's.
        w: &str,
        sql: &mut Sql,
        arm: &mut impl FnMut(&mut Sql, String),
    ) {
        for (n, detach) in node.detaches.iter().enumerate() {
            let mut text = format!(
                "SELECT {} AS line, count(*) AS n{w} FROM {} AS x WHERE {}",
                detach.line,
                node.table.quoted,
                self.detaches(node, detach, "x")
            );
            // The subject's own rows have their line already; so have rows of an earlier detach.
            if node.held && !node.table.row_id.is_empty() {
                text += &format!(" AND ({}) IS NOT TRUE", self.row_of(i, node, "x", None));
            }
            for earlier in &node.detaches[..n] {
                text += &format!(" AND ({}) IS NOT TRUE", self.detaches(node, earlier, "x"));
            }
            arm(sql, text);
        }
    }

    /// The condition that a row called `alias` was collected, with one of `lines` if they are given.
    pub(crate) fn row_of(&self, i: usize, node: &Node<'a>, alias: &str, lines: Option<&[usize]>) -> String {
        let ids = (0..node.table.row_id.len()).map(|r| format!("r{r}")).collect::<Vec<_>>().join(", ");
        let only = lines.map_or_else(String::new, |it| format!(" AND rule IN ({})", super::numbers(it)));
        format!("{} IN (SELECT {ids} FROM {} WHERE r0 IS NOT NULL{only})", node.row_id(alias), reach_name(i))
    }

    /// The condition that a row called `alias` is treated as one of `lines` says.
    pub(crate) fn treated(&self, i: usize, alias: &str, lines: &[usize]) -> String {
        let node = &self.nodes[i];
        match &*node.ways {
            // Every reached row has the only line that there is.
            [way] if self.anew && node.stay_line.is_none() => {
                self.leads(node, way.origin, &way.lead, alias, None)
            }
            _ if node.held && !node.table.row_id.is_empty() => self.row_of(i, node, alias, Some(lines)),
            [way] => self.leads(node, way.origin, &way.lead, alias, None),
            _ => "1 = 0".to_owned(),
        }
    }

    /// `line, rows` for what is still to be done: rows that are there and should be gone, are not cleared, or still
    /// point to the subject. Within the erasing transaction, or in a look afterwards.
    pub(crate) fn left(&self, starts: Option<&[Start]>, sql: &mut Sql) {
        self.left_of(starts, false, sql);
    }

    /// The same of rows that are cleared alone: what was deleted in a transaction is not there in it again where nothing
    /// acts by itself. Nothing is said where nothing is cleared.
    pub(crate) fn left_uncleared(&self) -> Option<Sql> {
        let clears = self.nodes.iter().any(|it| !self.clearing(it).is_empty());
        clears.then(|| {
            let mut sql = Sql::new(self.dialect);
            self.left_of(None, true, &mut sql);
            sql
        })
    }

    fn left_of(&self, starts: Option<&[Start]>, only_cleared: bool, sql: &mut Sql) {
        let mut first = true;
        let mut begin = |sql: &mut Sql, node: &Node<'a>, line: usize| {
            let union = if first { "" } else { " UNION ALL " };
            sql.push(&format!(
                "{union}SELECT {line} AS line, count(*) AS n FROM {} AS x WHERE ",
                node.table.quoted
            ));
            first = false;
        };
        for (i, node) in self.nodes.iter().enumerate() {
            for line in node.own_lines() {
                let effect = self.effects[line];
                let wanted = match effect {
                    Effect::Clear(_) => true,
                    Effect::Delete => !only_cleared,
                    Effect::Keep | Effect::Stay | Effect::Detach => false,
                };
                if !wanted {
                    continue;
                }
                begin(sql, node, line);
                match (node.root, starts) {
                    (Some(root), Some(starts)) => {
                        let mine: Vec<&Start> = starts.iter().filter(|it| it.table == root.table).collect();
                        self.keyed(node, root, "x", &mine, sql);
                    }
                    _ => drop(sql.push(&self.treated(i, "x", &[line]))),
                }
                if let Effect::Clear(rule) = effect {
                    sql.push(" AND NOT ");
                    self.cleared(node, rule, "x", sql);
                }
            }
            for detach in node.detaches.iter().filter(|_| !only_cleared) {
                begin(sql, node, detach.line);
                sql.push(&self.detaches(node, detach, "x"));
            }
        }
    }

    /// Lines as rows per table.
    pub(crate) fn counts(&self, source: &str, lines: &[(usize, u64)]) -> Counts {
        let mut counts = Counts::default();
        // Every table of the plan is there, also with no row: what a ceiling does not know it does not allow.
        for line in &self.lines {
            counts.add(source, &line.table, 0);
        }
        for (line, rows) in lines {
            if let Some(line) = self.lines.get(*line) {
                counts.add(source, &line.table, *rows);
            }
        }
        counts
    }

    /// The same without rows that nothing happens to.
    pub(crate) fn touched(&self, source: &str, lines: &[(usize, u64)]) -> Counts {
        let mut counts = Counts::default();
        for (line, rows) in lines.iter().filter(|(_, rows)| *rows > 0) {
            match (self.effects.get(*line), self.lines.get(*line)) {
                (Some(Effect::Keep | Effect::Stay), _) | (_, None) => {}
                (_, Some(line)) => counts.add(source, &line.table, *rows),
            }
        }
        counts
    }
}

/// What was counted of a line.
pub(crate) struct Weighed {
    pub(crate) line: usize,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// A plan's lines with what was counted of each.
pub(crate) fn weighed(mut lines: Vec<PlanLine>, counted: Vec<Weighed>) -> Vec<PlanLine> {
    for line in lines.iter_mut().filter(|it| it.treatment != Treatment::Detach) {
        line.bytes = Some(0);
    }
    for Weighed { line, rows, bytes } in counted {
        let Some(line) = lines.get_mut(line) else { continue };
        line.rows = line.rows.saturating_add(rows);
        line.bytes = line.bytes.map(|it| it.saturating_add(bytes));
    }
    lines
}

/// How many bytes the values of a row called `alias` have; what is computed from them does not count.
pub(crate) fn bytes(table: &Table, alias: &str, dialect: &dyn Dialect) -> String {
    let stored = table.columns.iter().filter(|it| !it.generated);
    let each: Vec<String> = stored
        .map(|it| format!("coalesce({}, 0)", dialect.bytes(&format!("{alias}.{}", quote(&it.name)), it)))
        .collect();
    // In brackets, for engines limit how deep an expression may go.
    let some: Vec<String> = each.chunks(40).map(|it| format!("({})", it.join(" + "))).collect();
    if some.is_empty() { "0".to_owned() } else { some.join(" + ") }
}
