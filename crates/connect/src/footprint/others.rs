//! The SQL that says whether another living subject reaches a row too: what `keep-for-others` waits for.

use countersign_core::plan::Treatment;
use countersign_service::settings::datamap::{Compare, Link, Part, Root, Template};

use super::{Footprint, Lead, Node, NodeWay, reach_name};
use crate::catalog::Kind;
use crate::sql::{Sql, quote};

impl<'a> Footprint<'a> {
    /// The condition that another living subject reaches a row called `alias`.
    pub(super) fn others(&self, node: &Node<'a>, alias: &str, depth: usize, sql: &mut Sql) {
        self.others_by(node, &node.ways, alias, depth, sql);
    }

    /// The condition that another living subject reaches a row called `alias` in one of `ways`.
    pub(super) fn others_by(
        &self,
        node: &Node<'a>,
        ways: &[NodeWay<'a>],
        alias: &str,
        depth: usize,
        sql: &mut Sql,
    ) {
        sql.push("(1 = 0");
        for way in ways {
            let from = &self.nodes[way.origin];
            let other = format!("o{depth}");
            sql.push(&format!(" OR EXISTS (SELECT 1 FROM {} AS {other} WHERE ", from.table.quoted));
            match &way.lead {
                Lead::Key(on) => {
                    let loose = self.loose(node, from, on);
                    let each = on.iter().enumerate().map(|(n, (own, theirs))| {
                        let (own, name) = (format!("{alias}.{}", quote(own)), theirs);
                        let theirs = format!("{other}.{}", quote(theirs));
                        match self.exactly(from, name, &theirs).filter(|_| loose.contains(&n)) {
                            Some((exact, column)) => {
                                let text = self.dialect.exactly(&own, column).unwrap_or_default();
                                format!(
                                    "{theirs} = {} AND {exact} = {text}",
                                    self.dialect.typed(&own, column)
                                )
                            }
                            None => format!("{own} = {theirs}"),
                        }
                    });
                    sql.push(&each.collect::<Vec<_>>().join(" AND "));
                }
                Lead::Value(column, k) => {
                    let own = self.link_column(node, column, from, *k, alias);
                    if let Some(link) = from.links.get(*k)
                        && let Link::Value { equals, compare, .. } = &link.way.link
                    {
                        self.narrowed(node, column, alias, from, &other, equals, *compare, sql);
                        let exact = self.exactly(node, column, &own).map_or(own, |(exact, _)| exact);
                        sql.push(&exact).push(" = ");
                        self.link_value(from, &other, equals, *compare, link.as_text, sql);
                    }
                }
            }
            sql.push(" AND ");
            match from.root {
                Some(root) => self.lives(way.origin, from, root, &other, sql),
                None => self.others(from, &other, depth + 1, sql),
            }
            sql.push(")");
        }
        sql.push(")");
    }

    /// A condition that is true whenever a soft link holds, and that can use an index on the root's column: the text
    /// behind the template's beginning, read as that column's type. Only where the template ends with its one column.
    #[allow(clippy::too_many_arguments, reason = "both ends of a link, each with its alias")]
    fn narrowed(
        &self,
        node: &Node<'a>,
        column: &str,
        alias: &str,
        from: &Node<'a>,
        other: &str,
        equals: &Template,
        compare: Compare,
        sql: &mut Sql,
    ) {
        let (begin, name) = match &*equals.0 {
            [Part::Column(name)] => ("", name),
            [Part::Text(begin), Part::Column(name)] => (&**begin, name),
            _ => return,
        };
        let (Some(own), Some(root)) = (node.column(column), from.column(name)) else { return };
        if compare != Compare::Exact || own.kind != Kind::Text {
            return;
        }
        let own = format!("{alias}.{}", quote(column));
        let rest = match begin.chars().count() {
            0 => own,
            begin => format!("substr({own}, {})", begin + 1),
        };
        if let Some(value) = self.dialect.parsed(&rest, root) {
            sql.push(&format!("{other}.{} = {value} AND ", quote(name)));
        }
    }

    /// The condition that a root row is somebody else's, who was not cleared.
    fn lives(&self, i: usize, node: &Node<'a>, root: &Root, alias: &str, sql: &mut Sql) {
        let same = root.key.iter().map(|it| format!("m.{} = {alias}.{}", node.carried_as(it), quote(it)));
        let same = same.collect::<Vec<_>>().join(" AND ");
        sql.push(&format!("NOT EXISTS (SELECT 1 FROM {} AS m WHERE {same})", reach_name(i)));
        if root.rule.treatment == Treatment::Clear {
            sql.push(" AND NOT ");
            self.cleared(node, &root.rule, alias, sql);
        }
    }
}
