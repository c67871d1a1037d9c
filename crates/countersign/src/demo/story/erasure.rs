//! An erasure: two proofs, two officers, a cooling-off; who may not vote, and what is left in the shop.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use countersign_client::view::{Page, Request, Rows as Told};
use countersign_client::{Body, Method, Settle};
use countersign_shop::cast::{ANA, BEN, CLEO};
use serde_json::Value;

use super::shop::{Rows, fewer};
use super::tale::{Own, PRIVACY, Tale, about, at, ballot, missing, number, refusal, times, words};
use crate::demo::totp;

/// How the shop stood before.
struct Before {
    rows: Rows,
    own: Rows,
    values: Vec<String>,
    neighbours: BTreeMap<&'static str, (Vec<String>, Rows)>,
}

pub(super) async fn play(tale: &mut Tale, stale: String, cooling_off: Duration) -> anyhow::Result<()> {
    tale.narrator.scene("Ana wants to be forgotten: two proofs, two officers, and time to think again");
    let before = before(tale)?;
    let own = prove(tale).await?;
    refused(tale, &own, stale).await?;
    sign(tale, &own).await?;

    let done = tale.wait_for_end(&own.id).await?;
    let result = done.result.clone().unwrap_or_default();
    let proved_at = done.verifications.iter().filter_map(|proof| proof.more.get("at")?.as_str()).max();
    let waited = tale.seconds_between(proved_at.unwrap_or_default(), at(&done, "run_started"))?;
    tale.narrator.says(&format!(
        "now: {} ({}); it ran {waited:.1} s after the last proof",
        done.status, result.outcome
    ));
    tale.narrator.equal("then it ran", done.status.as_str(), "completed");
    tale.narrator.check("not before the cooling-off was over", waited >= cooling_off.as_secs_f64());
    tale.narrator.equal(
        "once",
        (times(&done, "run_started"), tale.shop.receipts(&own.id)?),
        (1, Rows::from([("done".to_owned(), 1)])),
    );
    tale.narrator.equal("nothing was left that should be gone", result.left.clone(), Vec::new());
    compare(tale, &before, &done)?;

    let mails =
        tale.inbox.wait(&own.id, |mails| mails.iter().any(|mail| mail.subject.contains("done"))).await?;
    let told = mails.iter().any(|mail| mail.to == ANA.email && mail.body.contains("kept: tax_law"));
    tale.narrator.check("she was told, also what had to be kept and by which rule", told);
    Ok(())
}

fn before(tale: &Tale) -> anyhow::Result<Before> {
    let mut neighbours = BTreeMap::new();
    for neighbour in [BEN, CLEO] {
        let values = tale.shop.values(neighbour.id)?;
        let places = tale.shop.places(&values)?;
        neighbours.insert(neighbour.name, (values, places));
    }
    let (rows, own, values) = (tale.shop.rows()?, tale.shop.own(ANA.id)?, tale.shop.values(ANA.id)?);
    Ok(Before { rows, own, values, neighbours })
}

async fn prove(tale: &mut Tale) -> anyhow::Result<Own> {
    let device = enrol(tale).await?;
    tale.narrator.asks(&format!("POST /v1/requests: erase, by the subject, e-mail {}", ANA.email));
    let (own, asked) = tale.subject_asks("erase", &[("email", ANA.email)]).await?;
    tale.narrator.missing(&asked);
    tale.narrator.equal(
        "it says all that is missing",
        missing(&asked),
        ["survey", "time", "verification", "vote"].map(str::to_owned).to_vec(),
    );
    tale.narrator.asks("the code from the mail to her");
    let halfway = tale.prove_email(&own, ANA.email).await?;
    tale.narrator.missing(&halfway);
    tale.narrator
        .check("one proof alone does not do", missing(&halfway).contains(&"verification".to_owned()));
    tale.narrator.asks("the one-time password that her device shows");
    own.client.start_verification(&own.id, "totp").await?;
    let proved = own.client.prove(&own.id, "totp", &totp::code(&device)?).await?;
    let proved = if proved.plan.is_some() { proved } else { tale.see(&own.id).await? };
    tale.narrator.missing(&proved);
    let plan = proved.plan.clone().unwrap_or_default();
    tale.narrator.says(&format!("what would be done, {} rows:", plan.rows()));
    for table in plan.sources.iter().flat_map(|source| &source.tables).filter(|table| table.rows > 0) {
        let basis = table.legal_basis.as_ref().map(|basis| format!(" ({basis})")).unwrap_or_default();
        tale.narrator.says(&format!("  {:>3} {} {}{basis}", table.rows, table.table, table.treatment));
    }
    Ok(own)
}

/// An administrator enrols her device; answers with what it is fed with.
async fn enrol(tale: &mut Tale) -> anyhow::Result<String> {
    tale.narrator.asks("beforehand, Ada had enrolled Ana's device: POST /v1/people/{id}/totp");
    let admin = tale.client("ada-admin")?;
    let nothing = Body::<()>::Empty;
    let people: Page<Value> = admin.call(Method::GET, "v1/people?limit=200", nothing, None).await?;
    let is_ana =
        |person: &&Value| person["identities"]["email"] == ANA.email && person["seats"][0] == PRIVACY;
    let ana = people.items.iter().find(is_ana).and_then(|person| person["id"].as_str());
    let path = format!("v1/people/{}/totp", ana.context("nobody here is Ana")?);
    let enrolled: Value = admin.call(Method::POST, &path, Body::<()>::Empty, None).await?;
    Ok(enrolled["secret"].as_str().context("the enrolment brought no secret")?.to_owned())
}

