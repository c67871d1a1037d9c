//! The tables `record` and `record_term`: everything that is kept beside requests, by kind and id.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::RequestId;
use countersign_service::ports::store::{Find, IndexTerm, Loaded, Needs, Record, RecordChange};

use super::chain::Chain;
use super::lock;
use super::statement::{Broken, Statement};
use super::value::{Value, bytes, get, int, maybe_time, millis, uint};
use crate::fault::Fault;

/// A record from the columns kind, id, version, body, expires_at.
pub(super) fn record_of(row: &tokio_postgres::Row) -> Result<Record, Fault> {
    Ok(Record {
        kind: get(row, 0)?,
        id: get(row, 1)?,
        version: uint(row, 2)?,
        body: get(row, 3)?,
        expires_at: maybe_time(row, 4)?,
    })
}

const SELECT: &str = "select r.kind, r.id, r.version, r.body, r.expires_at from record r";

/// Asks for records by kind and id; `held`: nobody changes them until the commit.
pub(super) fn by_ids(ids: Vec<(String, String)>, held: bool) -> Statement {
    let share = share(held);
    if let [(kind, id)] = &ids[..] {
        return Statement::plain(
            format!("{SELECT} where r.kind = $1 and r.id = $2{share}"),
            vec![Box::new(kind.clone()), Box::new(id.clone())],
        );
    }
    // One by one, by their keys and in their order: a plan that was made while the table was small would read all of it.
    let ids: BTreeSet<_> = ids.into_iter().collect();
    let (kinds, ids): (Vec<String>, Vec<String>) = ids.into_iter().unzip();
    Statement::plain(
        format!(
            "select r.* from unnest($1::text[], $2::text[]) as a (kind, id) \
             cross join lateral ({SELECT} where r.kind = a.kind and r.id = a.id limit 1{share}) r"
        ),
        vec![Box::new(kinds), Box::new(ids)],
    )
}

/// Asks for the records of `kind` that `find` means, in the order of ids. Those of a term as an array of ids, for the reason
/// that `request::beside` has.
pub(super) fn find(kind: &str, find: &Find, request: Option<RequestId>, held: bool) -> Statement {
    let share = share(held);
    let kind = kind.to_owned();
    let (condition, values): (&str, Vec<Value>) = match find {
        Find::Id(id) => ("r.kind = $1 and r.id = $2", vec![Box::new(kind), Box::new(id.clone())]),
        Find::Term(term) => (
            "r.kind = $1 and r.id = any(array(select t.id from record_term t \
              where t.kind = $1 and t.name = $2 and t.value = $3))",
            vec![Box::new(kind), Box::new(term.name.clone()), Box::new(term.value.clone())],
        ),
        Find::ByRoot => (
            "r.kind = $1 and r.id = any(array(select t.id from request_term mine join record_term t \
              on t.kind = $1 and t.name = 'root' and t.value = mine.value \
              where mine.request = $2 and mine.name = 'root'))",
            vec![Box::new(kind), Box::new(request.map(bytes).unwrap_or_default())],
        ),
        Find::All => ("r.kind = $1", vec![Box::new(kind)]),
    };
    Statement::plain(format!("{SELECT} where {condition} order by r.id{share}"), values)
}

fn share(held: bool) -> &'static str {
    if held { " for share of r" } else { "" }
}

/// Asks for records of a kind after an id, in the order of ids.
pub(super) fn page(kind: &str, after: Option<&str>, limit: u32) -> Statement {
    let (kind, limit) = (kind.to_owned(), i64::from(limit));
    match after {
        None => Statement::plain(
            format!("{SELECT} where r.kind = $1 order by r.id limit $2"),
            vec![Box::new(kind), Box::new(limit)],
        ),
        Some(after) => Statement::plain(
            format!("{SELECT} where r.kind = $1 and r.id > $3 order by r.id limit $2"),
            vec![Box::new(kind), Box::new(limit), Box::new(after.to_owned())],
        ),
    }
}

