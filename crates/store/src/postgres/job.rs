//! The table `job`: wishes, and the leases under which they are carried out. It knows no worker.

use std::collections::BTreeMap;

use countersign_service::ports::store::{Becomes, Job, JobChange, JobEnd, NewJob, Retrying};

use super::chain::Chain;
use super::statement::{Broken, Statement};
use super::value::{get, int, small, uint};
use crate::fault::Fault;

/// The statements that these changes need, in their order.
pub(super) fn changes(changes: &[JobChange]) -> Result<Vec<Statement>, Fault> {
    let mut statements = Vec::new();
    for group in changes.chunk_by(|one, other| is_wish(one) == is_wish(other)) {
        let mut statement = Statement::default();
        if is_wish(&group[0]) {
            wish(&mut statement, group);
        } else {
            hold(&mut statement, group)?;
        }
        statements.push(statement);
    }
    Ok(statements)
}

fn is_wish(change: &JobChange) -> bool {
    matches!(change, JobChange::Wish(_))
}

/// The first wish during a lease sets the time of the next run; any other brings the time forward.
fn wish(statement: &mut Statement, group: &[JobChange]) {
    let mut wishes: BTreeMap<(&str, &str), (i64, &NewJob)> = BTreeMap::new();
    for change in group {
        if let JobChange::Wish(job) = change {
            let run_at = job.run_at.as_millis();
            let wish = wishes.entry((&job.kind, &job.key)).or_insert((run_at, job));
            *wish = (wish.0.min(run_at), job);
        }
    }
    let kinds = statement.value(wishes.keys().map(|(kind, _)| (*kind).to_owned()).collect::<Vec<_>>());
    let keys = statement.value(wishes.keys().map(|(_, key)| (*key).to_owned()).collect::<Vec<_>>());
    let bodies = statement.value(wishes.values().map(|(_, job)| job.body.clone()).collect::<Vec<_>>());
    let times = statement.value(wishes.values().map(|(run_at, _)| *run_at).collect::<Vec<_>>());
    statement.part(
        "wished",
        &format!(
            "insert into job (kind, key, body, run_at) \
             select kind, key, body, run_at from unnest({kinds}::text[], {keys}::text[], {bodies}::bytea[], \
             {times}::bigint[]) with ordinality as w (kind, key, body, run_at, n) order by n \
             on conflict (kind, key) do update set body = excluded.body, generation = job.generation + 1, \
             run_at = case when job.lease_until is not null and job.generation = job.claimed then excluded.run_at \
                           else least(job.run_at, excluded.run_at) end"
        ),
    );
}

/// Some leases: their ids and fences as rows `f`, and what finds their jobs `j` by id, whatever the planner thinks of the
/// table's size.
struct Leases {
    rows: String,
    held: String,
}

fn leases(statement: &mut Statement, of: &[(u64, u64)]) -> Result<Leases, Fault> {
    let ids = of.iter().map(|(id, _)| int(*id)).collect::<Result<Vec<_>, _>>()?;
    let fences = of.iter().map(|(_, fence)| int(*fence)).collect::<Result<Vec<_>, _>>()?;
    let (ids, fences) = (statement.value(ids), statement.value(fences));
    Ok(Leases {
        rows: format!("unnest({ids}::bigint[], {fences}::bigint[]) with ordinality as f (id, fence, n)"),
        held: format!(
            "j.id = any({ids}::bigint[]) and j.id = f.id and j.fence = f.fence and j.lease_until is not null"
        ),
    })
}

/// Holds leases until the commit.
fn hold(statement: &mut Statement, group: &[JobChange]) -> Result<(), Fault> {
    let mut held: Vec<_> = group
        .iter()
        .filter_map(|change| match change {
            JobChange::Wish(_) => None,
            JobChange::Hold { id, fence } => Some((*id, *fence)),
        })
        .collect();
    held.sort_unstable();
    held.dedup();
    let Leases { rows, held: is_held } = leases(statement, &held)?;
    statement.part("held", &format!("select 1 from job j join {rows} on {is_held} for update of j"));
    statement.guard("held", held.len(), Broken::Fenced);
    Ok(())
}

/// Locks the jobs whose leases end, so that nobody wishes them again while they do.
fn lock(ends: &[JobEnd]) -> Result<Statement, Fault> {
    let ids = ends.iter().map(|end| int(end.id)).collect::<Result<Vec<_>, _>>()?;
    Ok(Statement::plain(
        "select id from job where id = any($1::bigint[]) order by id for update",
        vec![Box::new(ids)],
    ))
}

