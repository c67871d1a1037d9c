//! Placeholder.
use super::connect::Client;
use crate::fault::{Fault, malformed};
use countersign_service::ports::store::StoreError;
pub(super) async fn head(c: &Client) -> Result<(u64, [u8; 32]), Fault> {
    let row = c.query_one("select size, root from log_head", &[]).await?;
    Ok((row.get::<_, i64>(0) as u64, row.get::<_, Vec<u8>>(1).try_into().unwrap()))
}
pub(super) async fn keep_checkpoint(c: &Client, size: u64, note: &[u8]) -> Result<(), Fault> {
    if size > head(c).await?.0 {
        return Err(malformed("beyond"));
    }
    c.execute("insert into log_checkpoint values ($1,$2) on conflict do nothing", &[&(size as i64), &note])
        .await?;
    if checkpoint(c, Some(size)).await?.unwrap().1 != note {
        return Err(StoreError::Conflict.into());
    }
    Ok(())
}
pub(super) async fn checkpoint(c: &Client, size: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, Fault> {
    let size = size.map(|s| s as i64);
    Ok(c.query_opt("select size, note from log_checkpoint where $1::bigint is null or size = $1 order by size desc limit 1", &[&size]).await?.map(|r| (r.get::<_, i64>(0) as u64, r.get(1))))
}
pub(super) async fn checkpoint_sizes(c: &Client, after: u64, limit: u32) -> Result<Vec<u64>, Fault> {
    Ok(c.query(
        "select size from log_checkpoint where size > $1 order by size limit $2",
        &[&(after as i64), &(limit as i64)],
    )
    .await?
    .iter()
    .map(|r| r.get::<_, i64>(0) as u64)
    .collect())
}
pub(super) async fn tile(c: &Client, l: u8, n: u64, w: u32) -> Result<Option<Vec<u8>>, Fault> {
    let Ok(n) = i64::try_from(n) else { return Ok(None) };
    if w == 0 {
        return Ok(None);
    }
    Ok(c.query_opt(
        "select substr(data, 1, $3) from log_tile where level = $1 and n = $2 and octet_length(data) >= $3",
        &[&(l as i64), &n, &(w as i32 * 32)],
    )
    .await?
    .map(|r| r.get(0)))
}
pub(super) async fn entries(c: &Client, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, Fault> {
    let Ok(from) = i64::try_from(from) else { return Ok(vec![]) };
    Ok(c.query("select body from log_entry where seq >= $1 order by seq limit $2", &[&from, &(limit as i64)])
        .await?
        .iter()
        .map(|r| r.get(0))
        .collect())
}
