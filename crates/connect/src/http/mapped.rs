//! What a data map says of a service: the lines of a plan, and whether it can be used. It must not call anybody.

use countersign_core::plan::{PlanLine, Treatment};
use countersign_service::ports::following;
use countersign_service::ports::source::Target;
use countersign_service::settings::datamap::{DataMap, Link};

/// A name of a table as a ledger may have it.
pub(super) fn is_plain(name: &str) -> bool {
    name.len() <= 100 && name.chars().all(|it| it.is_ascii_alphanumeric() || "_-./".contains(it))
}

/// The map's lines, without rows.
pub(super) fn lines(map: &DataMap, target: &Target) -> Vec<PlanLine> {
    let line = |table: &str, way: &str, treatment| PlanLine {
        table: table.to_owned(),
        way: way.to_owned(),
        treatment,
        basis: None,
        until: None,
        rows: 0,
        bytes: None,
    };
    match target {
        Target::Subject(_) => map
            .tables
            .iter()
            .flat_map(|table| table.ways.iter().map(move |way| (table, &way.rule)))
            .map(|(table, rule)| PlanLine {
                basis: rule.basis.clone(),
                until: rule.until.clone(),
                ..line(&table.name, "as the service finds them", rule.treatment)
            })
            .collect(),
        Target::Dataset { name, .. } => {
            map.dataset(name).map(|it| line(&it.table, "age", Treatment::Delete)).into_iter().collect()
        }
    }
}

/// What keeps a map from being used by a service.
pub(super) fn unfit(map: &DataMap) -> Vec<String> {
    let mut wrong = following::unfit(map);
    for table in &map.tables {
        let name = &table.name;
        if table.ways.iter().any(|it| matches!(it.link, Link::Key { .. }) || it.only.is_some()) {
            wrong.push(format!(
                "`{name}`: the service finds its rows itself: write one way with `column = \"subject\"`, `equals`, \
                 and how it treats them"
            ));
        }
        if !is_plain(name) {
            wrong.push(format!("`{name}`: a service's table has letters, digits and `_-./` in its name"));
        }
    }
    wrong
}
