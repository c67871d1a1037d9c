//! The log as anybody sees it: checkpoint, tiles, bundles, feed.

use countersign_ledger::{Checkpoint, Entries, Entry};
use serde_json::Value;

use crate::given::house;

#[tokio::test]
async fn tiles_and_entries_under_the_checkpoint_fit_together() {
    let house = house().await;
    let note = house.call("", "GET", "/ledger/checkpoint", Value::Null).await;
    assert_eq!(note.status, 200);
    assert_eq!(note.header("cache-control"), "no-cache");
    let key = house.service.vkey().parse().unwrap();
    let size = Checkpoint::open(&note.body, std::slice::from_ref(&key)).unwrap().size;
    assert!(size > 1 && size < 256, "{size}");

    let tile = house.call("", "GET", &format!("/ledger/tile/0/000.p/{size}"), Value::Null).await;
    assert_eq!(tile.status, 200);
    assert_eq!(tile.header("content-type"), "application/octet-stream");
    assert!(tile.header("cache-control").contains("immutable"));
    let bundle = house.call("", "GET", &format!("/ledger/tile/entries/000.p/{size}"), Value::Null).await;
    let hashes: Vec<u8> = Entries::of(&bundle.body)
        .map(|entry| entry.unwrap())
        .flat_map(|entry: Entry<'_>| entry.leaf_hash().to_vec())
        .collect();
    assert_eq!(hashes, tile.body.to_vec());
    let narrower = house.call("", "GET", "/ledger/tile/0/000.p/1", Value::Null).await;
    assert_eq!(narrower.body, tile.body[..32]);
}

#[tokio::test]
async fn nothing_beyond_the_checkpoint_is_served() {
    let house = house().await;
    for path in [
        "0/000",
        "0/000.p/255",
        "0/001.p/1",
        "1/000.p/1",
        "entries/000",
        "entries/000.p/255",
        "63/000",
        "00/000",
        "0/000.p/0",
        "entries/x000/001",
        "x",
    ] {
        let answer = house.call("", "GET", &format!("/ledger/tile/{path}"), Value::Null).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (404, "not_found"), "{path}");
    }
}
