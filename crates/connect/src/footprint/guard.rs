//! Rows of somebody else that the database would take along, or that would stop it: counted before anything is done.

use super::{Footprint, reach_name, tuple};
use crate::sql::{Sql, quote};

impl<'a> Footprint<'a> {
    /// `guard, rows` for pointers of rows that stay onto rows that go; nothing to ask where no key is like that. The
    /// collected rows must be there as temporary tables.
    pub(crate) fn strangers(&self) -> Option<Sql> {
        let mut sql = Sql::new(self.dialect);
        for (n, guard) in self.ties.guards.iter().enumerate() {
            let (child, parent) = (&self.nodes[guard.child], &self.nodes[guard.parent]);
            let own = tuple(guard.on.iter().map(|(own, _)| format!("x.{}", quote(own))));
            let theirs =
                guard.on.iter().map(|(_, other)| parent.carried_as(other)).collect::<Vec<_>>().join(", ");
            let lines = super::numbers(&self.deleting(parent));
            let reached = reach_name(guard.parent);
            let union = if n == 0 { "" } else { " UNION ALL " };
            sql.push(&format!(
                "{union}SELECT {n} AS line, count(*) AS n FROM {} AS x WHERE {own} IN \
                 (SELECT {theirs} FROM {reached} WHERE rule IN ({lines}))",
                child.table.quoted
            ));
            let going = self.deleting(child);
            if !going.is_empty() {
                sql.push(&format!(" AND ({}) IS NOT TRUE", self.treated(guard.child, "x", &going)));
            }
        }
        (!self.ties.guards.is_empty()).then_some(sql)
    }

    /// Why an erasure must not go on, if [`Footprint::strangers`] found any.
    pub(crate) fn stopped(&self, found: &[(usize, u64)]) -> Option<String> {
        let (guard, rows) = found.iter().find(|(_, rows)| *rows > 0)?;
        let guard = self.ties.guards.get(*guard)?;
        let (child, parent) = (&self.nodes[guard.child].table.name, &self.nodes[guard.parent].table.name);
        let columns: Vec<String> = guard.on.iter().map(|(own, _)| format!("`{own}`")).collect();
        Some(format!(
            "{rows} rows of `{child}` that are somebody else's point to rows of `{parent}` that would go, and {} may \
             not be NULL",
            columns.join(", ")
        ))
    }
}