/// Ends leases; now is not before `earliest`, in milliseconds. A wish that came meanwhile makes a fence look lost, as
/// what is done is not deleted then: that is a reason to try again `careful`ly, with a lock before. Then a fence that does
/// not fit was truly lost.
pub(super) fn ends(ends: &[JobEnd], earliest: i64, careful: bool) -> Result<Vec<Statement>, Fault> {
    let broken = if careful { Broken::Fenced } else { Broken::Raced };
    let (mut done, mut again) = (Vec::new(), BTreeMap::new());
    for end in ends {
        let key = (end.id, end.fence);
        match end.becomes {
            Becomes::Done => done.push(key),
            Becomes::Again { after_ms, counts } => {
                again.insert(key, (after_ms, i64::from(counts)));
            }
        }
    }
    let mut writes = Chain::default();
    if !done.is_empty() {
        let statement = writes.changing("job");
        let Leases { rows, held } = leases(statement, &done)?;
        statement.part(
            "done",
            &format!("delete from job j using {rows} where {held} and j.generation = j.claimed returning 1"),
        );
        if careful {
            // All are locked: what is not deleted here was wished again, and is kept by the next statement.
            statement.part("ended", &format!("select distinct j.id from job j join {rows} on {held}"));
        } else {
            // Few are wished again during their lease; those are found out by the next try.
            statement.part("ended", "select 1 from done");
        }
        statement.guard("ended", done.len(), broken);
        if careful {
            let statement = writes.changing("job");
            let Leases { rows, held } = leases(statement, &done)?;
            statement.part(
                "kept",
                &format!(
                    "update job j set lease_until = null, attempts = 0 from {rows} \
                     where {held} and j.generation <> j.claimed"
                ),
            );
        }
    }
    if !again.is_empty() {
        let statement = writes.changing("job");
        let keys: Vec<_> = again.keys().copied().collect();
        let Leases { rows, held } = leases(statement, &keys)?;
        let waits = statement.value(again.values().map(|(after_ms, _)| *after_ms).collect::<Vec<i64>>());
        let counts = statement.value(again.values().map(|(_, counts)| *counts).collect::<Vec<i64>>());
        let earliest = statement.value(earliest);
        statement.part(
            "waits",
            &format!(
                "select n, counts, after_ms + greatest({earliest}::bigint, \
                   cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)) as run_at \
                 from unnest({waits}::bigint[], {counts}::bigint[]) with ordinality as t (after_ms, counts, n)"
            ),
        );
        // Wished again meanwhile: whichever comes first.
        statement.part(
            "again",
            &format!(
                "update job j set lease_until = null, attempts = j.attempts * t.counts, \
                 run_at = case when j.generation = j.claimed then t.run_at else least(j.run_at, t.run_at) end \
                 from {rows} join waits t on t.n = f.n where {held} returning 1"
            ),
        );
        statement.guard("again", again.len(), broken);
    }
    let locked = if careful { Some(lock(ends)?) } else { None };
    Ok(locked.into_iter().chain(writes.end()).collect())
}

/// Claims what is ready, oldest first: wishes whose time came, and leases that ran out. `$1` is the earliest that now
/// can be, `$2` how many, `$3` for how long. What another claims at this moment is passed over.
pub(super) const CLAIM: &str = "with moment as (select greatest($1::bigint, \
       cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)) as now), \
     ready as (select id from job where ready_at <= (select now from moment) \
       order by ready_at, id limit $2 for update skip locked) \
     update job j set fence = j.fence + 1, lease_until = (select now from moment) + $3::bigint, \
       claimed = j.generation, attempts = j.attempts + 1 \
     where j.id = any(array(select id from ready)) \
     returning j.id, j.kind, j.key, j.body, j.attempts - 1, j.fence, j.run_at";

/// The jobs that [`CLAIM`] claimed, oldest first.
pub(super) fn claimed(rows: &[tokio_postgres::Row]) -> Result<Vec<Job>, Fault> {
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let job = Job {
            id: uint(row, 0)?,
            kind: get(row, 1)?,
            key: get(row, 2)?,
            body: get(row, 3)?,
            attempts: small(row, 4)?,
            fence: uint(row, 5)?,
        };
        claimed.push((get::<i64>(row, 6)?, job));
    }
    claimed.sort_unstable_by_key(|(run_at, job)| (*run_at, job.id));
    Ok(claimed.into_iter().map(|(_, job)| job).collect())
}

/// Extends the lease of job `$1` under fence `$2` by `$3`, counted from now, which is not before `$4`.
pub(super) const RENEW: &str = "update job set lease_until = $3::bigint + greatest($4::bigint, \
       cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)) \
     where id = $1 and fence = $2 and lease_until is not null returning 1";

/// Ends every lease; what was begun is ready at once, or at `$1` if that is later than now.
pub(super) const RELEASE: &str = "update job set lease_until = null, run_at = least(run_at, greatest($1::bigint, \
       cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint))) \
     where lease_until is not null returning 1";

/// Jobs that failed and can be claimed before `$1`, by kind.
pub(super) const RETRYING: &str = "select kind, count(*), max(failed) from \
       (select kind, attempts - case when lease_until is null then 0 else 1 end as failed from job \
        where ready_at < $1) t \
     where failed > 0 group by kind order by kind";

/// The kinds of [`RETRYING`].
pub(super) fn retrying(rows: &[tokio_postgres::Row]) -> Result<Vec<Retrying>, Fault> {
    let one = |row| Ok(Retrying { kind: get(row, 0)?, count: uint(row, 1)?, most: small(row, 2)? });
    rows.iter().map(one).collect()
}

/// When the next job can be claimed; one that is leased, when its lease ends.
pub(super) const NEXT: &str = "select ready_at from job order by ready_at limit 1";