/// The locks that a change needs because decisions that look at a gauge read what it writes.
pub(super) fn locks(changes: &[RecordChange], locks: &mut BTreeSet<String>) {
    for change in changes {
        if let RecordChange::Put { terms, .. } = change {
            locks.extend(terms.iter().filter(|term| term.name == "root").map(|term| lock::root(&term.value)));
        }
    }
}

/// How a record is written.
enum Way {
    /// It is not there yet.
    New,
    /// Over this version, which must still stand.
    Over(u64),
    /// Whatever stands.
    Blind,
}

/// Beyond every version: a record would have to be written over a million times a second for a century.
const OVER: i64 = 1 << 52;

struct Put<'a> {
    key: (&'a str, &'a str),
    body: &'a [u8],
    terms: &'a [IndexTerm],
    expires_at: Option<i64>,
    broken: Broken,
}

/// Changes of records that no two are of the same record, sorted by how they are written.
#[derive(Default)]
pub(super) struct Changes<'a> {
    new: Vec<Put<'a>>,
    over: Vec<(Put<'a>, u64)>,
    blind: Vec<Put<'a>>,
    gone: Vec<((&'a str, &'a str), Broken, Option<u64>)>,
}

/// Sorts the changes; more than one group when a record is changed twice.
///
/// INVARIANT: what was loaded and is written is guarded by the version that was loaded, asked for or not.
pub(super) fn sort<'a>(
    changes: &'a [RecordChange],
    needs: &Needs,
    loaded: &Loaded,
) -> Result<Vec<Changes<'a>>, Fault> {
    let mut known: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (kind, find) in &needs.records {
        if let Find::Id(id) = find {
            known.insert((kind, id), 0);
        }
    }
    known.extend(loaded.records.iter().map(|record| ((&*record.kind, &*record.id), record.version)));

    let mut groups: Vec<Changes<'a>> = Vec::new();
    let mut touched = BTreeSet::new();
    for change in changes {
        let key = match change {
            RecordChange::Put { kind, id, .. } | RecordChange::Delete { kind, id } => (&**kind, &**id),
        };
        if groups.is_empty() || !touched.insert(key) {
            groups.push(Changes::default());
            touched = BTreeSet::from([key]);
        }
        let Some(group) = groups.last_mut() else { continue };
        match change {
            RecordChange::Put { body, terms, expires_at, expect, .. } => {
                let stood = known.get(&key).copied();
                if let (Some(stood), Some(expect)) = (stood, *expect)
                    && stood != expect
                {
                    return Err(Broken::Conflict.into());
                }
                let broken = if stood.is_some() { Broken::Raced } else { Broken::Conflict };
                let put = Put { key, body, terms, expires_at: millis(*expires_at), broken };
                let way = match expect.or(stood) {
                    Some(0) => Way::New,
                    Some(version) => Way::Over(version),
                    None => Way::Blind,
                };
                match way {
                    Way::New => group.new.push(put),
                    Way::Over(version) => group.over.push((put, version)),
                    Way::Blind => group.blind.push(put),
                }
                // It is another version from here on, and this transaction holds it.
                known.remove(&key);
            }
            RecordChange::Delete { .. } => {
                let stood = known.remove(&key).filter(|stood| *stood > 0);
                group.gone.push((key, Broken::Raced, stood));
            }
        }
    }
    Ok(groups)
}

