//! What does not fit between a map and this engine, beyond what fits nowhere: it compares a text with a number by
//! reading the text as a number, so that `abc` is 0 and `12 apples` is 12.

use countersign_service::settings::datamap::DataMap;

use super::catalog::Read;
use crate::catalog::{Column, Kind};
use crate::footprint::build::{Findings, key_name};
use crate::footprint::{Footprint, Lead};

/// The footprint of a map, or what stands against it.
pub(super) fn build<'a>(
    map: &'a DataMap,
    read: &'a Read,
    dialect: &'static super::dialect::MySql,
) -> (Option<Footprint<'a>>, Findings) {
    let (footprint, mut findings) = Footprint::build(map, &read.catalog, dialect);
    let Some(footprint) = footprint else { return (None, findings) };
    ends_of_keys(&footprint, &mut findings);
    for what in &read.unseen {
        findings.warning(format!("this account cannot see {what}"));
    }
    if findings.are_fatal() { (None, findings) } else { (Some(footprint), findings) }
}

/// Columns that lead to each other are of one kind.
fn ends_of_keys(footprint: &Footprint<'_>, findings: &mut Findings) {
    for node in &footprint.nodes {
        let ways = node.ways.iter().map(|it| (it.origin, &it.lead));
        let detaches = node.detaches.iter().map(|it| (it.origin, &it.lead));
        for (origin, lead) in ways.chain(detaches) {
            let (Lead::Key(on), from) = (lead, &footprint.nodes[origin]) else { continue };
            for (own, theirs) in on {
                let (Some(one), Some(other)) = (node.column(own), from.column(theirs)) else { continue };
                if family(one) != family(other) {
                    findings.error(format!(
                        "`{}`: `{}` compares `{}` with `{}`, and this engine would take different values for the same; \
                         say it with `column` and `equals`",
                        node.table.name,
                        key_name(&from.table.name, on),
                        one.type_name,
                        other.type_name
                    ));
                }
            }
        }
    }
}

fn family(column: &Column) -> u8 {
    match column.kind {
        Kind::Bool | Kind::Int | Kind::Real => 0,
        Kind::Other if super::dialect::is(column, "decimal") => 0,
        Kind::Text | Kind::Json => 1,
        Kind::Bytes => 2,
        Kind::Time => 3,
        Kind::Other => 4,
    }
}
