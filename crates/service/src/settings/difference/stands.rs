//! What can stand under one name of the settings, and which way a change of it goes. It must not know the names.

use std::collections::BTreeSet;

use crate::settings::duration;

/// What stands under one name.
#[derive(PartialEq)]
pub(super) enum Stands {
    /// Short enough to be shown before and after.
    Shown(String),
    /// A quantity, of which more lets in more, or less.
    Measured(Measured),
    /// Who has something.
    Names(Names),
    /// Compared, and not shown.
    Long(String),
    /// A policy: what its change means is said.
    Policy(String),
    /// There or not.
    There,
    /// Several, each with a name of its own.
    Parts(Vec<(String, Stands)>),
}

/// A quantity.
#[derive(PartialEq)]
pub(super) struct Measured {
    /// `None` is more than any other.
    value: Option<i64>,
    pub(super) shown: String,
    more: Way,
}

/// Which way more of something goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Looser,
    Stricter,
}

/// Names of whoever has something.
#[derive(PartialEq)]
pub(super) struct Names {
    names: BTreeSet<String>,
    more: Way,
}

impl Stands {
    /// A length of time.
    pub(super) fn time(span_ms: i64, more: Way) -> Self {
        Self::measured(span_ms, duration::show(span_ms), more)
    }

    /// A length of time, or none: then `none` says what that means, and it counts as more than any.
    pub(super) fn time_or(span_ms: Option<i64>, none: &str, more: Way) -> Self {
        let shown = span_ms.map_or_else(|| none.to_owned(), duration::show);
        Self::Measured(Measured { value: span_ms, shown, more })
    }

    /// A number.
    pub(super) fn number(value: i64, more: Way) -> Self {
        Self::measured(value, value.to_string(), more)
    }

    /// A number, of which 0 means never, or without end.
    pub(super) fn number_or(value: i64, zero: &str, more: Way) -> Self {
        let (value, shown) =
            if value == 0 { (None, zero.to_owned()) } else { (Some(value), value.to_string()) };
        Self::Measured(Measured { value, shown, more })
    }

    /// Yes or no; yes is more.
    pub(super) fn flag(yes: bool, more: Way) -> Self {
        Self::measured(i64::from(yes), if yes { "yes" } else { "no" }.to_owned(), more)
    }

    fn measured(value: i64, shown: String, more: Way) -> Self {
        Self::Measured(Measured { value: Some(value), shown, more })
    }

    /// Who has something.
    pub(super) fn names(names: impl IntoIterator<Item = String>, more: Way) -> Self {
        Self::Names(Names { names: names.into_iter().collect(), more })
    }

    /// As it is shown; `None` if it is not.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Stands::Shown(text) => Some(text.clone()),
            Stands::Measured(it) => Some(it.shown.clone()),
            Stands::Names(it) => Some(listed(it.names.iter())),
            Stands::Parts(parts) => {
                let said = |(name, it): &(String, Stands)| match it.shown() {
                    Some(shown) => format!("{name} {shown}"),
                    None => name.clone(),
                };
                Some(parts.iter().map(said).collect::<Vec<_>>().join(", "))
            }
            Stands::Long(_) | Stands::Policy(_) | Stands::There => None,
        }
    }
}

impl Measured {
    pub(super) fn way_to(&self, after: &Measured) -> &'static str {
        let grows = match (self.value, after.value) {
            (Some(before), Some(after)) => before < after,
            (Some(_), None) => true,
            (None, _) => false,
        };
        self.more.words(grows)
    }
}

impl Names {
    /// Who gains it and who loses it.
    pub(super) fn way_to(&self, after: &Names) -> String {
        let gained: Vec<&String> = after.names.difference(&self.names).collect();
        let lost: Vec<&String> = self.names.difference(&after.names).collect();
        let mut said = Vec::new();
        if !gained.is_empty() {
            said.push(format!("gains {} ({})", listed(gained), self.more.words(true)));
        }
        if !lost.is_empty() {
            said.push(format!("loses {} ({})", listed(lost), self.more.words(false)));
        }
        said.join("; ")
    }
}

impl Way {
    fn words(self, grows: bool) -> &'static str {
        match (self, grows) {
            (Way::Looser, true) | (Way::Stricter, false) => "looser",
            (Way::Looser, false) | (Way::Stricter, true) => "stricter",
        }
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
