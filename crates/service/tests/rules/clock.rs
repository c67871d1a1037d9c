//! Rules of the clock: a jump holds what waits for time, and brings none of what time alone brings, until an operator
//! says that the clock is right.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_core::verdict::Missing;
use countersign_service::ports::store::{Status, Store};
use countersign_service::{CLOCK_BACK_MAX_MS, Doubt, Refusal, Service};
use countersign_store::SqliteStore;
use countersign_testing::clock::Hand;

use crate::fixture::{HOUR, House, MORNING, about};

const MINUTE: Duration = Duration::from_secs(60);
/// Longer than the cooling-off of an erasure.
const DAYS: Duration = Duration::from_secs(73 * 3600);

/// A house whose clock is watched, and a hand on the time that nobody can set.
struct Watched {
    house: House,
    steady: Hand,
}

fn watch(service: &Service, steady: &Hand) {
    let steady = steady.clone();
    let told = move || Duration::from_millis((steady.now_ms() - MORNING).unsigned_abs());
    service.watch_clock(Arc::new(told), CLOCK_BACK_MAX_MS);
}

impl Watched {
    async fn new() -> Self {
        Self::over(House::new().await).await
    }

    async fn over(house: House) -> Self {
        let steady = Hand::at(house.clock.now_ms());
        watch(&house.service, &steady);
        house.service.pass_time().await;
        Self { house, steady }
    }

    /// Time passes as it should: in steps, as a server looks.
    async fn live(&self, time: Duration) {
        let mut left = time;
        while left > Duration::ZERO {
            let step = left.min(MINUTE);
            self.house.pass(step);
            self.steady.advance(step);
            left -= step;
            self.house.service.pass_time().await;
        }
        self.house.settle().await;
    }

    /// Somebody sets the clock.
    async fn jump(&self, ms: i64) {
        self.house.clock.set(self.house.clock.now_ms() + ms);
        self.house.settle().await;
    }

    /// An erasure that waits for nothing but its cooling-off.
    async fn cooling_off(&self) -> RequestId {
        let secret = self.house.enrol("ana").await;
        self.steady.advance(Duration::from_millis(1));
        let (id, subject) = self.house.ask_subject("erase", &[("email", "ana@example.test")]).await;
        self.house.prove_email(&subject, id).await;
        let code = self.house.totp(&secret);
        self.house.service.verify(&subject, id, "totp", &code).await.unwrap();
        self.house.settle().await;
        self.house.approve("olga", id).await;
        self.house.approve("pavel", id).await;
        assert!(self.waits_for_time(id).await, "{:?}", self.house.missing(id).await);
        id
    }

    async fn waits_for_time(&self, id: RequestId) -> bool {
        let missing: BTreeSet<Missing> = self.house.missing(id).await;
        missing.iter().any(|it| matches!(it, Missing::Time { .. }))
    }

    async fn confirm(&self) {
        self.house.service.confirm_clock(&self.house.caller("otto").await).await.unwrap();
        self.house.settle().await;
    }

    async fn in_doubt(&self) -> bool {
        self.house.service.clock_view().await.unwrap().doubt.is_some()
    }
}

