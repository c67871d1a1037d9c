//! What every connector must do, on the real engine, over one schema with all the traps: composite keys, a self
//! reference, rings of keys that may and may not be NULL, shared addresses, messages with two ends, kept invoices,
//! soft links, orphans, names with capitals.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

mod cleared;
mod faults;
mod given;
mod kept;
mod keys;
mod parts;
mod permit;
mod rules;
mod sample;
mod treatments;
mod weight;

/// Each rule as a test per engine.
macro_rules! on_each_engine {
    ($($rule:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                if let Some(given) = crate::given::sqlite() {
                    crate::rules::$rule(given).await;
                }
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                if let Some(given) = crate::given::postgres() {
                    crate::rules::$rule(given).await;
                }
            })*
        }
        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                if let Some(given) = crate::given::mariadb() {
                    crate::rules::$rule(given).await;
                }
            })*
        }
    };
}

on_each_engine! {
    the_map_fits_and_unindexed_paths_are_named
    identities_lead_to_root_rows
    every_root_row_is_listed_by_the_key_that_a_look_gives_it
    the_plan_counts_each_row_once
    the_plan_weighs_the_rows_that_it_counts
    a_plan_shows_a_few_rows_and_no_value
    an_erasure_takes_the_subjects_rows_and_nobody_elses
    rows_of_two_owners_go_with_the_last
    two_owners_erased_at_once_do_not_leave_the_row_to_each_other
    nobodys_empty_cell_is_taken_for_anybodys
    a_second_try_under_the_same_key_does_nothing
    what_is_void_never_happens
    what_is_done_cannot_be_made_void
    more_rows_than_signed_commit_nothing
    a_root_row_that_is_gone_changes_the_request
    a_foreign_permit_is_refused
    an_export_holds_the_subjects_rows_and_nobody_elses
    a_permit_to_erase_hands_out_nothing
    the_look_afterwards_finds_what_came_back
    what_was_not_done_is_not_remembered
    a_purge_takes_rows_older_than_a_moment
    a_map_that_names_what_is_not_there_is_refused_with_a_suggestion
    the_fingerprint_changes_with_the_schema
    in_parts_the_same_rows_go_as_in_one
    a_part_that_is_asked_for_again_is_done_once
    what_is_void_has_no_part_any_more
    all_parts_together_stay_within_what_was_signed
    rows_that_are_cleared_in_parts_are_no_more_than_was_signed
    a_purge_goes_in_parts_too
    a_source_that_is_down_is_not_available
    a_statement_that_takes_too_long_is_broken_off
    a_source_that_may_only_be_read_is_not_available
    a_source_without_room_is_not_available
    what_somebody_else_has_locked_is_not_available
    out_of_a_deadlock_comes_one_erasure
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_cleared_subject_of_a_composite_key_owns_nothing_any_more() {
    let given = given::sqlite_of(cleared::SCHEMA, cleared::MAP);
    cleared::a_cleared_subject_of_a_composite_key_owns_nothing_any_more(given).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_cleared_subject_of_a_composite_key_owns_nothing_any_more() {
    if let Some(given) = given::postgres_of(cleared::SCHEMA, cleared::MAP) {
        cleared::a_cleared_subject_of_a_composite_key_owns_nothing_any_more(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_values_become_pseudonyms_and_say_less() {
    treatments::values_become_pseudonyms_and_say_less(given::sqlite_of(treatments::SCHEMA, treatments::MAP))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_values_become_pseudonyms_and_say_less() {
    if let Some(given) = given::postgres_of(treatments::SCHEMA, treatments::MAP) {
        treatments::values_become_pseudonyms_and_say_less(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_what_is_new_is_named_as_drift() {
    treatments::what_is_new_is_named_as_drift(given::sqlite_of(treatments::SCHEMA, treatments::MAP)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_what_is_new_is_named_as_drift() {
    if let Some(given) = given::postgres_of(treatments::SCHEMA, treatments::MAP) {
        treatments::what_is_new_is_named_as_drift(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_there_are_no_pseudonyms() {
    let given = given::sqlite_of(treatments::SCHEMA, treatments::MAP);
    treatments::without_a_key_there_are_no_pseudonyms(&*given.without_key(), treatments::MAP).await;
    if let Some(given) = given::postgres_of(treatments::SCHEMA, treatments::MAP) {
        treatments::without_a_key_there_are_no_pseudonyms(&*given.without_key(), treatments::MAP).await;
    }
    if let Some(given) = given::mariadb_of(treatments::SCHEMA, treatments::MAP, false) {
        treatments::without_a_key_there_are_no_pseudonyms(&*given.without_key(), treatments::MAP).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_a_cleared_subject_of_a_composite_key_owns_nothing_any_more() {
    if let Some(given) = given::mariadb_of(cleared::SCHEMA, cleared::MAP, false) {
        cleared::a_cleared_subject_of_a_composite_key_owns_nothing_any_more(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_opening_once_erases_the_same() {
    if let Some(given) = given::mariadb_of(cleared::SCHEMA, cleared::MAP, true) {
        cleared::a_cleared_subject_of_a_composite_key_owns_nothing_any_more(given).await;
    }
    if let Some(given) = given::mariadb_opening_once() {
        rules::an_erasure_takes_the_subjects_rows_and_nobody_elses(given).await;
    }
    if let Some(given) = given::mariadb_opening_once() {
        rules::rows_of_two_owners_go_with_the_last(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_values_become_pseudonyms_and_say_less() {
    if let Some(given) = given::mariadb_of(treatments::SCHEMA, treatments::MAP, false) {
        treatments::values_become_pseudonyms_and_say_less(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_what_is_new_is_named_as_drift() {
    if let Some(given) = given::mariadb_of(treatments::SCHEMA, treatments::MAP, false) {
        treatments::what_is_new_is_named_as_drift(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_part_that_clears_changes_nothing_for_those_after_it() {
    parts::a_part_that_clears_changes_nothing_for_those_after_it(given::sqlite_of(
        parts::TWO_WAYS,
        parts::TWO_WAYS_MAP,
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_part_that_clears_changes_nothing_for_those_after_it() {
    if let Some(given) = given::postgres_of(parts::TWO_WAYS, parts::TWO_WAYS_MAP) {
        parts::a_part_that_clears_changes_nothing_for_those_after_it(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_a_part_that_clears_changes_nothing_for_those_after_it() {
    if let Some(given) = given::mariadb_of(parts::TWO_WAYS, parts::TWO_WAYS_MAP, false) {
        parts::a_part_that_clears_changes_nothing_for_those_after_it(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_parts_values_become_the_same_pseudonyms() {
    let text = format!("chunk_rows = 1\n{}", treatments::MAP);
    treatments::values_become_pseudonyms_and_say_less(given::sqlite_of(treatments::SCHEMA, &text)).await;
    if let Some(given) = given::postgres_of(treatments::SCHEMA, &text) {
        treatments::values_become_pseudonyms_and_say_less(given).await;
    }
    if let Some(given) = given::mariadb_of(treatments::SCHEMA, &text, false) {
        treatments::values_become_pseudonyms_and_say_less(given).await;
    }
    if let Some(given) = given::mariadb_of(treatments::SCHEMA, &text, true) {
        treatments::values_become_pseudonyms_and_say_less(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_goes_when_its_time_is_over() {
    kept::what_was_kept_goes_when_its_time_is_over(given::sqlite_of(kept::SCHEMA, kept::MAP)).await;
    if let Some(given) = given::postgres_of(kept::SCHEMA, kept::MAP) {
        kept::what_was_kept_goes_when_its_time_is_over(given).await;
    }
    if let Some(given) = given::mariadb_of(kept::SCHEMA, kept::MAP, false) {
        kept::what_was_kept_goes_when_its_time_is_over(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_others_point_to_is_not_cleared() {
    let (schema, map) = (cleared::POINTED_TO, cleared::POINTED_TO_MAP);
    cleared::a_column_that_others_point_to_is_not_cleared(given::sqlite_of(schema, map)).await;
    if let Some(given) = given::postgres_of(schema, map) {
        cleared::a_column_that_others_point_to_is_not_cleared(given).await;
    }
    if let Some(given) = given::mariadb_of(schema, map, false) {
        cleared::a_column_that_others_point_to_is_not_cleared(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_deletion_takes_along_are_counted() {
    keys::rows_that_a_deletion_takes_along_are_counted(given::sqlite_of(keys::TREE, keys::TREE_MAP)).await;
    if let Some(given) = given::postgres_of(keys::TREE, keys::TREE_MAP) {
        keys::rows_that_a_deletion_takes_along_are_counted(given).await;
    }
    if let Some(given) = given::mariadb_of(keys::TREE, keys::TREE_MAP, false) {
        keys::rows_that_a_deletion_takes_along_are_counted(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_that_others_point_to_is_not_emptied() {
    keys::a_pointer_that_others_point_to_is_not_emptied(given::sqlite_of(keys::POINTER, keys::POINTER_MAP))
        .await;
    if let Some(given) = given::postgres_of(keys::POINTER, keys::POINTER_MAP) {
        keys::a_pointer_that_others_point_to_is_not_emptied(given).await;
    }
    if let Some(given) = given::mariadb_of(keys::POINTER, keys::POINTER_MAP, false) {
        keys::a_pointer_that_others_point_to_is_not_emptied(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_goes_although_its_pointer_was_emptied_before() {
    keys::a_row_goes_although_its_pointer_was_emptied_before(given::sqlite_of(keys::TWICE, keys::TWICE_MAP))
        .await;
    if let Some(given) = given::postgres_of(keys::TWICE, keys::TWICE_MAP) {
        keys::a_row_goes_although_its_pointer_was_emptied_before(given).await;
    }
    if let Some(given) = given::mariadb_of(keys::TWICE, keys::TWICE_MAP, false) {
        keys::a_row_goes_although_its_pointer_was_emptied_before(given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_row_that_nothing_names_is_refused() {
    keys::a_root_row_that_nothing_names_is_refused(given::sqlite_of(keys::NAMELESS, keys::NAMELESS_MAP))
        .await;
    if let Some(given) = given::postgres_of(keys::NAMELESS, keys::NAMELESS_MAP) {
        keys::a_root_row_that_nothing_names_is_refused(given).await;
    }
    if let Some(given) = given::mariadb_of(keys::NAMELESS, keys::NAMELESS_MAP, false) {
        keys::a_root_row_that_nothing_names_is_refused(given).await;
    }
}
