//! More erasures at once than may run.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use countersign_client::Client;
use countersign_client::view::{Limit, Request};
use countersign_shop::cast::{account_of, crowd};
use tokio::task::JoinSet;

use super::tale::{PRIVACY, Tale, about, ballot, number};

const ALL: usize = 120;
const LIMIT: u64 = 100;
/// Calls at once.
const CLIENTS: usize = 12;

/// What was seen of the gauge.
#[derive(Default)]
struct Seen {
    most: u64,
    looks: u64,
}

impl Seen {
    fn look(&mut self, limit: &Limit) -> u64 {
        let under_way = limit.released + limit.running + limit.stuck;
        self.most = self.most.max(under_way);
        self.looks += 1;
        under_way
    }
}

pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene(&format!("{ALL} erasures at once, of which {LIMIT} may run"));
    let customers = tale.shop.count("SELECT count(*) FROM customer", [])?;
    tale.narrator.asks(&format!("the support desk asks to erase {ALL} customers"));
    let asked = ask(tale).await?;
    tale.narrator
        .asks("the shop's till begins to write, so that every erasure waits; Olga approves all of them");
    let till = tale.shop.till(Duration::from_secs(10))?;
    till.execute_batch("BEGIN IMMEDIATE")?;
    let voting = vote(tale, &asked).await?;
    let mut seen = Seen::default();
    reach(tale, &mut seen).await?;
    let shown = tale.limit("erase").await?;
    tale.narrator.says(&format!(
        "GET /v1/limits: {} released, {} running, {} waiting",
        shown.released, shown.running, shown.waiting
    ));
    tale.narrator.equal("the limit is reached", seen.look(&shown), LIMIT);
    let held = full(tale, &asked).await?;
    tale.narrator.equal("the others wait", held.len(), ALL - LIMIT as usize);
    if let Some(held) = held.first() {
        tale.narrator.missing(held);
    }
    tale.narrator.check(
        "for room, and say so",
        held.iter().all(|held| {
            number(held, "capacity", "now") == Some(100) && number(held, "capacity", "below") == Some(100)
        }),
    );

    tale.narrator.asks("the till is done; the erasures go on");
    till.execute_batch("ROLLBACK")?;
    drop(till);
    finish(tale, &mut seen).await?;
    voting.join_all().await.into_iter().collect::<anyhow::Result<Vec<()>>>()?;
    let ended = read(tale, &asked).await?;
    let mut by_status: BTreeMap<&str, usize> = BTreeMap::new();
    for request in &ended {
        *by_status.entry(&request.status).or_default() += 1;
    }
    tale.narrator.equal("all complete", by_status, BTreeMap::from([("completed", ALL)]));
    tale.narrator.check(
        &format!("in {} looks at the gauge never more than {LIMIT} were under way", seen.looks),
        seen.most <= LIMIT,
    );
    tale.narrator.check("nor by the times of what happened", most_at_once(&ended) <= LIMIT);
    let gone = customers - tale.shop.count("SELECT count(*) FROM customer", [])?;
    tale.narrator.equal("the shop has so many customers fewer", gone, ALL as u64);
    let mut once = true;
    for request in &ended {
        once &= tale.shop.receipts(&request.id)?.get("done") == Some(&1);
    }
    tale.narrator.check("each was erased once", once);
    Ok(())
}

async fn ask(tale: &Tale) -> anyhow::Result<Vec<String>> {
    let desk = tale.client("desk")?;
    let calls = crowd(ALL).map(|customer| {
        let desk = desk.clone();
        async move { Ok(desk.submit(&about("erase", &[("account", &account_of(customer))]), None).await?.id) }
    });
    let asked = at_once(calls.collect()).await?;
    for id in &asked {
        tale.wait(id, "the sources were looked at", |request| request.digest.is_some()).await?;
    }
    Ok(asked)
}

/// Begins to vote; whoever waits for it must not wait for the till too.
async fn vote(tale: &Tale, asked: &[String]) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let olga = tale.client("olga-officer")?;
    let mut shares: Vec<Vec<String>> = vec![Vec::new(); CLIENTS];
    for (at, id) in asked.iter().enumerate() {
        shares[at % CLIENTS].push(id.clone());
    }
    let mut voting = JoinSet::new();
    for share in shares {
        voting.spawn(vote_on(olga.clone(), share));
    }
    Ok(voting)
}

async fn vote_on(olga: Client, share: Vec<String>) -> anyhow::Result<()> {
    for id in share {
        let digest = olga.request(&id).await?.digest.unwrap_or_default();
        olga.vote(&id, &ballot(PRIVACY, digest)).await?;
    }
    Ok(())
}

/// Until the limit is reached and everybody else waits.
async fn reach(tale: &Tale, seen: &mut Seen) -> anyhow::Result<()> {
    for _ in 0..1500 {
        let limit = tale.limit("erase").await?;
        if seen.look(&limit) >= LIMIT && limit.waiting == ALL as u64 - LIMIT {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("the limit of {LIMIT} was not reached; at most {} were under way", seen.most)
}

/// Those that wait for room alone.
async fn full(tale: &Tale, asked: &[String]) -> anyhow::Result<Vec<Request>> {
    let mut requests = read(tale, asked).await?;
    for request in requests.iter_mut().filter(|request| request.status == "waiting") {
        // The last votes may still be on their way.
        *request = tale
            .wait(&request.id, "it was signed", |request| number(request, "vote", "have").is_none())
            .await?;
    }
    requests.retain(|request| request.status == "waiting");
    Ok(requests)
}

async fn finish(tale: &Tale, seen: &mut Seen) -> anyhow::Result<()> {
    for _ in 0..6000 {
        let limit = tale.limit("erase").await?;
        let under_way = seen.look(&limit);
        ensure!(limit.stuck == 0, "{} erasures are stuck", limit.stuck);
        if under_way == 0 && limit.waiting == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("not all erasures ended in a minute")
}

async fn read(tale: &Tale, asked: &[String]) -> anyhow::Result<Vec<Request>> {
    let olga = tale.client("olga-officer")?;
    let calls = asked.iter().map(|id| {
        let (olga, id) = (olga.clone(), id.clone());
        async move { anyhow::Ok(olga.request(&id).await?) }
    });
    at_once(calls.collect()).await
}

async fn at_once<T: Send + 'static>(
    calls: Vec<impl Future<Output = anyhow::Result<T>> + Send + 'static>,
) -> anyhow::Result<Vec<T>> {
    let mut answers = Vec::with_capacity(calls.len());
    let mut running = JoinSet::new();
    for call in calls {
        if running.len() >= CLIENTS
            && let Some(answer) = running.join_next().await
        {
            answers.push(answer??);
        }
        running.spawn(call);
    }
    while let Some(answer) = running.join_next().await {
        answers.push(answer??);
    }
    Ok(answers)
}

/// From the times of release and end; what ends and what begins within one millisecond is not told apart.
fn most_at_once(requests: &[Request]) -> u64 {
    let mut steps: BTreeMap<(&str, bool), i64> = BTreeMap::new();
    for happened in requests.iter().flat_map(|request| &request.events) {
        match happened.event.as_str() {
            "released" => *steps.entry((&happened.at, true)).or_default() += 1,
            "completed" | "retracted" | "recounted" => *steps.entry((&happened.at, false)).or_default() -= 1,
            _ => {}
        }
    }
    let (mut now, mut most) = (0, 0);
    for step in steps.values() {
        now += step;
        most = most.max(now);
    }
    most.unsigned_abs()
}
