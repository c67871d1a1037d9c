//! Racing acts: the same moment, two nodes, two acts of which only one may come true. Whoever won, both nodes and the
//! shop tell one story, and it is the one that was acknowledged.

mod seats;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_client::view::Request;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::call::{Call, Said, persist};
use crate::chance::Chance;
use crate::directory::Directory;
use crate::fleet::Fleet;
use crate::load::ballot;
use crate::shop::{self, Shop};
use crate::{Fuse, cluster_or_skip, long, seed, turn};
use seats::Officer;

const NODES: usize = 2;
/// Rounds under way at once.
const AT_ONCE: usize = 16;
/// How long a round may take to come to its end.
const PATIENCE: Duration = Duration::from_secs(90);
/// The longest head start that one of two acts gets, as a multiple of the time that the machine took to take the request
/// in and look at it: long enough for a run to have begun.
const HEAD_START: f64 = 5.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Race {
    /// One officer approves, the other one denies.
    ApproveDeny,
    /// Both of two officers approve where two are needed, one of them on both nodes.
    TwoApprovers,
    /// What is stuck is tried again on both nodes.
    DoubleRun,
    /// The requester takes back what an officer releases.
    WithdrawRelease,
    /// An officer's seat is taken away while they approve.
    SeatTaken,
}

const RACES: [Race; 5] =
    [Race::ApproveDeny, Race::TwoApprovers, Race::DoubleRun, Race::WithdrawRelease, Race::SeatTaken];

#[test]
fn racing_acts_on_two_nodes_have_one_truth() {
    let _turn = turn();
    let _fuse = Fuse::of(Duration::from_secs(if long() { 3_600 } else { 600 }));
    let rounds = if long() { 1_000 } else { 100 };
    let Some(store) = cluster_or_skip(false) else { return };
    let stubborn = rounds as i64;
    let Some((shop, customers)) = Shop::open((RACES.len() - 1) as i64 * rounds as i64, stubborn) else {
        return;
    };
    let mut chance = Chance::of(seed());
    let runtime = Runtime::new().unwrap();
    let fleet = Fleet::with_officers(NODES, &store, &shop, 1_000, rounds);
    let officers = runtime.block_on(seats::officers(fleet.directory()));
    assert_eq!(officers.len(), rounds);
    let mut officers = officers.into_iter();
    let mut races: Vec<Race> = RACES.iter().flat_map(|race| vec![*race; rounds]).collect();
    chance.shuffle(&mut races);
    let began = Instant::now();
    let mut ended: Vec<Ended> = Vec::new();
    runtime.block_on(async {
        let mut running = JoinSet::new();
        for race in races {
            let queue = if race == Race::DoubleRun { &customers.stubborn } else { &customers.docile };
            let round = Round { customer: queue.next().unwrap(), head: head_start(&mut chance) };
            let directory = Arc::clone(fleet.directory());
            let officer = if race == Race::SeatTaken { officers.next() } else { None };
            running.spawn(async move {
                Ended { race, round, truth: round.run(race, officer.as_ref(), &directory).await }
            });
            if running.len() >= AT_ONCE {
                ended.extend(running.join_next().await.map(Result::unwrap));
            }
        }
        ended.extend(running.join_all().await);
    });
    let (mut wrongs, mut won) = (Vec::new(), BTreeMap::new());
    let gone = shop.gone();
    for Ended { race, round, truth } in &ended {
        let went = gone.get(&round.customer).copied().unwrap_or(0);
        match truth {
            Ok(truth) if went == i64::from(truth.done) => {
                *won.entry((*race, truth.won)).or_insert(0) += 1;
            }
            Ok(truth) => {
                wrongs.push(format!("{race:?}: {} won, and the customer was cleared {went} times", truth.won))
            }
            Err(why) => wrongs.push(format!("{race:?}: {why}")),
        }
    }
    // Whoever is cleared already is not written again: what ran twice shows by this alone.
    let (erasures, cleared) = (shop.erasures(), gone.values().sum::<i64>());
    if erasures != cleared {
        wrongs.push(format!("{erasures} erasures were carried out, and {cleared} customers cleared"));
    }
    println!("{} races in {:.1} s", ended.len(), began.elapsed().as_secs_f64());
    won.iter().for_each(|((race, won), times)| println!("{race:?}: {won} {times}"));
    assert_eq!(ended.len(), RACES.len() * rounds);
    assert!(wrongs.is_empty(), "{} races went wrong:\n{}", wrongs.len(), wrongs.join("\n"));
    let both = |race| won.keys().filter(|(of, _)| *of == race).count() > 1;
    let races = [Race::ApproveDeny, Race::WithdrawRelease, Race::SeatTaken];
    assert!(races.into_iter().all(both), "one side always won: that is no race");
}

