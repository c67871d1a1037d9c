//! Rules that every source without root rows holds: logs, files, buckets, services. One module a source says how it is given; the
//! rules are the same. What only one of them does wrong stands beside.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod bucket;
mod files;
mod full;
mod given;
mod logs;
#[path = "../conformance/permit.rs"]
mod permit;
mod rules;
mod service;
mod torn;

/// One test a rule, over the source that `given` makes.
macro_rules! conformance {
    ($name:ident, $given:path) => {
        mod $name {
            conformance! { @rules $given:
                the_map_fits
                whoever_is_meant_is_found_where_something_is
                the_plan_counts_what_goes
                an_erasure_takes_the_subjects_and_nobody_elses
                a_second_try_under_the_same_key_does_nothing
                what_is_void_never_happens
                what_is_done_cannot_be_made_void
                more_than_was_signed_commits_nothing
                a_foreign_permit_is_refused
                an_export_holds_the_subjects_and_nobody_elses
                the_look_afterwards_finds_what_came_back
                a_purge_takes_what_is_older
                no_value_stands_in_an_error
            }
        }
    };
    (@rules $given:path: $($rule:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $rule() {
            let given: Option<crate::given::Given> = $given().into();
            if let Some(given) = given {
                crate::rules::$rule(given).await;
            }
        })*
    };
}

conformance!(a_directory_of_logs, crate::logs::given);
conformance!(a_folder_of_files, crate::files::given);
conformance!(a_bucket, crate::bucket::given);
conformance!(a_service, crate::service::given);
