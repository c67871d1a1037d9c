//! What the writer does when the database itself fails.
#![allow(clippy::unwrap_used)]

use countersign_core::time::Timestamp;
use rusqlite::params;

use super::*;
use crate::sqlite::migrate::migrate;
use crate::sqlite::open;

struct Fresh {
    writer: Writer,
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Fresh {
    fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let mut db = open::writer(&path).unwrap();
        migrate(&mut db, Timestamp::from_millis(0)).unwrap();
        db.execute_batch(settings).unwrap();
        let clock = Arc::new(StoreClock::new(Arc::new(|| Timestamp::from_millis(1))));
        let writer = Writer::start(db, clock, watch::channel(0).0).unwrap();
        Self { writer, path, _folder: folder }
    }

    /// Holds the writer back until `go` is dropped, so that what is asked meanwhile gathers into one batch.
    async fn held_back(&self) -> mpsc::Sender<()> {
        let (go, wait) = mpsc::channel(1);
        let (began, begun) = oneshot::channel();
        let (mut wait, mut began) = (Some(wait), Some(began));
        let held = Box::new(Ask {
            work: move |_: &mut Batch<'_>| {
                let _ = began.take().unwrap().send(());
                let _ = wait.take().unwrap().blocking_recv();
                Ok(())
            },
            outcome: None,
            reply: oneshot::channel().0,
        });
        assert!(self.writer.queue.as_ref().unwrap().send(held).await.is_ok());
        begun.await.unwrap();
        go
    }

    fn entries(&self, entry: Vec<u8>) -> impl Future<Output = Result<u64, StoreError>> + '_ {
        self.writer.ask(move |batch| {
            batch.savepoint()?;
            let index = batch.append(&entry)?;
            batch.keep()?;
            Ok(index)
        })
    }

    fn size(&self) -> u64 {
        log::head(&open::reader(&self.path).unwrap()).unwrap().0
    }
}

/// An event of no request under a foreign key that is looked at on commit.
fn orphan(batch: &mut Batch<'_>) -> Result<(), Fault> {
    batch.db.execute_batch("pragma defer_foreign_keys = on")?;
    batch.db.execute(
        "insert into event (request, seq, at, kind, form, leaf, body) values (?1, 1, 0, 'x', 1, 9, x'')",
        params![[7u8; 16]],
    )?;
    Ok(())
}

#[tokio::test]
async fn a_commit_that_fails_is_everybodys_error_and_the_next_batch_goes_on() {
    let fresh = Fresh::new("");
    assert_eq!(fresh.entries(vec![0]).await.unwrap(), 0);
    let go = fresh.held_back().await;
    let (one, broken, other, ()) =
        tokio::join!(fresh.entries(vec![1]), fresh.writer.ask(orphan), fresh.entries(vec![2]), async {
            drop(go)
        });
    for answer in [one.map(drop), broken, other.map(drop)] {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(fresh.size(), 1);
    assert_eq!(fresh.entries(vec![3]).await.unwrap(), 1);
    assert_eq!(fresh.size(), 2);
}

#[tokio::test]
async fn a_command_that_fails_in_the_middle_of_its_writes_takes_nothing_with_it() {
    let fresh = Fresh::new("");
    let go = fresh.held_back().await;
    let half = fresh.writer.ask(|batch| {
        batch.savepoint()?;
        batch.append(&[7])?;
        Err::<u64, Fault>(StoreError::Conflict.into())
    });
    let (one, broken, other, ()) =
        tokio::join!(fresh.entries(vec![1]), half, fresh.entries(vec![2]), async { drop(go) });
    assert!(matches!(broken, Err(StoreError::Conflict)), "{broken:?}");
    assert_eq!((one.unwrap(), other.unwrap()), (0, 1));
    assert_eq!(fresh.size(), 2);
    assert_eq!(fresh.entries(vec![3]).await.unwrap(), 2);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_nothing_is_half_stored() {
    let fresh = Fresh::new("pragma max_page_count = 80");
    let mut stored = 0;
    let refused = loop {
        match fresh.entries(vec![9; 30_000]).await {
            Ok(index) => {
                assert_eq!(index, stored);
                stored += 1;
            }
            Err(error) => break error,
        }
        assert!(stored < 1000);
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert_eq!(fresh.size(), stored);
    // What fits is taken again.
    assert_eq!(fresh.entries(vec![1]).await.unwrap(), stored);
}

#[tokio::test]
async fn a_head_that_somebody_else_moved_stops_the_batch() {
    let fresh = Fresh::new("");
    fresh.entries(vec![0]).await.unwrap();
    let other = rusqlite::Connection::open(&fresh.path).unwrap();
    other.execute("update log_head set size = 5", []).unwrap();
    assert!(fresh.entries(vec![1]).await.is_err());
    assert_eq!(fresh.size(), 5);
    // Read again from the database, the edge does not give the root, and nothing more is appended.
    assert!(fresh.entries(vec![1]).await.is_err());
}