/// A round that is over.
struct Ended {
    race: Race,
    round: Round,
    truth: Result<Truth, String>,
}

/// What a round came to.
struct Truth {
    won: &'static str,
    /// Whether the customer is to be gone.
    done: bool,
}

/// Which of two acts begins, by how much of the longest head start, and whether the nodes change places.
#[derive(Clone, Copy)]
struct Head {
    first: usize,
    start: f64,
    swapped: usize,
}

fn head_start(chance: &mut Chance) -> Head {
    // None in one of three cases.
    let start = if chance.below(3) == 0 { 0.0 } else { chance.below(1_000) as f64 / 1_000.0 };
    Head { first: chance.place(2), start, swapped: chance.place(NODES) }
}

/// One round, about a customer of its own.
#[derive(Clone, Copy)]
struct Round {
    customer: i64,
    head: Head,
}

impl Round {
    async fn run(
        self,
        race: Race,
        officer: Option<&Officer>,
        directory: &Arc<Directory>,
    ) -> Result<Truth, String> {
        let desk = if race == Race::TwoApprovers { "branch" } else { "desk" };
        let asked = json!({ "action": "erase", "subject": { "account": shop::account(self.customer) } });
        let call = Call::post("v1/requests".to_owned(), asked);
        let began = Instant::now();
        let request = persist::<Request>(directory, self.head.first, desk, call).await.yes();
        let id = request.ok_or("it was not taken in")?.id;
        let seen = until(directory, 0, &id, |it| it.digest.is_some()).await?;
        let approval = ballot(&seen).ok_or("it has no digest")?;
        let start = began.elapsed().mul_f64(HEAD_START * self.head.start);
        let racing = Racing { directory, id, approval, head: self.head, start };
        match race {
            Race::ApproveDeny => racing.approve_deny().await,
            Race::TwoApprovers => racing.two_approvers().await,
            Race::DoubleRun => racing.double_run().await,
            Race::WithdrawRelease => racing.withdraw_release().await,
            Race::SeatTaken => racing.seat_taken(officer.ok_or("there is no officer for it")?).await,
        }
        .map_err(|why| format!("request {}: {why}", racing.id))
    }
}

/// A request about which two acts race.
struct Racing<'a> {
    directory: &'a Arc<Directory>,
    id: String,
    approval: Value,
    head: Head,
    start: Duration,
}

