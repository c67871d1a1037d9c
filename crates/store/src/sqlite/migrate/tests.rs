//! From every earlier version to this one, and not from a later one.
#![allow(clippy::unwrap_used)]

use super::*;

fn schema(db: &Connection) -> Vec<(String, String)> {
    let mut find = db.prepare("select name, coalesce(sql, '') from sqlite_schema order by name").unwrap();
    find.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

fn empty() -> Connection {
    Connection::open_in_memory().unwrap()
}

const NOW: Timestamp = Timestamp::from_millis(1);

#[test]
fn every_earlier_version_comes_to_the_same_schema() {
    let mut fresh = empty();
    migrate(&mut fresh, NOW).unwrap();
    for earlier in 0..=LATEST {
        let mut db = empty();
        migrate_to(&mut db, earlier, NOW).unwrap();
        assert_eq!(version(&db).unwrap(), earlier);
        migrate(&mut db, NOW).unwrap();
        assert_eq!(version(&db).unwrap(), LATEST);
        assert_eq!(schema(&db), schema(&fresh), "from version {earlier}");
    }
}

#[test]
fn migrating_twice_changes_nothing() {
    let mut db = empty();
    migrate(&mut db, NOW).unwrap();
    let once = schema(&db);
    migrate(&mut db, NOW).unwrap();
    assert_eq!(schema(&db), once);
}

#[test]
fn a_newer_schema_is_refused_with_both_numbers() {
    let mut db = empty();
    migrate(&mut db, NOW).unwrap();
    db.execute("insert into schema_version values (?1, 'later', 0)", [LATEST as i64 + 1]).unwrap();
    let message = migrate(&mut db, NOW).unwrap_err().to_string();
    assert!(message.contains(&format!("version {}", LATEST + 1)), "{message}");
    assert!(message.contains(&format!("only {LATEST}")), "{message}");
}

#[test]
fn a_database_of_somebody_else_is_left_alone() {
    let mut db = empty();
    db.execute_batch("create table customer (id integer)").unwrap();
    assert!(matches!(migrate(&mut db, NOW), Err(OpenError::NotAStore)));
    assert_eq!(schema(&db).len(), 1);
}

#[test]
fn states_in_the_schema_are_those_of_the_port() {
    use countersign_service::ports::store::Status;
    let mut db = empty();
    migrate(&mut db, NOW).unwrap();
    let insert = "insert into request values (randomblob(16), 1, ?1, 'erase', 'api', 0, null, null, null, 0)";
    for status in Status::ALL {
        db.execute(insert, [status.name()]).unwrap();
    }
    assert!(db.execute(insert, ["done"]).is_err());
    // Partial indexes and counts spell the states out, so they must be these.
    let named = |wanted: fn(Status) -> bool| {
        let names: Vec<_> = Status::ALL.into_iter().filter(|s| wanted(*s)).map(Status::name).collect();
        names.join(",")
    };
    assert_eq!(named(Status::holds_place), "released,running,stuck");
    assert_eq!(named(Status::is_open), "waiting,released,running,stuck");
}
