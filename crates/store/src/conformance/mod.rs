//! What every store must do, rule by rule. A store's tests hand in a maker of fresh, empty stores; each rule gets
//! one of its own. Nothing here knows which database it talks to.
//!
//! Rules break by panicking, as tests do: this module is for tests alone.

// A rule that does not hold is a panic here, as in any test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod act;
mod forms;
mod gauge;
mod job;
mod ledger;
mod list;
mod record;
mod request;
mod sealed;

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_service::ports::store::Store;

/// A fresh, empty store, and a hand on its clock.
#[async_trait]
pub trait Trial: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Lets `ms` milliseconds pass on the store's clock: by moving it, or by waiting.
    async fn wait(&self, ms: i64);
}

type Trying = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One rule.
pub struct Case {
    /// The rule, as a sentence with underscores.
    pub name: &'static str,
    run: fn(Arc<dyn Trial>) -> Trying,
}

impl Case {
    /// Tries the rule on a fresh store; panics if it does not hold.
    pub async fn run(&self, trial: Arc<dyn Trial>) {
        (self.run)(trial).await;
    }
}

/// Tries every rule, each on a store that `make` has just made. The name of a rule is printed before it is tried.
pub async fn exercise<T: Trial + 'static>(make: impl AsyncFn() -> T) {
    for case in cases() {
        println!("rule: {}", case.name);
        case.run(Arc::new(make().await)).await;
    }
}

macro_rules! cases {
    ($($file:ident: $($rule:ident),+ $(,)?;)+) => {
        /// Every rule.
        pub fn cases() -> Vec<Case> {
            vec![$($(Case {
                name: stringify!($rule),
                run: |trial| Box::pin(async move { $file::$rule(&*trial).await }),
            }),+),+]
        }
    };
}

cases! {
    act:
        a_refused_decision_changes_nothing_and_says_why,
        an_empty_change_is_answered_with_the_time,
        one_failed_write_takes_the_whole_change_back,
        the_others_of_a_batch_stand_when_some_fail,
        a_read_sees_every_acknowledged_change,
        time_never_goes_back,
        whoever_watches_is_told_of_a_commit;
    request:
        a_new_request_comes_back_with_its_history_and_terms,
        a_second_insert_of_a_request_is_a_conflict,
        a_stale_version_is_a_conflict,
        of_many_writers_on_one_version_exactly_one_appends,
        what_a_request_asks_for_never_changes,
        only_the_named_terms_are_replaced,
        a_request_without_events_is_not_taken;
    gauge:
        the_running_are_counted_by_action_without_the_asking_request,
        the_started_are_counted_from_the_start_of_the_day_without_the_asking_request,
        open_requests_that_share_a_root_come_oldest_first,
        a_limit_is_never_exceeded_however_many_ask_at_once,
        nothing_starts_under_a_gauge_after_what_stops_it_was_written;
    list:
        every_list_shows_what_a_plain_filter_shows_page_by_page,
        requests_are_found_under_all_their_terms,
        requests_are_found_under_one_of_some_terms_and_not_under_another,
        the_tally_counts_by_action_and_state,
        terms_are_counted_by_value_with_the_time_of_the_oldest;
    record:
        a_record_is_written_only_over_the_version_that_was_expected,
        a_record_that_stands_is_not_taken_for_one_that_is_gone,
        records_are_found_by_id_term_root_and_kind,
        a_record_written_over_without_terms_is_found_under_none,
        a_record_that_two_questions_find_is_loaded_once,
        a_deleted_record_is_found_no_more,
        pages_of_records_follow_each_other,
        only_records_past_their_time_are_swept,
        settings_follow_each_other_without_a_gap;
    sealed:
        keys_and_fields_are_replaced_in_place,
        what_is_destroyed_is_gone_and_the_rest_stays;
    job:
        a_wish_is_claimed_once_it_is_ready_and_not_before,
        the_oldest_ready_are_claimed_first_and_no_more_than_asked_for,
        a_done_job_is_gone,
        leases_end_all_together_or_none,
        a_job_to_be_tried_again_counts_its_tries,
        jobs_that_failed_are_told_by_kind,
        wishing_again_brings_the_time_forward_and_never_back,
        a_job_wished_during_its_lease_runs_once_more,
        a_job_wished_during_its_lease_and_to_be_tried_again_takes_the_earlier_time,
        a_lease_that_ran_out_is_claimed_with_a_new_fence,
        a_lost_fence_takes_the_whole_change_back,
        an_old_fence_never_fits_a_new_job,
        a_renewed_lease_lasts_longer,
        released_leases_are_ready_at_once,
        the_next_job_is_the_earliest,
        a_job_is_claimed_by_one_of_many;
    ledger:
        an_empty_ledger_has_the_empty_root,
        entries_come_back_in_order,
        events_come_first_and_rolled_back_entries_leave_no_gap,
        tiles_and_root_are_those_of_a_fresh_tree_at_300_entries,
        tiles_and_root_are_those_of_a_fresh_tree_beyond_65536_entries,
        a_tile_is_served_at_every_width_that_it_has,
        an_entry_that_is_too_long_is_not_taken,
        a_checkpoint_is_kept_for_ever,
        a_checkpoint_beyond_the_head_is_not_taken;
}
