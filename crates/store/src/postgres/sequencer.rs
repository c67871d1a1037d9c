//! Placeholder.
use super::connect::Pool;
use crate::fault::Fault;
use countersign_ledger::{Edge, Entry, edge_of};
pub(super) struct Sequencer(tokio::sync::watch::Sender<u64>, Pool, tokio::sync::Mutex<()>);
impl Sequencer {
    pub(super) fn stub(pool: Pool) -> Self {
        Self(tokio::sync::watch::channel(0).0, pool, Default::default())
    }
    pub(super) fn noticed(&self) {
        self.0.send_modify(|n| *n += 1);
    }
    pub(super) fn poke(&self) {}
    pub(super) fn told(&self) {}
    pub(super) fn leads(&self) -> bool {
        false
    }
    pub(super) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.subscribe()
    }
    pub(super) async fn drained(&self) -> Result<(), Fault> {
        let _g = self.2.lock().await;
        let c = self.1.get().await?;
        c.batch_execute("begin").await?;
        let row = c.query_one("select size, root from log_head for update", &[]).await?;
        let size = row.get::<_, i64>(0) as u64;
        let root: [u8; 32] = row.get::<_, Vec<u8>>(1).try_into().unwrap();
        let mut tiles = std::collections::BTreeMap::new();
        for t in edge_of(size) {
            if let Some(r) = c
                .query_opt(
                    "select data from log_tile where level = $1 and n = $2",
                    &[&(t.level() as i64), &(t.n() as i64)],
                )
                .await?
            {
                tiles.insert((t.level(), t.n()), r.get::<_, Vec<u8>>(0));
            }
        }
        let mut edge = Edge::restore(size, &root, &tiles).unwrap();
        let q = c.query("delete from log_queue returning id, request, seq, body", &[]).await?;
        let mut q: Vec<(i64, Option<Vec<u8>>, Option<i64>, Vec<u8>)> =
            q.iter().map(|r| (r.get(0), r.get(1), r.get(2), r.get(3))).collect();
        q.sort();
        let mut leaves = vec![];
        for (n, (_, r, s, b)) in q.iter().enumerate() {
            leaves.push(Entry::new(b).unwrap().leaf_hash());
            c.execute(
                "insert into log_entry (seq, request, event_seq, body) values ($1,$2,$3,$4)",
                &[&((size as usize + n) as i64), r, s, b],
            )
            .await?;
        }
        for ch in edge.append_all(leaves.iter().copied()) {
            c.execute("insert into log_tile values ($1,$2,$3) on conflict (level, n) do update set data = excluded.data", &[&(ch.tile.level() as i64), &(ch.tile.n() as i64), &ch.bytes]).await?;
        }
        c.execute(
            "update log_head set size = $1, root = $2",
            &[&(edge.size() as i64), &edge.root().to_vec()],
        )
        .await?;
        c.batch_execute("commit").await?;
        c.release();
        Ok(())
    }
}
