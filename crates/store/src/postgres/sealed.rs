//! The tables `dek` and `sealed`: a request's wrapped key and its sealed fields. Opaque bytes; no key is known here.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::RequestId;
use countersign_service::ports::store::SealedChange;

use super::chain::Chain;
use super::statement::Statement;
use super::value::bytes;

/// A request's sealed field `$2`.
pub(super) const FIELD: &str = "select sealed from sealed where request = $1 and field = $2";
/// A request's wrapped key and its epoch.
pub(super) const KEY: &str = "select epoch, wrapped from dek where request = $1";

/// What of a request is destroyed and what is written; the last word on a key or a field counts.
#[derive(Default)]
pub(super) struct Changes<'a> {
    destroyed: BTreeSet<RequestId>,
    keys: BTreeMap<RequestId, (u32, &'a [u8])>,
    fields: BTreeMap<(RequestId, &'a str), &'a [u8]>,
}

/// Sorts the changes.
pub(super) fn sort(changes: &[SealedChange]) -> Changes<'_> {
    let mut sorted = Changes::default();
    for change in changes {
        match change {
            SealedChange::Key { request, epoch, wrapped } => {
                sorted.keys.insert(*request, (*epoch, wrapped));
            }
            SealedChange::Field { request, field, sealed } => {
                sorted.fields.insert((*request, field), sealed);
            }
            SealedChange::Destroy { request } => {
                sorted.destroyed.insert(*request);
                sorted.keys.remove(request);
                sorted.fields.retain(|(whose, _), _| whose != request);
            }
        }
    }
    sorted
}

impl Changes<'_> {
    /// Destroys; before anything is written, since both may be about the same rows.
    pub(super) fn before(&self) -> Option<Statement> {
        if self.destroyed.is_empty() {
            return None;
        }
        let mut statement = Statement::default();
        let requests = statement.value(self.destroyed.iter().copied().map(bytes).collect::<Vec<_>>());
        statement.part("keyless", &format!("delete from dek where request = any({requests}::bytea[])"));
        statement.part("empty", &format!("delete from sealed where request = any({requests}::bytea[])"));
        Some(statement.end())
    }

    /// Writes keys and fields over what is there.
    pub(super) fn write(&self, writes: &mut Chain) {
        if !self.keys.is_empty() {
            let statement = writes.changing("dek");
            let requests = statement.value(self.keys.keys().copied().map(bytes).collect::<Vec<_>>());
            let epochs =
                statement.value(self.keys.values().map(|(epoch, _)| i64::from(*epoch)).collect::<Vec<_>>());
            let wrapped =
                statement.value(self.keys.values().map(|(_, wrapped)| wrapped.to_vec()).collect::<Vec<_>>());
            statement.part(
                "keyed",
                &format!(
                    "insert into dek (request, epoch, wrapped) \
                     select * from unnest({requests}::bytea[], {epochs}::bigint[], {wrapped}::bytea[]) \
                     on conflict (request) do update set epoch = excluded.epoch, wrapped = excluded.wrapped"
                ),
            );
        }
        if !self.fields.is_empty() {
            let statement = writes.changing("sealed");
            let requests = statement.value(self.fields.keys().map(|(id, _)| bytes(*id)).collect::<Vec<_>>());
            let fields =
                statement.value(self.fields.keys().map(|(_, field)| (*field).to_owned()).collect::<Vec<_>>());
            let sealed =
                statement.value(self.fields.values().map(|sealed| sealed.to_vec()).collect::<Vec<_>>());
            statement.part(
                "filled",
                &format!(
                    "insert into sealed (request, field, sealed) \
                     select * from unnest({requests}::bytea[], {fields}::text[], {sealed}::bytea[]) \
                     on conflict (request, field) do update set sealed = excluded.sealed"
                ),
            );
        }
    }
}