/// Whoever must not sign, and what must not be signed.
async fn refused(tale: &mut Tale, own: &Own, stale: String) -> anyhow::Result<()> {
    let (ana, olga, sam) =
        (tale.client("ana-marlow")?, tale.client("olga-officer")?, tale.client("sam-staff")?);
    let digest = tale.see(&own.id).await?.digest.unwrap_or_default();

    tale.narrator.asks("Ana also works here and has a seat among the officers: she approves");
    let voted = ana.vote(&own.id, &ballot(PRIVACY, digest.clone())).await;
    tale.narrator.says(&words(&voted));
    tale.narrator.equal(
        "the subject is refused, by person and not by account",
        refusal(&voted),
        "403 own_data".to_owned(),
    );
    let voted = own.client.vote(&own.id, &ballot(PRIVACY, digest.clone())).await;
    tale.narrator.equal(
        "nor does the token of the request vote",
        refusal(&voted),
        "403 not_allowed".to_owned(),
    );

    tale.narrator.asks("Sam, an officer, asks to erase Cleo, and approves that himself");
    let his = sam.submit(&about("erase", &[("email", CLEO.email)]), None).await?;
    let voted = sam.vote(&his.id, &ballot(PRIVACY, digest.clone())).await;
    tale.narrator.says(&words(&voted));
    tale.narrator.equal("the requester is refused", refusal(&voted), "403 own_request".to_owned());
    let withdrawn = sam.settle(&his.id, Settle::Withdraw, None).await?;
    tale.narrator.equal("and takes it back", withdrawn.status.as_str(), "withdrawn");

    tale.narrator.asks("Olga approves what Ana's export had been");
    let voted = olga.vote(&own.id, &ballot(PRIVACY, stale)).await;
    tale.narrator.says(&words(&voted));
    tale.narrator.equal("a stale digest is refused", refusal(&voted), "409 stale_digest".to_owned());
    let still = tale.see(&own.id).await?;
    tale.narrator.equal("and none of this counts", number(&still, "vote", "have"), Some(0));
    Ok(())
}

async fn sign(tale: &mut Tale, own: &Own) -> anyhow::Result<()> {
    tale.narrator.asks("Olga approves what she sees");
    let one = tale.approve("olga-officer", PRIVACY, &own.id).await?;
    tale.narrator.missing(&one);
    tale.narrator.equal(
        "one officer alone is not enough",
        (one.status.as_str(), number(&one, "vote", "have"), number(&one, "vote", "need")),
        ("waiting", Some(1), Some(2)),
    );
    let digest = one.digest.clone().unwrap_or_default();
    let twice = tale.client("olga-officer")?.vote(&own.id, &ballot(PRIVACY, digest)).await;
    tale.narrator.equal("nor is the same one twice", refusal(&twice), "409 already_voted".to_owned());
    tale.narrator.asks("Otto approves too");
    let two = tale.approve("otto-officer", PRIVACY, &own.id).await?;
    tale.narrator.missing(&two);
    tale.narrator.equal(
        "now only the cooling-off is missing",
        (two.status.as_str(), missing(&two)),
        ("waiting", vec!["time".to_owned()]),
    );
    let called = tale.inbox.about(&own.id)?;
    let called: Vec<&str> =
        called.iter().filter(|mail| mail.subject.contains("vote")).map(|mail| &*mail.to).collect();
    tale.narrator.check(
        "both officers had been called by mail",
        ["olga", "otto"].iter().all(|name| called.iter().any(|to| to.starts_with(name))),
    );
    tale.narrator.check("Ana had not", !called.contains(&ANA.email));
    Ok(())
}

/// The shop before and after, by SQL.
fn compare(tale: &mut Tale, before: &Before, done: &Request) -> anyhow::Result<()> {
    let result = done.result.clone().unwrap_or_default();
    let kept = |told: &[Told]| -> Rows {
        let mut rows = Rows::new();
        for kept in told {
            *rows.entry(kept.table.clone()).or_default() += kept.rows;
        }
        rows
    };
    let kept = kept(&result.kept);
    for row in &result.kept {
        tale.narrator.says(&format!(
            "kept: {} {} ({})",
            row.rows,
            row.table,
            row.code.as_deref().unwrap_or("?")
        ));
    }
    tale.narrator.check(
        "every kept row has its rule",
        result
            .kept
            .iter()
            .all(|kept| kept.code.as_deref().is_some_and(|code| !code.is_empty() && code != "kept")),
    );
    let mut gone = fewer(&before.rows, &tale.shop.rows()?);
    // Nobody's table; the timer may have ticked meanwhile.
    gone.remove("app_log");
    let expected: Rows = before
        .own
        .iter()
        .map(|(table, rows)| (table.clone(), rows.saturating_sub(kept.get(table).copied().unwrap_or(0))))
        .filter(|(_, rows)| *rows > 0)
        .collect();
    let claim = format!(
        "her rows are gone but for the kept ones, and no other: {} in {} tables",
        gone.values().sum::<u64>(),
        gone.len()
    );
    tale.narrator.equal(&claim, gone, expected);
    let left: Rows = tale.shop.own(ANA.id)?.into_iter().filter(|(_, rows)| *rows > 0).collect();
    tale.narrator.equal("no row points to her any more", left, Rows::new());
    let places = tale.shop.places(&before.values)?;
    let unnamed: Vec<&String> = places.keys().filter(|table| !kept.contains_key(*table)).collect();
    let claim = format!(
        "none of her {} values stands anywhere in the shop but in rows kept by a rule",
        before.values.len()
    );
    tale.narrator.equal(&claim, unnamed, Vec::new());
    for (name, (values, places)) in &before.neighbours {
        let now = tale.shop.places(values)?;
        tale.narrator.equal(&format!("every value of {name} stands where it stood"), &now, places);
    }
    tale.narrator.equal("no row points to nothing", tale.shop.dangling()?, 0);
    Ok(())
}
