//! Legal holds: one that stood before, and one that arrives while a request waits.

use std::collections::BTreeMap;

use countersign_shop::cast::{HAL, IDA, Member};
use serde_json::Value;

use super::tale::{PRIVACY, Tale, missing, times};

pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene("A legal hold stands: Hal is not erased");
    let admin = tale.client("ada-admin")?;
    tale.narrator.asks("Ada places the hold case-2026-17 on Hal's account");
    admin.place_hold("case-2026-17", &account(&HAL)).await?;
    let before = tale.shop.own(HAL.id)?;
    tale.narrator.asks("the support desk asks to erase Hal");
    let asked = tale.desk_asks("erase", HAL.id).await?;
    let denied = tale.wait_for_end(&asked.id).await?;
    let result = denied.result.clone().unwrap_or_default();
    let holds = result.by.as_ref().and_then(|by| by.get("holds")).cloned().unwrap_or(Value::Null);
    tale.narrator.says(&format!(
        "now: {} ({}), because of {holds}",
        denied.status,
        result.code.clone().unwrap_or_default()
    ));
    tale.narrator.equal(
        "it is denied",
        (denied.status.as_str(), result.code.as_deref()),
        ("denied", Some("legal_hold")),
    );
    tale.narrator.equal("with the hold's name", holds, Value::from(vec!["case-2026-17"]));
    tale.narrator.equal("and Hal's rows are as they were", tale.shop.own(HAL.id)?, before);

    tale.narrator.scene("A legal hold arrives while Ida's erasure waits");
    tale.narrator.asks("the support desk asks to erase Ida");
    let asked = tale.desk_asks("erase", IDA.id).await?;
    tale.narrator.missing(&asked);
    tale.narrator.asks("Ada places the hold case-2026-18");
    let placed = admin.place_hold("case-2026-18", &account(&IDA)).await?;
    let open = placed.more.get("open").and_then(Value::as_array).cloned().unwrap_or_default();
    let named = open.iter().any(|open| open["id"] == asked.id.as_str());
    tale.narrator.check("the answer names the request that it meets", named);
    let voted = tale.approve("olga-officer", PRIVACY, &asked.id).await?;
    tale.narrator.asks("Olga approves the erasure");
    tale.narrator.missing(&voted);
    tale.narrator.equal(
        "it is held all the same, and says why",
        (voted.status.as_str(), missing(&voted)),
        ("waiting", vec!["legal_hold".to_owned()]),
    );
    tale.narrator.asks("Ada lifts the hold");
    admin.lift_hold("case-2026-18").await?;
    let done = tale.wait_for_end(&asked.id).await?;
    tale.narrator.says(&format!("now: {}", done.status));
    tale.narrator.equal(
        "then it goes on",
        (done.status.as_str(), times(&done, "run_started"), tale.shop.own(IDA.id)?["customer"]),
        ("completed", 1, 0),
    );
    Ok(())
}

fn account(member: &Member) -> BTreeMap<String, String> {
    BTreeMap::from([("account".to_owned(), member.account.to_owned())])
}
