//! Rows that come after the vote, beyond what was signed.

use std::time::Duration;

use countersign_shop::cast::DAN;
use countersign_shop::place_orders;

use super::shop::{Rows, some};
use super::tale::{PRIVACY, Tale, missing, number, times};

/// Five rows each, of which three in one table: more than the twenty that a signature leaves open.
const ORDERS: u32 = 30;

pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene("Dan goes on buying after the officers signed his erasure");
    let (own, _) = tale.subject_asks("erase", &[("email", DAN.email)]).await?;
    tale.prove_email(&own, DAN.email).await?;
    tale.prove_device(&own, &DAN).await?;
    tale.approve("olga-officer", PRIVACY, &own.id).await?;
    let signed = tale.approve("otto-officer", PRIVACY, &own.id).await?;
    let rows = signed.plan.as_ref().map_or(0, |plan| plan.rows());
    tale.narrator.asks(&format!("both officers sign the erasure of {rows} rows"));
    tale.narrator.missing(&signed);

    let added = place_orders(&tale.shop.till(Duration::from_secs(5))?, DAN.id, ORDERS)?;
    let before = tale.shop.own(DAN.id)?;
    tale.narrator.asks(&format!("meanwhile {ORDERS} orders of his come in: {added} rows more"));
    let stopped = tale
        .wait(&own.id, "the run was stopped", |request| {
            times(request, "recounted") > 0 && request.status == "waiting" && missing(request) == ["vote"]
        })
        .await?;
    tale.narrator.says("the run counts again inside its own transaction, and stops");
    tale.narrator.missing(&stopped);
    tale.narrator.equal("it had started", times(&stopped, "run_started"), 1);
    tale.narrator.equal("nothing was committed: the rows are all there", tale.shop.own(DAN.id)?, before);
    let receipts = tale.shop.receipts(&own.id)?;
    tale.narrator.equal(
        "the run is void, so that it never can be done later",
        receipts,
        Rows::from([("void".to_owned(), 1)]),
    );
    tale.narrator.check("the votes are void", stopped.votes.iter().all(|vote| !vote.counts));
    tale.narrator.equal("both officers are missing again", number(&stopped, "vote", "have"), Some(0));
    let again = |to: &str, mails: &[super::inbox::Mail]| {
        mails.iter().any(|mail| mail.to.starts_with(to) && mail.subject.contains("vote again"))
    };
    let mails = tale.inbox.wait(&own.id, |mails| again("olga", mails) && again("otto", mails)).await?;
    tale.narrator.check("and asked again by mail", again("olga", &mails) && again("otto", &mails));

    let seen = tale.approve("olga-officer", PRIVACY, &own.id).await?;
    let rows = seen.plan.as_ref().map_or(0, |plan| plan.rows());
    tale.narrator.asks(&format!("they look again, and sign {rows} rows"));
    tale.approve("otto-officer", PRIVACY, &own.id).await?;
    let done = tale.wait_for_end(&own.id).await?;
    tale.narrator.says(&format!("now: {}", done.status));
    tale.narrator.equal("it completes, in a second run", (done.status.as_str(), done.runs), ("completed", 2));
    tale.narrator.equal("and no row of his is left", some(tale.shop.own(DAN.id)?), Rows::new());
    let receipts = tale.shop.receipts(&own.id)?;
    let expected = Rows::from([("done".to_owned(), 1), ("void".to_owned(), 1)]);
    tale.narrator.equal("one run void, one done", receipts, expected);
    Ok(())
}
