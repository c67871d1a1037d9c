//! What is done to nodes, servers and networks while the clients work: one thing at a time, and a look whether the
//! nodes come back from it by themselves.

use std::time::{Duration, Instant};

use countersign_testing::postgres::cluster::{Cluster, Down};
use countersign_testing::proxy::Proxy;
use tokio::runtime::Runtime;

use crate::chance::Chance;
use crate::fleet::{DATABASE, Fleet};
use crate::installation::LEASE_MS;
use crate::shop::Shop;

/// Long enough for every lease that a sleeper held to be somebody else's.
const PAST_LEASE: Duration = Duration::from_millis(LEASE_MS + LEASE_MS / 2);
/// How long an erasure may take to be found under way.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Something that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillNode,
    KillAllNodes,
    /// In the middle of an erasing transaction.
    KillInSource,
    SleepPastLease,
    SleepInSource,
    /// Inside a source transaction, from before a failover until after it.
    SleepThroughFailOver,
    RestartInGoodOrder,
    CutStore,
    HoldStorePastLease,
    RefuseStorePastLease,
    CutStoreSessions,
    StopStore,
    KillStore,
    StandbyGone,
    FailOver,
    CutShop,
    HoldShopPastLease,
    CutShopSessions,
    KillShop,
}

/// Each at least once; what is hardest to get right more often.
const DECK: [Fault; 22] = [
    Fault::KillNode,
    Fault::KillAllNodes,
    Fault::KillInSource,
    Fault::KillInSource,
    Fault::SleepPastLease,
    Fault::SleepInSource,
    Fault::SleepInSource,
    Fault::SleepThroughFailOver,
    Fault::RestartInGoodOrder,
    Fault::CutStore,
    Fault::HoldStorePastLease,
    Fault::RefuseStorePastLease,
    Fault::CutStoreSessions,
    Fault::StopStore,
    Fault::KillStore,
    Fault::StandbyGone,
    Fault::FailOver,
    Fault::FailOver,
    Fault::CutShop,
    Fault::HoldShopPastLease,
    Fault::CutShopSessions,
    Fault::KillShop,
];

/// So many faults, in whole decks: no kind is left out.
pub(crate) fn deal(least: usize, chance: &mut Chance) -> Vec<Fault> {
    let mut dealt = Vec::new();
    while dealt.len() < least {
        let mut deck = DECK;
        chance.shuffle(&mut deck);
        dealt.extend(deck);
    }
    dealt
}

/// Where faults strike.
pub(crate) struct Scene<'a> {
    pub(crate) fleet: &'a mut Fleet,
    pub(crate) store: &'a mut Cluster,
    pub(crate) shop: &'a mut Shop,
    pub(crate) runtime: &'a Runtime,
    pub(crate) chance: &'a mut Chance,
    /// How often a node slept inside a source transaction while another one stood before its receipt.
    pub(crate) taken_over: usize,
}

