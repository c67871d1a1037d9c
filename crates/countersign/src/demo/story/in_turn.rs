//! Requests that meet on one subject, each pair resolved as the settings say.

use countersign_shop::cast::{GUS, JON, LIV};

use super::tale::{PRIVACY, Tale, at, missing, number, times};

pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<()> {
    delete_then_export(tale).await?;
    export_then_delete(tale).await?;
    two_deletes(tale).await
}

async fn delete_then_export(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator
        .scene("Delete, followed by export: Jon's copy waits, and then there is nobody left to copy");
    tale.narrator.asks("the support desk asks to erase Jon");
    let erase = tale.desk_asks("erase", JON.id).await?;
    tale.narrator.missing(&erase);
    tale.narrator.asks("Jon asks for a copy, and proves his address");
    let (own, _) = tale.subject_asks("export", &[("email", JON.email)]).await?;
    tale.prove_email(&own, JON.email).await?;
    let held = tale.wait(&own.id, "it waits its turn", |request| missing(request) == ["conflict"]).await?;
    tale.narrator.missing(&held);
    tale.narrator.equal("the export waits for the one before", number(&held, "conflict", "count"), Some(1));
    tale.narrator.asks("Olga approves the erasure");
    tale.approve("olga-officer", PRIVACY, &erase.id).await?;
    let erased = tale.wait_for_end(&erase.id).await?;
    tale.narrator.equal("the erasure completes", erased.status.as_str(), "completed");
    let ended = tale.wait_for_end(&own.id).await?;
    let result = ended.result.clone().unwrap_or_default();
    tale.narrator.says(&format!(
        "the export: {} ({})",
        ended.status,
        result.code.clone().unwrap_or_default()
    ));
    tale.narrator.equal(
        "the export ends: nobody is left",
        (ended.status.as_str(), result.code.as_deref(), result.package),
        ("denied", Some("no_match"), false),
    );
    Ok(())
}

async fn export_then_delete(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene("Export, followed by delete: Liv gets her copy first");
    tale.narrator.asks("the support desk asks for a copy for Liv, and then to erase her");
    let export = tale.desk_asks("export", LIV.id).await?;
    tale.narrator.missing(&export);
    let erase = tale.desk_asks("erase", LIV.id).await?;
    tale.narrator.asks("Olga approves the erasure, before anybody looked at the export");
    let held = tale.approve("olga-officer", PRIVACY, &erase.id).await?;
    tale.narrator.missing(&held);
    tale.narrator.equal(
        "the erasure waits for the export",
        (held.status.as_str(), missing(&held)),
        ("waiting", vec!["conflict".to_owned()]),
    );
    tale.narrator.asks("Otto approves the export");
    tale.approve("otto-officer", PRIVACY, &export.id).await?;
    let exported = tale.wait_for_end(&export.id).await?;
    let erased = tale.wait_for_end(&erase.id).await?;
    tale.narrator.says(&format!("the export: {}, the erasure: {}", exported.status, erased.status));
    tale.narrator.equal(
        "both complete",
        (exported.status.as_str(), erased.status.as_str()),
        ("completed", "completed"),
    );
    tale.narrator.check("the copy first", at(&exported, "completed") <= at(&erased, "run_started"));
    let mut package = Vec::new();
    let gone = tale.client("desk")?.package(&export.id, &mut package, |_, _| {}).await;
    tale.narrator.check(
        "the copy, which nobody fetched in time, went with her data, and Liv is gone",
        gone.is_err() && package.is_empty() && tale.shop.own(LIV.id)?["customer"] == 0,
    );
    Ok(())
}

async fn two_deletes(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene("Two deletes at once: the second is a duplicate of the first");
    tale.narrator
        .asks(&format!("two clerks at the desk ask to erase account {} at the same moment", GUS.account));
    let (one, two) = tokio::join!(tale.desk_asks("erase", GUS.id), tale.desk_asks("erase", GUS.id));
    let (one, two) = (one?, two?);
    // The later one of a moment is the one with the later id.
    let (first, second) =
        if (&one.submitted_at, &one.id) < (&two.submitted_at, &two.id) { (one, two) } else { (two, one) };
    let refused = tale.wait_for_end(&second.id).await?;
    let result = refused.result.clone().unwrap_or_default();
    let earlier =
        result.by.as_ref().and_then(|by| by.get("earlier")).and_then(|id| id.as_str()).map(str::to_owned);
    tale.narrator.says(&format!(
        "the second: {} ({})",
        refused.status,
        result.code.clone().unwrap_or_default()
    ));
    tale.narrator.equal(
        "the second is denied as a duplicate",
        (refused.status.as_str(), result.code.as_deref()),
        ("denied", Some("duplicate")),
    );
    tale.narrator.equal("and names the first", earlier, Some(first.id.clone()));
    tale.approve("olga-officer", PRIVACY, &first.id).await?;
    let done = tale.wait_for_end(&first.id).await?;
    tale.narrator.equal(
        "the first completes, once",
        (done.status.as_str(), times(&done, "run_started"), tale.shop.own(GUS.id)?["customer"]),
        ("completed", 1, 0),
    );
    Ok(())
}
