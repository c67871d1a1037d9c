//! What the nodes said yes to, and what they must never have said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A change that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    Submitted,
    Proved,
    Approved,
    Denied,
    Withdrawn,
    Abandoned,
}

impl Promise {
    /// The event that stands for it in the request's history.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Proved => "verified",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What is special about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    /// Nothing.
    Plain,
    /// Another request is about the same customer.
    Twin,
    /// The shop refuses to erase this customer at first.
    Stubborn,
}

/// What a request is, as its client knows it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) customer: i64,
    pub(crate) action: &'static str,
    pub(crate) case: Case,
    pub(crate) promises: BTreeSet<Promise>,
}

/// Everything that was acknowledged.
#[derive(Default)]
pub(crate) struct Book {
    known: Mutex<BTreeMap<String, Known>>,
    wrongs: Mutex<Vec<String>>,
}

impl Book {
    /// A request that was taken.
    pub(crate) fn submitted(&self, id: &str, action: &'static str, customer: i64, case: Case) {
        let known = Known { customer, action, case, promises: BTreeSet::from([Promise::Submitted]) };
        self.lock().insert(id.to_owned(), known);
    }

    /// A further promise about it.
    pub(crate) fn promised(&self, id: &str, promise: Promise) {
        if let Some(known) = self.lock().get_mut(id) {
            known.promises.insert(promise);
        }
    }

    /// What stands in it now.
    pub(crate) fn known(&self) -> BTreeMap<String, Known> {
        self.lock().clone()
    }

    /// One of it, told by a number; with what was promised before this moment.
    pub(crate) fn one(&self, number: usize) -> Option<(String, Known)> {
        let known = self.lock();
        let place = number % known.len().max(1);
        known.iter().nth(place).map(|(id, known)| (id.clone(), known.clone()))
    }

    /// What is known of one.
    pub(crate) fn of(&self, id: &str) -> Option<Known> {
        self.lock().get(id).cloned()
    }

    /// How many requests have this promise.
    pub(crate) fn count(&self, promise: Promise) -> usize {
        self.lock().values().filter(|known| known.promises.contains(&promise)).count()
    }

    /// Something that must never be.
    pub(crate) fn wrong(&self, what: String) {
        eprintln!("WRONG: {what}");
        self.wrongs.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// All that must never have been.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrongs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