impl Scene<'_> {
    /// Lets something fail and waits until all nodes are ready again; how long that took them after it was over.
    pub(crate) fn strike(&mut self, fault: Fault) -> Duration {
        let node = self.chance.place(self.fleet.len());
        match fault {
            Fault::KillNode => self.kill(&[node]),
            Fault::KillAllNodes => self.kill(&(0..self.fleet.len()).collect::<Vec<_>>()),
            Fault::KillInSource => {
                let node = self.found_inside();
                self.kill(&[node]);
            }
            Fault::SleepPastLease => {
                self.fleet.put_to_sleep(node);
                std::thread::sleep(PAST_LEASE);
                self.fleet.wake(node);
            }
            Fault::SleepInSource => {
                let node = self.found_inside();
                let (began, mut met) = (Instant::now(), false);
                while began.elapsed() < PAST_LEASE || !met && began.elapsed() < PAST_LEASE * 2 {
                    met |= self.shop.before_receipts(node) > 0;
                    std::thread::sleep(Duration::from_millis(100));
                }
                self.taken_over += usize::from(met);
                // When it wakes, it cannot learn that its lease is lost before it has ended what it was in.
                self.doors_of_store(node).for_each(Proxy::hold);
                self.fleet.wake(node);
                std::thread::sleep(Duration::from_millis(1_500));
                self.doors_of_store(node).for_each(Proxy::let_go);
            }
            Fault::SleepThroughFailOver => {
                let node = self.found_inside();
                self.fail_over();
                self.fleet.wake(node);
            }
            Fault::RestartInGoodOrder => {
                for node in 0..self.fleet.len() {
                    self.fleet.terminate(node);
                    self.fleet.start(node);
                }
            }
            Fault::CutStore => {
                let _cut: usize = self.doors_of_store(node).map(Proxy::cut).sum();
            }
            Fault::HoldStorePastLease => {
                self.doors_of_store(node).for_each(Proxy::hold);
                std::thread::sleep(PAST_LEASE);
                self.doors_of_store(node).for_each(Proxy::let_go);
            }
            Fault::RefuseStorePastLease => {
                self.doors_of_store(node).for_each(Proxy::refuse);
                std::thread::sleep(PAST_LEASE);
                self.doors_of_store(node).for_each(Proxy::let_go);
            }
            Fault::CutStoreSessions => {
                let _cut = self.store.cut_sessions(DATABASE).unwrap();
            }
            Fault::StopStore => {
                let down = if self.chance.below(2) == 0 { Down::Fast } else { Down::Immediate };
                self.store.restart(down).unwrap();
            }
            Fault::KillStore => self.store.restart(Down::Killed).unwrap(),
            Fault::StandbyGone => {
                self.store.kill_standby().unwrap();
                std::thread::sleep(Duration::from_millis(500 + self.chance.below(2_000)));
                self.store.revive_standby().unwrap();
            }
            Fault::FailOver => self.fail_over(),
            Fault::CutShop => {
                let _cut: usize = (0..self.fleet.len()).map(|node| self.fleet.shop_door(node).cut()).sum();
            }
            Fault::HoldShopPastLease => {
                self.fleet.shop_door(node).hold();
                std::thread::sleep(PAST_LEASE);
                self.fleet.shop_door(node).let_go();
            }
            Fault::CutShopSessions => self.shop.cut_sessions(),
            Fault::KillShop => self.shop.restart(Down::Killed),
        }
        let over = Instant::now();
        for node in 0..self.fleet.len() {
            self.fleet.wait_until_ready(node, self.runtime);
        }
        over.elapsed()
    }

    fn doors_of_store(&self, node: usize) -> impl Iterator<Item = &Proxy> {
        self.fleet.store_doors(node).iter()
    }

    fn kill(&mut self, nodes: &[usize]) {
        nodes.iter().for_each(|node| self.fleet.kill(*node));
        nodes.iter().for_each(|node| self.fleet.start(*node));
    }

    /// The primary dies, and the standby takes its place and gets a standby of its own.
    fn fail_over(&mut self) {
        self.store.kill_primary().unwrap();
        std::thread::sleep(Duration::from_millis(self.chance.below(700)));
        self.store.promote().unwrap();
        self.store.add_standby().unwrap();
    }

    /// Puts a node to sleep inside an erasing transaction, which the shop says is still open then.
    fn found_inside(&self) -> usize {
        let deadline = Instant::now() + UNDER_WAY;
        while Instant::now() < deadline {
            let Some(node) = self.shop.inside().first().copied() else { continue };
            self.fleet.put_to_sleep(node);
            // What it had sent before has arrived by then, and the shop's own pause is over.
            std::thread::sleep(Duration::from_millis(150));
            if self.shop.inside().contains(&node) {
                return node;
            }
            self.fleet.wake(node);
        }
        panic!("no erasure was under way for {} s", UNDER_WAY.as_secs());
    }
}
