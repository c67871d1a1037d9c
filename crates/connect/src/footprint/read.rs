//! What an export reads: sections of tables, each with the columns that are the subject's to see.

use std::collections::BTreeSet;

use super::{Footprint, Node, NodeWay};
use crate::catalog::Column;
use crate::sql::{Sql, quote};

/// Rows of one table that show the same columns.
pub(crate) struct Section<'a> {
    pub(crate) table: &'a str,
    pub(crate) columns: Vec<&'a Column>,
    /// Columns left out, each with the reason.
    pub(crate) left_out: Vec<(String, String)>,
    node: usize,
    /// Ways of this section, and those of earlier ones, whose rows are not repeated.
    ways: Vec<usize>,
    earlier: Vec<usize>,
}

const NEVER: &str = "never disclosed";
const ANOTHERS: &str = "about another person";

impl<'a> Footprint<'a> {
    /// Every section, in the map's order.
    pub(crate) fn sections(&self) -> Vec<Section<'a>> {
        let mut sections = vec![];
        for (i, node) in self.nodes.iter().enumerate() {
            if node.root.is_some() {
                sections.push(section(i, node, None, vec![], vec![]));
                continue;
            }
            let (whole, parts): (Vec<usize>, Vec<usize>) =
                (0..node.ways.len()).partition(|it| node.ways[*it].way.only.is_none());
            let mut earlier = vec![];
            if !whole.is_empty() {
                sections.push(section(i, node, None, whole.clone(), vec![]));
                earlier = whole;
            }
            for way in parts {
                let only = node.ways[way].way.only.as_deref();
                sections.push(section(i, node, only, vec![way], earlier.clone()));
                earlier.push(way);
            }
        }
        sections
    }

    /// The rows of a section. The collected rows must be there: see [`Footprint::with_reached`].
    pub(crate) fn read(&self, section: &Section<'a>, sql: &mut Sql) {
        let columns =
            section.columns.iter().map(|it| self.dialect.exported(&format!("x.{}", quote(&it.name)), it));
        let columns = columns.collect::<Vec<_>>().join(", ");
        // A table of which nothing may be shown still has its rows counted.
        let columns = if columns.is_empty() { "1".to_owned() } else { columns };
        self.read_columns(section, &columns, sql);
    }

    /// The same of other expressions over rows called `x`.
    pub(crate) fn read_columns(&self, section: &Section<'a>, columns: &str, sql: &mut Sql) {
        let node = &self.nodes[section.node];
        sql.push(&format!("SELECT {columns} FROM {} AS x WHERE ", node.table.quoted));
        if node.root.is_some() {
            sql.push(&self.row_of(section.node, node, "x", None));
            return;
        }
        let lead = |way: &usize| {
            let NodeWay { origin, lead, .. } = &node.ways[*way];
            (*origin, lead)
        };
        sql.push(&self.row_in(node, "x", &section.ways.iter().map(lead).collect::<Vec<_>>()));
        for (origin, lead) in section.earlier.iter().map(lead) {
            sql.push(&format!(" AND ({}) IS NOT TRUE", self.leads(node, origin, lead, "x", None)));
        }
    }
}

fn section<'a>(
    i: usize,
    node: &Node<'a>,
    only: Option<&[String]>,
    ways: Vec<usize>,
    earlier: Vec<usize>,
) -> Section<'a> {
    let never: BTreeSet<&str> = node.never_disclose.iter().map(String::as_str).collect();
    let mut columns = vec![];
    let mut left_out = vec![];
    for column in &node.table.columns {
        if never.contains(&*column.name) {
            left_out.push((column.name.clone(), NEVER.to_owned()));
        } else if only.is_some_and(|it| !it.contains(&column.name)) {
            left_out.push((column.name.clone(), ANOTHERS.to_owned()));
        } else {
            columns.push(column);
        }
    }
    Section { table: &node.table.name, columns, left_out, node: i, ways, earlier }
}
