//! One table of a sketch: which of its keys make rows the subject's, and which only point. It must not know how the
//! text of a map looks.

use countersign_core::plan::Treatment;

use super::reach::Reach;
use super::{BY_LAW, Drawn, Rule, Sketch, Way, columns, detach, staying};
use crate::catalog::{Catalog, ForeignKey, Table};
use crate::discover::root::Root;
use crate::discover::words;

/// One table while it is drawn.
pub(super) struct Drawing<'d, 'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) root: &'d Root<'a>,
    pub(super) reach: &'d Reach<'a>,
    pub(super) sketch: &'d Sketch<'a>,
    pub(super) table: &'a Table,
}

impl<'a> Drawing<'_, 'a> {
    /// Draws it; keys onto rows that are only lent are added to `lent`.
    pub(super) fn draw(&self, lent: &mut Vec<&'a ForeignKey>) -> Drawn<'a> {
        let mut drawn = Drawn { table: self.table, ways: vec![], remarks: vec![] };
        let (mut direct, mut further, mut aside) = (vec![], vec![], vec![]);
        for key in self.reach.keys_of(self.catalog, &self.table.name) {
            let nullable = !key.emptiable(self.catalog).is_empty();
            if key.parent == key.child {
                match nullable {
                    true => aside.push((key, "a pointer among the rows themselves: other people's rows lose it")),
                    false => drawn.remarks.push(format!(
                        "DOUBT: `{}` points to the table itself and may not be NULL: somebody else's row that points to \
                         one that goes stops the erasure",
                        columns(key)
                    )),
                }
            } else if key.parent == self.root.table.name {
                direct.push((key, nullable));
            } else if self.reach.is_lent(key) {
                lent.push(key);
            } else if self.reach.goes_back(key) || self.sketch.comes_from(&key.parent, &self.table.name) {
                match nullable {
                    true => aside.push((key, "points back, so that rows would be reached in a ring")),
                    false => lent.push(key),
                }
            } else {
                further.push((key, nullable));
            }
        }
        self.direct(direct, &mut drawn, &mut aside);
        self.further(further, &mut drawn, &mut aside);
        drawn.ways.extend(aside.into_iter().map(|(key, why)| detach(key, why)));
        drawn
    }

    /// Keys onto the root itself.
    fn direct(
        &self,
        mut keys: Vec<(&'a ForeignKey, bool)>,
        drawn: &mut Drawn<'a>,
        aside: &mut Vec<(&'a ForeignKey, &'static str)>,
    ) {
        keys.retain(|(key, nullable)| {
            let is_aside = *nullable && self.reach.is_aside(key, self.catalog);
            if is_aside {
                aside.push((key, "says who did something, not whose the row is"));
            }
            !is_aside
        });
        let fixed = keys.iter().filter(|(_, nullable)| !nullable).count();
        if keys.len() > 1 && fixed == 1 {
            keys.retain(|(key, nullable)| {
                if *nullable {
                    aside.push((key, "the row belongs to whom the pointer names that may not be NULL"));
                }
                !nullable
            });
        }
        let several = keys.len() > 1;
        let names: Vec<String> = keys.iter().map(|(key, _)| format!("`{}`", columns(key))).collect();
        for (key, nullable) in keys {
            let mut rule = self.rule(key);
            if several {
                let people = names.join(" and ");
                if rule.basis.is_none() {
                    rule = Rule::new(
                        Treatment::KeepForOthers,
                        "a row of several people stays until the last of them goes",
                    );
                }
                rule = rule.doubted(format!("{people} lead to people: whose is the row?"));
            } else if nullable && rule.treatment == Treatment::Delete {
                rule = rule.doubted(format!(
                    "`{}` may be NULL: if the row is rather somebody else's, `detach` it",
                    columns(key)
                ));
            }
            drawn.ways.push(Way { from: key.parent.clone(), on: key.on.clone(), rule });
        }
    }

    /// Keys onto tables below the root.
    fn further(
        &self,
        keys: Vec<(&'a ForeignKey, bool)>,
        drawn: &mut Drawn<'a>,
        aside: &mut Vec<(&'a ForeignKey, &'static str)>,
    ) {
        let owned = !drawn.ways.is_empty();
        let fixed = keys.iter().any(|(_, nullable)| !nullable);
        let several = keys.len() > 1;
        for (key, nullable) in keys {
            if nullable && (owned || fixed) {
                aside.push((key, "the row is reached otherwise, and can do without this pointer"));
                continue;
            }
            let mut rule = self.rule(key);
            if owned && rule.treatment == Treatment::Delete {
                rule = rule.doubted(format!(
                    "rows of other people that point to the subject's `{}` go too, for `{}` may not be NULL",
                    key.parent,
                    columns(key)
                ));
            } else if several && rule.treatment == Treatment::Delete {
                rule = rule.doubted("the rows are reached in several ways: is each of them the subject's?");
            } else if nullable && rule.treatment == Treatment::Delete {
                rule = rule.doubted(format!("`{}` may be NULL: can the row do without?", columns(key)));
            }
            drawn.ways.push(Way { from: key.parent.clone(), on: key.on.clone(), rule });
        }
    }

    /// What happens to rows that are the subject's along `key`.
    fn rule(&self, key: &ForeignKey) -> Rule {
        let table = self.table;
        let by_law = words::is_kept_by_law(&table.name);
        let kept =
            self.sketch.drawn(&key.parent).is_some_and(|it| it.ways.iter().any(|it| it.rule.basis.is_some()));
        if by_law || kept {
            let why = if by_law {
                "by its name, what tax or trade law wants kept".to_owned()
            } else {
                format!("belongs to rows of `{}` that stay by law", key.parent)
            };
            let doubt = "which law, and until when? Without one, `delete`";
            return Rule { basis: Some(BY_LAW), ..staying(table, self.catalog, why).doubted(doubt) };
        }
        let points = |name: &String| {
            self.catalog.keys.iter().any(|it| it.child == table.name && it.columns().contains(&&**name))
        };
        let joins = table.primary_key.len() > 1 && table.primary_key.iter().all(points);
        let reason = if joins { "only ties rows together" } else { "the subject's own" };
        Rule::new(Treatment::Delete, reason)
    }
}