impl Changes<'_> {
    /// What must be written before the rest: a record that is written whatever stands is locked by that, and only
    /// then its terms can be replaced.
    pub(super) fn before(&self) -> Option<Statement> {
        if self.blind.is_empty() {
            return None;
        }
        let mut statement = Statement::default();
        let mut sorted: Vec<_> = self.blind.iter().collect();
        sorted.sort_by_key(|put| put.key);
        let rows = rows(&mut statement, sorted.into_iter());
        statement.part(
            "blind",
            &format!(
                "insert into record (kind, id, version, body, expires_at) \
                 select kind, id, 1, body, expires_at from unnest({rows}) as w (kind, id, body, expires_at) \
                 on conflict (kind, id) do update set version = record.version + 1, body = excluded.body, \
                 expires_at = excluded.expires_at returning 1"
            ),
        );
        statement.guard("blind", self.blind.len(), Broken::Conflict);
        Some(statement.end())
    }

    /// The rest.
    pub(super) fn write(&self, writes: &mut Chain) -> Result<(), Fault> {
        self.put(writes)?;
        self.remove(writes)?;
        self.replace_terms(writes);
        Ok(())
    }

    /// New records and those that are written over, in one: by their key, whatever a planner thinks of the table. What is
    /// written over goes in as [`OVER`] and more, which no row that stands is left with: neither a new record that stood
    /// already nor one that is gone can be taken for the other, and each breaks its guard.
    fn put(&self, writes: &mut Chain) -> Result<(), Fault> {
        if self.new.is_empty() && self.over.is_empty() {
            return Ok(());
        }
        let mut puts: Vec<(&Put<'_>, i64)> = self.new.iter().map(|put| (put, 1)).collect();
        for (put, version) in &self.over {
            puts.push((put, int(*version)?.saturating_add(OVER)));
        }
        puts.sort_by_key(|(put, _)| put.key);
        let statement = writes.changing("record");
        let rows = rows(statement, puts.iter().map(|(put, _)| *put));
        let versions = statement.value(puts.iter().map(|(_, version)| *version).collect::<Vec<_>>());
        statement.part(
            "put",
            &format!(
                "insert into record (kind, id, body, expires_at, version) \
                 select kind, id, body, expires_at, version \
                 from unnest({rows}, {versions}::bigint[]) as w (kind, id, body, expires_at, version) \
                 on conflict (kind, id) do update set version = record.version + 1, body = excluded.body, \
                 expires_at = excluded.expires_at where record.version = excluded.version - {OVER} \
                 returning version"
            ),
        );
        if !self.new.is_empty() {
            statement.part("added", "select 1 from put where version = 1");
            statement.guard("added", self.new.len(), worst(self.new.iter().map(|put| put.broken)));
        }
        if !self.over.is_empty() {
            statement.part("over", &format!("select 1 from put where version > 1 and version < {OVER}"));
            statement.guard("over", self.over.len(), worst(self.over.iter().map(|(put, _)| put.broken)));
        }
        Ok(())
    }

    fn remove(&self, writes: &mut Chain) -> Result<(), Fault> {
        if self.gone.is_empty() {
            return Ok(());
        }
        let statement = writes.changing("record");
        let keys = keys(statement, self.gone.iter().map(|(key, ..)| *key));
        let versions = self
            .gone
            .iter()
            .map(|(.., version)| version.map(int).transpose())
            .collect::<Result<Vec<Option<i64>>, _>>()?;
        let certain = versions.iter().flatten().count();
        let versions = statement.value(versions);
        statement.part(
            "gone",
            &format!(
                "delete from record r using {keys} join unnest({versions}::bigint[]) with ordinality as v (version, n) \
                 on v.n = k.n where r.kind = k.kind and r.id = k.id \
                 and (v.version is null or r.version = v.version) returning v.version"
            ),
        );
        statement.part("certain", "select 1 from gone where version is not null");
        statement.guard("certain", certain, Broken::Raced);
        Ok(())
    }

    fn replace_terms(&self, writes: &mut Chain) {
        let over = self.over.iter().map(|(put, _)| put);
        let replaced = over.clone().chain(&self.blind).map(|put| put.key);
        let touched: Vec<_> = replaced.chain(self.gone.iter().map(|(key, ..)| *key)).collect();
        let mut wanted = BTreeSet::new();
        for put in self.new.iter().chain(over).chain(&self.blind) {
            let (kind, id) = put.key;
            wanted.extend(put.terms.iter().map(|term| (kind, term.name.as_str(), term.value.as_slice(), id)));
        }
        if !touched.is_empty() {
            let statement = writes.changing("record_term");
            let stay = if wanted.is_empty() {
                String::new()
            } else {
                let stay = terms(statement, &wanted);
                format!(
                    " and not exists (select 1 from {stay} where w.kind = t.kind and w.id = t.id \
                     and w.name = t.name and w.value = t.value)"
                )
            };
            let keys = keys(statement, touched.into_iter());
            statement.part(
                "unfound",
                &format!(
                    "delete from record_term t using {keys} where t.kind = k.kind and t.id = k.id{stay}"
                ),
            );
        }
        if !wanted.is_empty() {
            let statement = writes.changing("record_term");
            let wanted = terms(statement, &wanted);
            statement.part(
                "refound",
                &format!(
                    "insert into record_term (kind, name, value, id) select kind, name, value, id from {wanted} \
                     on conflict do nothing"
                ),
            );
        }
    }
}

