//! Somebody proves their own address, but names another customer's account.

use countersign_shop::cast::{EVA, HAL};

use super::tale::{Tale, refusal, times};

pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene("Eva proves her own address, but names Hal's account");
    let before = (tale.shop.own(EVA.id)?, tale.shop.own(HAL.id)?);
    for action in ["export", "erase"] {
        tale.narrator
            .asks(&format!("{action}, by the subject, e-mail {}, account {}", EVA.email, HAL.account));
        let (own, _) = tale.subject_asks(action, &[("email", EVA.email), ("account", HAL.account)]).await?;
        tale.prove_email(&own, EVA.email).await?;
        let done = tale.wait_for_end(&own.id).await?;
        let result = done.result.clone().unwrap_or_default();
        tale.narrator.says(&format!("now: {} ({})", done.status, result.code.clone().unwrap_or_default()));
        tale.narrator.equal(
            "nobody matches both",
            (done.status.as_str(), result.code.as_deref()),
            ("denied", Some("no_match")),
        );
        let hers = own.client.request(&own.id).await?;
        tale.narrator.check(
            "she sees nothing of that account",
            hers.plan.is_none() && hers.digest.is_none() && !result.package,
        );
        let package = own.client.package(&own.id, &mut Vec::new(), |_, _| {}).await;
        tale.narrator.check("she fetches nothing", refusal(&package) != "accepted");
        tale.narrator.equal("nothing ran", times(&done, "run_started"), 0);
    }
    let after = (tale.shop.own(EVA.id)?, tale.shop.own(HAL.id)?);
    tale.narrator.equal("and the rows of both are as they were", after, before);
    Ok(())
}