impl Racing<'_> {
    async fn approve_deny(&self) -> Result<Truth, String> {
        let denial = json!({ "vote": "deny", "seat": "privacy", "reason": "not identified after all" });
        let (approved, denied) = tokio::join!(
            self.act(0, "olga-officer", "votes", self.approval.clone()),
            self.act(1, "otto-officer", "votes", denial)
        );
        match (&approved, &denied) {
            (_, Said::Yes(_)) => self.truth("the denial", "denied", 0).await,
            (Said::Yes(_), Said::No(_)) => self.truth("the approval", "completed", 1).await,
            neither => Err(format!("{neither:?}")),
        }
    }

    async fn two_approvers(&self) -> Result<Truth, String> {
        let (one, same, other) = tokio::join!(
            self.act(0, "olga-officer", "votes", self.approval.clone()),
            self.act(1, "olga-officer", "votes", self.approval.clone()),
            self.act(1, "otto-officer", "votes", self.approval.clone())
        );
        match (&one, &same, &other) {
            (Said::Yes(_), Said::No(_), Said::Yes(_)) | (Said::No(_), Said::Yes(_), Said::Yes(_)) => {
                let truth = self.truth("both officers, once each", "completed", 1).await?;
                let votes = until(self.directory, 1, &self.id, |_| true).await?.votes.len();
                if votes == 2 { Ok(truth) } else { Err(format!("two people voted, {votes} votes count")) }
            }
            answers => Err(format!("{answers:?}")),
        }
    }

    async fn double_run(&self) -> Result<Truth, String> {
        let call = Call::post(format!("v1/requests/{}/votes", self.id), self.approval.clone());
        persist::<Value>(self.directory, 0, "olga-officer", call).await.yes().ok_or("it was not approved")?;
        until(self.directory, 0, &self.id, |it| it.status == "stuck").await?;
        let (one, other) = tokio::join!(
            self.act(0, "opal-operator", "retry", json!({})),
            self.act(1, "opal-operator", "retry", json!({}))
        );
        match (&one, &other) {
            (Said::Yes(_), Said::No(_)) => self.truth("the one", "completed", 2).await,
            (Said::No(_), Said::Yes(_)) => self.truth("the other", "completed", 2).await,
            answers => Err(format!("{answers:?}")),
        }
    }

    async fn withdraw_release(&self) -> Result<Truth, String> {
        let (approved, withdrawn) = tokio::join!(
            self.act(0, "olga-officer", "votes", self.approval.clone()),
            self.act(1, "desk", "withdraw", json!({}))
        );
        match (&approved, &withdrawn) {
            (_, Said::Yes(_)) => self.truth("the withdrawal", "withdrawn", 0).await,
            (Said::Yes(_), Said::No(_)) => self.truth("the release", "completed", 1).await,
            neither => Err(format!("{neither:?}")),
        }
    }

    /// One of the two acts, on its node, when its turn has come.
    async fn act(&self, which: usize, who: &str, word: &str, body: Value) -> Said<Value> {
        self.take_turn(which, who, Call::post(format!("v1/requests/{}/{word}", self.id), body)).await
    }

    async fn take_turn(&self, which: usize, who: &str, call: Call) -> Said<Value> {
        if which != self.head.first {
            tokio::time::sleep(self.start).await;
        }
        let node = (which + self.head.swapped) % NODES;
        persist(self.directory, node, who, call).await
    }

    /// Both nodes say that it ended so, in so many runs, and that it ended once.
    async fn truth(&self, won: &'static str, status: &str, runs: usize) -> Result<Truth, String> {
        for node in 0..NODES {
            let seen = until(self.directory, node, &self.id, |it| ENDS.contains(&&*it.status)).await?;
            let count = |names: &[&str]| seen.events.iter().filter(|it| names.contains(&&*it.event)).count();
            if seen.status != status || count(&ENDS) != 1 || count(&["run_started"]) != runs {
                let events: Vec<_> = seen.events.iter().map(|it| &*it.event).collect();
                return Err(format!(
                    "{won} was acknowledged, and node {node} says {}: {events:?}",
                    seen.status
                ));
            }
        }
        Ok(Truth { won, done: status == "completed" })
    }
}

/// How a request ends, as state and as event.
const ENDS: [&str; 4] = ["completed", "denied", "withdrawn", "abandoned"];

/// The request as a node shows it, once it is as it is waited for.
async fn until(
    directory: &Arc<Directory>,
    node: usize,
    id: &str,
    seen: impl Fn(&Request) -> bool,
) -> Result<Request, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let call = Call::get(format!("v1/requests/{id}"));
        let said: Said<Request> = persist(directory, node, "opal-operator", call).await;
        let shown = match said {
            Said::Yes(request) if seen(&request) => return Ok(request),
            Said::Yes(request) => request.status,
            said => said.reason().to_owned(),
        };
        if Instant::now() > deadline {
            return Err(format!("it did not get further than `{shown}`"));
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}