/// A conflict that the change expected outweighs a race.
fn worst(all: impl Iterator<Item = Broken>) -> Broken {
    let mut worst = Broken::Raced;
    for broken in all {
        if broken == Broken::Conflict {
            worst = broken;
        }
    }
    worst
}

/// The columns kind, id, body and expires_at of these records, as arrays.
fn rows<'a, 'b: 'a>(statement: &mut Statement, puts: impl Iterator<Item = &'a Put<'b>> + Clone) -> String {
    let kinds = statement.value(puts.clone().map(|put| put.key.0.to_owned()).collect::<Vec<_>>());
    let ids = statement.value(puts.clone().map(|put| put.key.1.to_owned()).collect::<Vec<_>>());
    let bodies = statement.value(puts.clone().map(|put| put.body.to_vec()).collect::<Vec<_>>());
    let expires = statement.value(puts.map(|put| put.expires_at).collect::<Vec<_>>());
    format!("{kinds}::text[], {ids}::text[], {bodies}::bytea[], {expires}::bigint[]")
}

/// These terms (kind, name, value, id), as rows `w`.
fn terms(statement: &mut Statement, terms: &BTreeSet<(&str, &str, &[u8], &str)>) -> String {
    let kinds = statement.value(terms.iter().map(|(kind, ..)| (*kind).to_owned()).collect::<Vec<_>>());
    let names = statement.value(terms.iter().map(|(_, name, ..)| (*name).to_owned()).collect::<Vec<_>>());
    let values = statement.value(terms.iter().map(|(_, _, value, _)| value.to_vec()).collect::<Vec<_>>());
    let ids = statement.value(terms.iter().map(|(.., id)| (*id).to_owned()).collect::<Vec<_>>());
    format!(
        "unnest({kinds}::text[], {names}::text[], {values}::bytea[], {ids}::text[]) as w (kind, name, value, id)"
    )
}

/// These keys, as rows `k` with their number `n`.
fn keys<'a>(statement: &mut Statement, keys: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let (kinds, ids): (Vec<String>, Vec<String>) =
        keys.map(|(kind, id)| (kind.to_owned(), id.to_owned())).unzip();
    let (kinds, ids) = (statement.value(kinds), statement.value(ids));
    format!("unnest({kinds}::text[], {ids}::text[]) with ordinality as k (kind, id, n)")
}

/// Removes at most `$2` records past their `expires_at`, as of the moment `$1`; answers how many.
pub(super) const SWEEP: &str = "with past as (select kind, id from record where expires_at <= $1 \
       order by expires_at limit $2 for update skip locked), \
     gone as (delete from record r using past where r.kind = past.kind and r.id = past.id), \
     unfound as (delete from record_term t using past where t.kind = past.kind and t.id = past.id) \
     select count(*) from past";
