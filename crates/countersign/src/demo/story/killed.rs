//! `kill -9` in the middle of an erasure, and what comes of it.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use countersign_shop::cast::KIM;

use super::shop::{Rows, some};
use super::tale::{PRIVACY, Tale, times};

/// With this between its statements, an erasure takes a second or two.
const PACE_MS: u32 = 60;

pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene("The server is killed inside the erasing transaction");
    tale.narrator
        .asks(&format!("the server is started again with {PACE_MS} ms between the statements of an erasure"));
    let status = tale.server.stop().await?;
    tale.narrator.check("it had stopped in good order", status.success());
    pace(tale, PACE_MS)?;
    tale.server.start().await?;
    let before = tale.shop.own(KIM.id)?;
    let asked = tale.desk_asks("erase", KIM.id).await?;
    tale.narrator.asks("the support desk asks to erase Kim, and Olga approves");
    tale.approve("olga-officer", PRIVACY, &asked.id).await?;
    until_inside(tale, &asked.id).await?;
    tale.server.kill()?;
    tale.narrator.asks("kill -9, while the erasure holds the shop's write lock");
    tale.narrator.equal("nothing of the half-done work is there", tale.shop.own(KIM.id)?, before);
    tale.narrator.equal("and no receipt", tale.shop.receipts(&asked.id)?, Rows::new());

    pace(tale, 0)?;
    tale.narrator.asks("it is started again");
    tale.server.start().await?;
    let done = tale.wait_for_end(&asked.id).await?;
    tale.narrator.says(&format!("now: {}, in {} run", done.status, done.runs));
    tale.narrator.equal("it finishes", done.status.as_str(), "completed");
    tale.narrator.equal("in the same run", (done.runs, times(&done, "run_started")), (1, 1));
    tale.narrator.equal(
        "once: one receipt",
        tale.shop.receipts(&asked.id)?,
        Rows::from([("done".to_owned(), 1)]),
    );
    tale.narrator.equal("no row of hers is left", some(tale.shop.own(KIM.id)?), Rows::new());
    let evidence = tale.client("aude-auditor")?.evidence(&asked.id).await?;
    let entries = evidence["entries"].as_array().cloned().unwrap_or_default();
    tale.narrator.equal(
        "and the ledger says once that it is completed",
        (entries.len(), times(&done, "completed")),
        (done.events.len(), 1),
    );
    Ok(())
}

/// Waits until the run holds the shop's write lock, and has for a moment.
async fn until_inside(tale: &Tale, id: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        // Nobody else of ours may be the one who writes: the timer may have ticked.
        let alone = tale.see(id).await?.status == "running" && tale.limit("purge").await?.running == 0;
        if alone && tale.shop.is_being_written()? {
            tokio::time::sleep(Duration::from_millis(3 * u64::from(PACE_MS))).await;
            if tale.shop.is_being_written()? {
                return Ok(());
            }
        }
        ensure!(Instant::now() < deadline, "the erasure was never seen at work");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes the pace into the node's configuration.
fn pace(tale: &Tale, pace_ms: u32) -> anyhow::Result<()> {
    let path = tale.folder.join(crate::config::FILE);
    let text = std::fs::read_to_string(&path)?;
    let line =
        text.lines().find(|line| line.starts_with("pace_ms")).context("the configuration has no pace_ms")?;
    std::fs::write(&path, text.replace(line, &format!("pace_ms = {pace_ms}")))?;
    Ok(())
}