#[tokio::test]
async fn a_wait_that_passes_as_time_does_ends() {
    let watched = Watched::new().await;
    let id = watched.cooling_off().await;
    watched.live(DAYS).await;
    assert!(!watched.in_doubt().await);
    assert_eq!(watched.house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn a_jump_forward_releases_nothing_until_an_operator_confirms_the_clock() {
    let watched = Watched::new().await;
    let id = watched.cooling_off().await;
    watched.jump(DAYS.as_millis() as i64).await;
    assert!(watched.in_doubt().await);
    assert_eq!(watched.house.status(id).await, Status::Waiting);
    assert!(watched.waits_for_time(id).await);
    watched.live(HOUR).await;
    assert_eq!(watched.house.status(id).await, Status::Waiting, "not by itself");
    let service = &watched.house.service;
    let refused = service.confirm_clock(&watched.house.caller("olga").await).await.unwrap_err();
    assert!(matches!(refused, Refusal::NotAllowed(_)));
    watched.confirm().await;
    assert_eq!(watched.house.status(id).await, Status::Completed);
    let again = service.confirm_clock(&watched.house.caller("otto").await).await.unwrap_err();
    assert!(matches!(again, Refusal::Standing(_)));
}

#[tokio::test]
async fn what_waited_long_enough_before_the_jump_does_not_wait_for_the_operator() {
    let watched = Watched::new().await;
    let asked = watched.house.ask_attested("erase", &[("account", "A-2")]).await;
    watched.live(2 * HOUR).await;
    watched.jump(DAYS.as_millis() as i64).await;
    assert!(watched.in_doubt().await);
    // It never waited for time, but for a vote.
    watched.house.approve("olga", asked).await;
    assert_eq!(watched.house.status(asked).await, Status::Completed);
}

#[tokio::test]
async fn ten_minutes_are_no_jump_and_a_little_more_is_one() {
    let watched = Watched::new().await;
    watched.jump(9 * 60_000).await;
    assert!(!watched.in_doubt().await);
    watched.jump(2 * 60_000).await;
    assert!(watched.in_doubt().await, "two small jumps make one");
}

#[tokio::test]
async fn a_clock_that_goes_back_stands_still_and_is_in_doubt() {
    for (back_ms, doubted) in [(900, false), (1_100, true), (30_000, true)] {
        let watched = Watched::new().await;
        watched.live(HOUR).await;
        watched.house.clock.set(watched.house.clock.now_ms() - back_ms);
        watched.house.service.pass_time().await;
        for _ in 0..8 {
            watched.steady.advance(Duration::from_secs(1));
            watched.house.pass(Duration::from_secs(1));
            watched.house.service.pass_time().await;
        }
        assert_eq!(watched.in_doubt().await, doubted, "{back_ms} ms back");
    }
}

#[tokio::test]
async fn two_clocks_that_drift_apart_by_a_second_an_hour_are_both_sound() {
    for step_ms in [-16, 16] {
        let watched = Watched::new().await;
        for _ in 0..180 {
            watched.steady.advance(MINUTE);
            watched.house.clock.set(watched.house.clock.now_ms() + 60_000 + step_ms);
            watched.house.service.pass_time().await;
        }
        assert!(!watched.in_doubt().await, "{step_ms} ms a minute");
    }
}

#[tokio::test]
async fn a_node_that_stops_keeps_how_late_it_was() {
    let watched = Watched::new().await;
    watched.live(HOUR).await;
    let house = &watched.house;
    let before = house.service.clock_view().await.unwrap().mark.unwrap();
    watched.steady.advance(Duration::from_secs(20));
    house.pass(Duration::from_secs(20));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    stop.send_replace(true);
    Arc::clone(&house.service).work(stopped).await;
    let after = house.service.clock_view().await.unwrap().mark.unwrap();
    assert!(after.since_ms(before) >= 20_000, "{}", after.since_ms(before));
}

/// What was written since the mark moved is known to be over, although nobody moved the mark at the end.
#[tokio::test]
async fn a_step_back_after_a_kill_counts_from_the_newest_entry_of_the_ledger() {
    for (ms, doubted) in [(0, false), (-900, false), (-1_100, true), (-20_000, true)] {
        let watched = Watched::new().await;
        watched.live(HOUR).await;
        let house = watched.house;
        let half = Duration::from_secs(30);
        watched.steady.advance(half);
        house.pass(half);
        let desk = house.caller("helpdesk").await;
        house.service.submit(&desk, about("erase", &[("account", "A-2")])).await.unwrap();
        let doubt = after_a_kill(&house, house.clock.now_ms() + ms).await;
        assert_eq!(doubt.is_some(), doubted, "{ms} ms from the newest entry: {doubt:?}");
    }
}

/// What another process says of its clock that opens a copy of the store at this time: the store's own time never goes back
/// as long as it lives.
async fn after_a_kill(house: &House, now_ms: i64) -> Option<Doubt> {
    house.clock.set(now_ms);
    let path = house.folder().join("copy.db");
    SqliteStore::copy(&house.folder().join("store.db"), &path).unwrap();
    let clock = house.clock.clone();
    let told = Arc::new(move || Timestamp::from_millis(clock.now_ms()));
    let service = house.on(&Arc::new(SqliteStore::open(&path, told).unwrap()));
    watch(&service, &Hand::at(MORNING));
    service.pass_time().await;
    service.clock_view().await.unwrap().doubt
}

#[tokio::test]
async fn a_start_after_the_mark_or_before_it_is_in_doubt() {
    for (ms, doubted) in [(0, false), (9 * 60_000, false), (11 * 60_000, true), (-900, false), (-1_100, true)]
    {
        let watched = Watched::new().await;
        watched.live(HOUR).await;
        let mark = watched.house.service.clock_view().await.unwrap().mark.unwrap();
        let doubt = after_a_kill(&watched.house, mark.plus_ms(ms).as_millis()).await;
        assert_eq!(doubt.is_some(), doubted, "{ms} ms from the mark");
    }
}

#[tokio::test]
async fn nothing_expires_and_no_copy_is_destroyed_while_the_clock_is_in_doubt() {
    let watched = Watched::new().await;
    let house = &watched.house;
    let (done, subject) = house.ask_subject("export", &[("email", "ana@example.test")]).await;
    house.prove_email(&subject, done).await;
    assert_eq!(house.status(done).await, Status::Completed);
    let open = house.ask_attested("erase", &[("account", "A-2")]).await;
    watched.jump(400 * 86_400_000).await;
    watched.live(MINUTE).await;
    assert_eq!(house.status(open).await, Status::Waiting);
    assert!(house.store.key(done).await.unwrap().is_some());
    watched.confirm().await;
    watched.live(MINUTE).await;
    assert_eq!(house.status(open).await, Status::Expired);
    watched.live(2 * MINUTE).await;
    assert!(house.store.key(done).await.unwrap().is_none());
}

#[tokio::test]
async fn rows_that_stay_for_a_time_stay_while_the_clock_is_in_doubt() {
    let watched = Watched::over(crate::keep::house().await).await;
    let house = &watched.house;
    crate::keep::erased(house).await;
    watched.jump(4_000 * 86_400_000).await;
    watched.live(3 * MINUTE).await;
    assert!(watched.in_doubt().await && house.shop.holds("1"));
    watched.confirm().await;
    watched.live(3 * MINUTE).await;
    assert!(!house.shop.holds("1"));
}

#[tokio::test]
async fn doubt_and_confirmation_stand_in_the_ledger() {
    let watched = Watched::new().await;
    watched.jump(DAYS.as_millis() as i64).await;
    watched.confirm().await;
    let (size, _) = watched.house.store.head().await.unwrap();
    let entries = watched.house.store.entries(0, u32::try_from(size).unwrap()).await.unwrap();
    let text = String::from_utf8(entries.concat()).unwrap();
    assert_eq!(text.matches("\"clock\":\"in_doubt\"").count(), 1);
    assert_eq!(text.matches("\"clock\":\"confirmed\"").count(), 1);
}
