//! From every earlier version to this one, from several nodes at once, and not from a later one.
#![allow(clippy::unwrap_used)]

use countersign_testing::postgres::{Database, database_or_skip};
use futures::future::join_all;
use tokio_postgres::NoTls;

use super::*;

async fn connect(database: &Database<'_>) -> Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Every column, constraint and index.
fn schema(database: &Database<'_>) -> String {
    database
        .run(
            "select table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || \
               coalesce(column_default, '') from information_schema.columns where table_schema = 'public' \
             union all select conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint \
               where connamespace = 'public'::regnamespace \
             union all select indexdef from pg_indexes where schemaname = 'public' order by 1",
        )
        .unwrap()
}

#[tokio::test]
async fn every_earlier_version_comes_to_the_same_schema() {
    let Some(fresh) = database_or_skip() else { return };
    migrate(&connect(&fresh).await).await.unwrap();
    for earlier in 0..=LATEST {
        let database = database_or_skip().unwrap();
        let db = connect(&database).await;
        migrate_to(&db, earlier).await.unwrap();
        assert_eq!(version(&db).await.unwrap(), earlier);
        migrate(&db).await.unwrap();
        assert_eq!(version(&db).await.unwrap(), LATEST);
        assert_eq!(schema(&database), schema(&fresh), "from version {earlier}");
        migrate(&db).await.unwrap();
        assert_eq!(schema(&database), schema(&fresh), "a second time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_nodes_may_start_on_an_empty_database_at_once() {
    for _ in 0..5 {
        let Some(database) = database_or_skip() else { return };
        let nodes = join_all((0..8).map(|_| connect(&database))).await;
        for outcome in join_all(nodes.iter().map(migrate)).await {
            outcome.unwrap();
        }
        let ran = database.run("select version from schema_version order by 1").unwrap();
        assert_eq!(ran.lines().count() as u64, LATEST + 1);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_numbers_unless_it_says_that_this_version_can_work_with_it() {
    let Some(database) = database_or_skip() else { return };
    let db = connect(&database).await;
    migrate(&db).await.unwrap();
    let later = |version: u64, oldest: u64| {
        database.run(&format!("insert into schema_version values ({version}, 'later', {oldest}, 0)")).unwrap()
    };
    later(LATEST + 1, LATEST);
    migrate(&db).await.unwrap();
    assert_eq!(version(&db).await.unwrap(), LATEST + 1);
    later(LATEST + 2, LATEST + 1);
    let message = migrate(&db).await.unwrap_err().to_string();
    assert!(message.contains(&format!("version {}", LATEST + 2)), "{message}");
    assert!(message.contains(&format!("only {LATEST}")), "{message}");
}

#[tokio::test]
async fn a_database_of_somebody_else_is_left_alone() {
    for theirs in [
        "create table customer (id int)",
        "create table schema_version (installed_rank int, version text)",
        "create table schema_version (version bigint, name text); insert into schema_version values (0, 'theirs')",
        "create table schema_version (version bigint, name text)",
    ] {
        let Some(database) = database_or_skip() else { return };
        database.run(theirs).unwrap();
        let before = schema(&database);
        let outcome = migrate(&connect(&database).await).await;
        assert!(matches!(outcome, Err(PostgresOpenError::NotAStore)), "{theirs}: {outcome:?}");
        assert_eq!(schema(&database), before);
    }
}

#[tokio::test]
async fn a_role_that_may_not_change_the_schema_is_told_who_may() {
    let Some(database) = database_or_skip() else { return };
    let role = format!("daily_{}", database.name());
    database.run(&format!("create role {role}; grant usage on schema public to {role}")).unwrap();
    let daily = connect(&database).await;
    daily.batch_execute(&format!("set role {role}")).await.unwrap();
    let message = migrate(&daily).await.unwrap_err().to_string();
    assert!(message.contains("the role that owns the schema"), "{message}");
    migrate(&connect(&database).await).await.unwrap();
    database.run(&format!("grant select on all tables in schema public to {role}")).unwrap();
    migrate(&daily).await.unwrap();
}

#[tokio::test]
async fn states_in_the_schema_are_those_of_the_port() {
    use countersign_service::ports::store::Status;
    let Some(database) = database_or_skip() else { return };
    migrate(&connect(&database).await).await.unwrap();
    for (place, status) in Status::ALL.into_iter().map(Status::name).chain(["done"]).enumerate() {
        let kept = database.run(&format!(
            "insert into request values (decode(lpad(to_hex({place}), 32, '0'), 'hex'), 1, '{status}', 'erase', 'api', \
             0, null, null, null, 0)"
        ));
        assert_eq!(kept.is_ok(), status != "done", "{status}");
    }
}

/// What a later version may add without a word: this version goes on storing and reading beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_was_expanded_further_serves_this_version() {
    use crate::conformance::{Trial, cases};
    use crate::{PostgresOptions, PostgresStore};
    use countersign_service::ports::store::Store;
    use std::sync::Arc;

    struct Expanded(Arc<PostgresStore>);

    #[async_trait::async_trait]
    impl Trial for Expanded {
        fn store(&self) -> Arc<dyn Store> {
            Arc::clone(&self.0) as Arc<dyn Store>
        }

        async fn wait(&self, ms: i64) {
            tokio::time::sleep(std::time::Duration::from_millis(ms.unsigned_abs())).await;
        }
    }

    if database_or_skip().is_none() {
        return;
    }
    let tables = [
        "request",
        "event",
        "request_term",
        "record",
        "record_term",
        "dek",
        "sealed",
        "job",
        "settings",
        "lock",
        "log_queue",
        "log_entry",
        "log_tile",
        "log_head",
        "log_checkpoint",
        "lease",
        "heartbeat",
    ];
    // One of each kind: the whole suite runs over the schema as it is.
    let rules = [
        "a_new_request_comes_back_with_its_history_and_terms",
        "only_the_named_terms_are_replaced",
        "a_limit_is_never_exceeded_however_many_ask_at_once",
        "records_are_found_by_id_term_root_and_kind",
        "settings_follow_each_other_without_a_gap",
        "keys_and_fields_are_replaced_in_place",
        "a_job_wished_during_its_lease_runs_once_more",
        "events_come_first_and_rolled_back_entries_leave_no_gap",
        "a_checkpoint_is_kept_for_ever",
    ];
    let mut ran = 0;
    for case in cases().into_iter().filter(|case| rules.contains(&case.name)) {
        let database = database_or_skip().unwrap();
        migrate(&connect(&database).await).await.unwrap();
        for table in tables {
            let more = format!(
                "alter table {table} add column later_null text, add column later_default bigint not null default 7; \
                 create table later_{table} (id bigint primary key)"
            );
            database.run(&more).unwrap();
        }
        let later = LATEST + 1;
        database.run(&format!("insert into schema_version values ({later}, 'later', {LATEST}, 0)")).unwrap();
        let store = PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap();
        case.run(Arc::new(Expanded(Arc::new(store)))).await;
        ran += 1;
    }
    assert_eq!(ran, rules.len());
}

/// What of a step nodes of an earlier version cannot work beside: it takes away, or asks for what they do not write.
fn taken_away(sql: &str) -> Vec<String> {
    let lines: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap()).collect();
    let plain = lines.join(" ").to_lowercase();
    let statements: Vec<String> =
        plain.split(';').map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let made = |table: &str| statements.iter().any(|it| it.starts_with(&format!("create table {table} ")));
    let refused = |statement: &&String| {
        let words: Vec<&str> = statement.split([' ', '(']).collect();
        let has = |phrase: &str| format!(" {statement} ").contains(&format!(" {phrase} "));
        if words.starts_with(&["create", "unique", "index"]) {
            return !words.iter().position(|word| *word == "on").is_some_and(|on| made(words[on + 1]));
        }
        let without_a_value = |column: &str| {
            column.contains("not null") && !column.contains("default") && !column.contains("generated")
        };
        let columns = statement.matches(" add column ").count();
        has("drop")
            || ["truncate", "revoke", "delete"].iter().any(|first| words.first() == Some(first))
            || has("rename")
            || has("set not null")
            || has("type")
            // Constraints, and columns of which it is not said that they are one.
            || statement.matches(" add ").count() > columns
            || statement.split(" add column ").skip(1).any(without_a_value)
    };
    statements.iter().filter(refused).cloned().collect()
}

#[test]
fn a_step_beside_which_an_earlier_version_works_only_adds() {
    for (step, number) in STEPS.iter().zip(1u64..) {
        if step.oldest < number {
            assert_eq!(taken_away(step.sql), [] as [String; 0], "{}", step.name);
        }
    }
}

#[test]
fn what_an_earlier_version_cannot_work_beside_is_seen() {
    for bad in [
        "drop table lease",
        "DROP INDEX\n request_started",
        "alter table request drop column due_at",
        "alter table request add column a text, drop column due_at",
        "alter table request rename column due_at to due",
        "alter table request rename to requests",
        "alter table request alter column due_at set not null",
        "alter table request alter column due_at type text",
        "alter table request add constraint due check (due_at > 0)",
        "alter table request add check (due_at > 0)",
        "alter table request add unique (due_at)",
        "alter table request add column note text not null",
        "alter table request add column a bigint not null default 7, add column note text not null",
        "alter table request add note text",
        "create table other (id bigint); create unique index once on request (due_at)",
        "truncate heartbeat",
        "delete from job",
        "revoke insert on job from public",
    ] {
        assert_eq!(taken_away(&format!("create index fine on job (key); {bad};")).len(), 1, "{bad}");
    }
    let good = "-- drop table request;\n create table other (id bigint not null primary key, type_of text not null);\n\
        create unique index once on other (type_of); create index more on request (due_at);\n\
        alter table request add column note text, add column kind text not null default '';\n\
        alter table job add column twice bigint not null generated always as (fence * 2) stored;\n\
        alter table request alter column due_at set default 7; insert into lock (name) values ('other')";
    assert_eq!(taken_away(good), [] as [String; 0]);
}
