//! The table `job`: wishes, and the leases under which they are carried out. It knows no worker.

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Becomes, Job, JobChange, JobEnd, NewJob, Retrying, StoreError};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::batch::Batch;
use super::value::{int, uint};
use crate::fault::Fault;

/// Wishes, or holds a lease. A fence that is not the job's any more fails the whole change.
pub(super) fn change(batch: &Batch<'_>, change: &JobChange) -> Result<(), Fault> {
    let db = batch.db;
    match change {
        JobChange::Wish(job) => wish(db, job),
        JobChange::Hold { id, fence } => {
            let mut find = db.prepare_cached(
                "select 1 from job where id = ?1 and fence = ?2 and lease_until is not null",
            )?;
            held(usize::from(find.exists(params![int(*id)?, int(*fence)?])?))
        }
    }
}

/// Ends a lease.
pub(super) fn end(batch: &Batch<'_>, end: &JobEnd) -> Result<(), Fault> {
    let (id, fence) = (end.id, end.fence);
    match end.becomes {
        Becomes::Done => done(batch.db, id, fence),
        Becomes::Again { after_ms, counts } => {
            // Wished again meanwhile: whichever comes first.
            let run_at = batch.now().plus_ms(after_ms).as_millis();
            held(
                batch
                    .db
                    .prepare_cached(
                        "update job set lease_until = null, attempts = attempts * ?4, \
                         run_at = case when generation = claimed then ?3 else min(run_at, ?3) end \
                         where id = ?1 and fence = ?2 and lease_until is not null",
                    )?
                    .execute(params![int(id)?, int(fence)?, run_at, counts])?,
            )
        }
    }
}

fn held(rows: usize) -> Result<(), Fault> {
    if rows == 0 { Err(StoreError::Fenced.into()) } else { Ok(()) }
}

/// The first wish during a lease sets the time of the next run; any other brings the time forward.
fn wish(db: &Connection, job: &NewJob) -> Result<(), Fault> {
    db.prepare_cached(
        "insert into job (kind, key, body, run_at) values (?1, ?2, ?3, ?4) \
         on conflict (kind, key) do update set body = excluded.body, generation = generation + 1, \
         run_at = case when lease_until is not null and generation = claimed then excluded.run_at \
                       else min(run_at, excluded.run_at) end",
    )?
    .execute(params![job.kind, job.key, job.body, job.run_at.as_millis()])?;
    Ok(())
}

fn done(db: &Connection, id: u64, fence: u64) -> Result<(), Fault> {
    let (id, fence) = (int(id)?, int(fence)?);
    let removed = db
        .prepare_cached(
            "delete from job where id = ?1 and fence = ?2 and lease_until is not null and generation = claimed",
        )?
        .execute([id, fence])?;
    if removed > 0 {
        return Ok(());
    }
    held(
        db.prepare_cached(
            "update job set lease_until = null, attempts = 0 \
             where id = ?1 and fence = ?2 and lease_until is not null",
        )?
        .execute([id, fence])?,
    )
}

/// Claims what is ready, oldest first: wishes whose time came, and leases that ran out.
pub(super) fn claim(batch: &Batch<'_>, limit: u32, lease_ms: i64) -> Result<Vec<Job>, Fault> {
    let now = batch.now();
    let mut find = batch.db.prepare_cached(
        "select id, kind, key, body, attempts, fence from job indexed by job_ready \
         where ready_at <= ?1 order by ready_at, id limit ?2",
    )?;
    let mut rows = find.query(params![now.as_millis(), limit])?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(Job {
            id: uint(row, 0)?,
            kind: row.get(1)?,
            key: row.get(2)?,
            body: row.get(3)?,
            attempts: row.get(4)?,
            fence: uint(row, 5)? + 1,
        });
    }
    drop(rows);
    let mut lease = batch.db.prepare_cached(
        "update job set fence = ?2, lease_until = ?3, claimed = generation, attempts = attempts + 1 where id = ?1",
    )?;
    for job in &jobs {
        lease.execute(params![int(job.id)?, int(job.fence)?, now.plus_ms(lease_ms).as_millis()])?;
    }
    Ok(jobs)
}

/// Extends a lease; `false` if it was lost.
pub(super) fn renew(batch: &Batch<'_>, id: u64, fence: u64, lease_ms: i64) -> Result<bool, Fault> {
    let until = batch.now().plus_ms(lease_ms).as_millis();
    let mut renew: CachedStatement<'_> = batch.db.prepare_cached(
        "update job set lease_until = ?3 where id = ?1 and fence = ?2 and lease_until is not null",
    )?;
    Ok(renew.execute(params![int(id)?, int(fence)?, until])? > 0)
}

/// Ends every lease; what was begun is ready at once.
pub(super) fn release_leases(batch: &Batch<'_>) -> Result<u64, Fault> {
    let released = batch
        .db
        .prepare_cached(
            "update job set lease_until = null, run_at = min(run_at, ?1) where lease_until is not null",
        )?
        .execute([batch.now().as_millis()])?;
    Ok(released as u64)
}

/// When the next job can be claimed; one that is leased, when its lease ends.
pub(super) fn next_at(db: &Connection) -> Result<Option<Timestamp>, Fault> {
    Ok(db
        .prepare_cached("select ready_at from job indexed by job_ready order by ready_at limit 1")?
        .query_row([], |row| row.get(0))
        .optional()?
        .map(Timestamp::from_millis))
}

/// Jobs that failed and can be claimed before `before`, by kind: those of the next minutes are read, and no others.
pub(super) fn retrying(db: &Connection, before: Timestamp) -> Result<Vec<Retrying>, Fault> {
    let mut find = db.prepare_cached(
        "select kind, count(*), max(failed) from \
           (select kind, attempts - (lease_until is not null) as failed from job indexed by job_ready \
            where ready_at < ?1) \
         where failed > 0 group by kind order by kind",
    )?;
    let mut rows = find.query([before.as_millis()])?;
    let mut retrying = Vec::new();
    while let Some(row) = rows.next()? {
        retrying.push(Retrying { kind: row.get(0)?, count: uint(row, 1)?, most: row.get(2)? });
    }
    Ok(retrying)
}
