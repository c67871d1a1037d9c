//! What goes wrong in the middle: killed connections, locks, deadlocks, lost answers, a server that is not there.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_core::receipt::{Outcome, ReceiptKey};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::*;

/// Long enough to be found inside the transaction.
const PACE_MS: u64 = 3_000;

/// InnoDB shows its transactions from a copy that it makes anew only when nobody has looked for a tenth of a second:
/// those who look take turns, each after such a pause.
fn look<T>(at: impl FnOnce() -> T) -> T {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::sleep(Duration::from_millis(150));
    at()
}

/// Connections of this database that pause inside a transaction, before the first statement that changes rows.
fn inside(database: &Database<'_>) -> Vec<String> {
    let sql = format!(
        "SELECT p.id FROM information_schema.processlist p JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
          WHERE p.db = '{}' AND p.command = 'Sleep' AND p.time_ms > 500 AND t.trx_rows_modified > 0",
        database.name()
    );
    look(|| database.run(&sql)).unwrap().lines().map(str::to_owned).collect()
}

async fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_inside_the_transaction_leaves_no_receipt_and_the_next_try_does_it_once() {
    let Some(slow) = given_with("", "", |url| Options { pace_ms: PACE_MS, ..Options::new(url) }) else {
        return;
    };
    let killing = async {
        let inside = until("inside the transaction", || inside(&slow.database).pop()).await;
        slow.database.run(&format!("KILL CONNECTION {inside}")).unwrap();
    };
    let (tried, ()) = tokio::join!(slow.erase(), killing);
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
    let source = MysqlSource::open("shop", Options::new(slow.database.url())).unwrap();
    let given = Given { source, ..slow };
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
    assert_eq!(given.number("SELECT count(*) FROM thing"), 3);
    let done = given.erase().await.unwrap();
    assert!(matches!(done, Stepped::Done(_)));
    assert_eq!(given.erase().await.unwrap(), done);
    assert_eq!(given.number("SELECT count(*) FROM thing"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_or_cut_in_a_part_leaves_the_parts_before_and_each_goes_once() {
    let Some(slow) = given_with("", "", |url| Options { pace_ms: PACE_MS, ..Options::new(url) }) else {
        return;
    };
    let fast = MysqlSource::open("shop", Options::new(slow.database.url())).unwrap();
    let map = map(&format!("chunk_rows = 1\n{MAP}"));
    let part = async |source: &MysqlSource, chunk| {
        let key = ReceiptKey { chunk, ..key(1) };
        source.erase(&permit(1, "erase", None), &key, &map, &ana()).await
    };
    let killing = async {
        let inside = until("inside a part", || inside(&slow.database).pop()).await;
        slow.database.run(&format!("KILL CONNECTION {inside}")).unwrap();
    };
    let (tried, ()) = tokio::join!(part(&slow.source, 1), killing);
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
    assert_eq!(slow.number("SELECT count(*) FROM thing"), 3);
    assert!(matches!(part(&fast, 1).await, Ok(Stepped::Part(_))));
    // The server commits the second, and says so to a wire that is cut.
    let port = slow.database.server().port();
    let proxy = Cut::before_the_answer_to("COMMIT", port).await;
    let url = slow.database.url().replace(&port.to_string(), &proxy.port.to_string());
    let tried = part(&MysqlSource::open("shop", Options::new(url)).unwrap(), 2).await;
    assert!(matches!(tried, Err(SourceError::Unknown { .. })), "{tried:?}");
    assert_eq!(slow.number("SELECT count(*) FROM thing"), 1);
    assert!(matches!(part(&fast, 2).await, Ok(Stepped::Part(_))));
    assert!(matches!(part(&fast, 3).await, Ok(Stepped::Done(_))));
    assert_eq!(slow.number("SELECT count(*) FROM countersign_receipt"), 3);
    assert_eq!(slow.number("SELECT count(*) FROM person"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_receipt_waits_for_the_erasure_that_is_taking_its_key() {
    let Some(slow) = given_with("", "", |url| Options { pace_ms: 2_000, ..Options::new(url) }) else {
        return;
    };
    let voiding = async {
        until("inside the transaction", || inside(&slow.database).pop()).await;
        slow.source.void(&key(1)).await
    };
    let (done, void) = tokio::join!(slow.erase(), voiding);
    let Ok(Stepped::Done(receipt)) = done else { panic!("{done:?}") };
    assert_eq!(void.unwrap(), receipt, "it was done, and cannot be made void any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unknown_and_its_receipt_says_that_it_was_done() {
    let Some(given) = given("", "") else { return };
    // The server commits, and says so to a wire that is cut.
    let proxy = Cut::before_the_answer_to("COMMIT", given.database.server().port()).await;
    let url =
        given.database.url().replace(&given.database.server().port().to_string(), &proxy.port.to_string());
    let cut = MysqlSource::open("shop", Options::new(url)).unwrap();
    let tried = cut.erase(&permit(1, "erase", None), &key(1), &given.map, &ana()).await;
    assert!(matches!(tried, Err(SourceError::Unknown { .. })), "{tried:?}");
    let receipt = given.source.receipt(&key(1)).await.unwrap().unwrap();
    assert!(matches!(receipt.outcome, Outcome::Done { .. }));
    assert_eq!(given.erase().await.unwrap(), Stepped::Done(receipt));
    assert_eq!(given.number("SELECT count(*) FROM person"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_else_holds_is_not_waited_for_long_and_nothing_is_half_done() {
    let options = |url| Options { lock_timeout_ms: 1_000, ..Options::new(url) };
    let Some(given) = given_with("", "", options) else { return };
    let mut other = Conn::from_url(given.database.url()).await.unwrap();
    // The root row is free, the last row to go is not: what was done before is undone with the rest.
    other.query_drop("START TRANSACTION; ").await.unwrap();
    other.query_drop("SELECT * FROM thing WHERE id = 2 FOR UPDATE").await.unwrap();
    let tried = given.erase().await;
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
    other.query_drop("ROLLBACK").await.unwrap();
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    other.disconnect().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_loses_a_deadlock_is_done_again() {
    let Some(slow) = given_with("", "", |url| Options { pace_ms: 2_000, ..Options::new(url) }) else {
        return;
    };
    // The other one has Ben's row and much more, so that InnoDB gives up the erasure; then it wants Ana's, while the
    // erasure waits for Ben's.
    slow.database
        .run(
            "CREATE TABLE weight (n int PRIMARY KEY); UPDATE thing SET person_id = 2 WHERE id = 2;
        ALTER TABLE person ADD friend bigint unsigned NULL, ADD FOREIGN KEY (friend) REFERENCES person (id);
        UPDATE person SET friend = 1 WHERE id = 2",
        )
        .unwrap();
    let mut other = Conn::from_url(slow.database.url()).await.unwrap();
    other.query_drop("START TRANSACTION").await.unwrap();
    other.query_drop("INSERT INTO weight SELECT seq FROM seq_1_to_1000").await.unwrap();
    other.query_drop("UPDATE person SET name = 'x' WHERE id = 2").await.unwrap();
    let colliding = async {
        // The erasure waits for Ben's row, whose pointer is to be emptied.
        let waiting = format!(
            "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
              WHERE t.trx_state = 'LOCK WAIT' AND p.db = '{}'",
            slow.database.name()
        );
        until("waiting for a lock", || (look(|| slow.number(&waiting)) > 0).then_some(())).await;
        other.query_drop("UPDATE person SET name = 'y' WHERE id = 1").await.unwrap();
        other.query_drop("COMMIT").await.unwrap();
    };
    let (tried, ()) = tokio::join!(slow.erase(), colliding);
    assert!(matches!(tried, Ok(Stepped::Done(_))), "{tried:?}");
    assert_eq!(slow.number("SELECT count(*) FROM person WHERE id = 2 AND friend IS NULL AND name = 'x'"), 1);
    other.disconnect().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_while_it_runs_either_waits_or_is_counted() {
    let Some(slow) = given_with("", "", |url| Options { pace_ms: 3_000, ..Options::new(url) }) else {
        return;
    };
    let url = slow.database.url();
    let coming = async {
        until("inside the transaction", || inside(&slow.database).pop()).await;
        let mut other = Conn::from_url(url).await.unwrap();
        // Where it comes after the counting it waits, and then there is nobody to point to.
        let _ = other.query_drop("INSERT INTO thing VALUES (9, 1, 'late')").await;
        other.disconnect().await.unwrap();
    };
    let (tried, ()) = tokio::join!(slow.erase(), coming);
    assert!(matches!(tried, Ok(Stepped::Done(_))), "{tried:?}");
    assert_eq!(slow.number("SELECT count(*) FROM thing"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_only_reads_is_not_available() {
    let port = countersign_testing::port::free().unwrap_or(1);
    let source =
        MysqlSource::open("shop", Options::new(format!("mysql://nobody@127.0.0.1:{port}/none"))).unwrap();
    let tried = source.erase(&permit(1, "erase", None), &key(1), &map(MAP), &ana()).await;
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_only_a_text_leads_to_waits_where_there_is_an_index() {
    let more = "CREATE TABLE note (id int PRIMARY KEY, who varchar(20), KEY (who)); INSERT INTO note VALUES (1, '~ana~')";
    let link = "[[table]]\nname = \"note\"\n[[table.way]]\ncolumn = \"who\"\nequals = \"{name}\"\ntreatment = \"delete\"\n";
    let Some(slow) = given_with(more, link, |url| Options { pace_ms: 3_000, ..Options::new(url) }) else {
        return;
    };
    let coming = async {
        let mut other = Conn::from_url(slow.database.url()).await.unwrap();
        // What comes before its table's turn goes too; what comes behind waits for the end.
        other.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while other.query_first::<i64, _>("SELECT count(*) FROM note").await.unwrap() != Some(0) {
            assert!(Instant::now() < deadline, "it never went");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // It may also be the one to lose a deadlock, and then comes again.
        while other.query_drop("INSERT INTO note VALUES (2, '~ana~')").await.is_err() {}
        other.disconnect().await.unwrap();
    };
    let (tried, ()) = tokio::join!(slow.erase(), coming);
    // A row that was counted by nobody would stop it.
    assert!(matches!(tried, Ok(Stepped::Done(_))), "{tried:?}");
    assert_eq!(slow.database.run("SELECT id FROM note").unwrap(), "2", "it came after the erasure");
    assert_eq!(
        slow.source.left(&slow.map, &ana()).await.unwrap().rows(),
        1,
        "and the look afterwards sees it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_nobody_takes_stops_and_its_rows_are_not_read_to_the_end() {
    const MEGABYTES: i64 = 60;
    let more = format!(
        "ALTER TABLE thing MODIFY what text; INSERT INTO thing SELECT seq, 1, repeat('x', 1000) FROM seq_10_to_{MEGABYTES}000;"
    );
    let Some(given) = given(&more, "") else { return };
    let sent = || {
        given.number(
            "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Bytes_sent'",
        )
    };
    let before = sent();
    let (send, mut receive) = tokio::sync::mpsc::channel(1);
    let permit = permit(1, "export", None);
    let target = ana();
    let leaving = async {
        for _ in 0..10 {
            receive.recv().await.unwrap();
        }
        drop(receive);
    };
    let (stopped, ()) = tokio::join!(given.source.export(&permit, &given.map, &target, send), leaving);
    assert!(matches!(stopped, Err(SourceError::Unavailable { .. })), "{stopped:?}");
    let open = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE db = '{}' AND id <> connection_id()",
        given.database.name()
    );
    until("hung up", || (given.number(&open) == 0).then_some(())).await;
    let read = (sent() - before) / 1_000_000;
    assert!(read < MEGABYTES / 2, "{read} of {MEGABYTES} megabytes were sent all the same");
}

/// A wire that is cut at a word of the client: it still reaches the server, whose answer is swallowed.
struct Cut {
    port: u16,
}

impl Cut {
    async fn before_the_answer_to(word: &'static str, server: u16) -> Cut {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = tokio::net::TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(Self::carry(word, client, server));
            }
        });
        Cut { port }
    }

    async fn carry(word: &'static str, mut client: tokio::net::TcpStream, mut server: tokio::net::TcpStream) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut there, mut back) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        let mut said = false;
        loop {
            tokio::select! {
                Ok(read @ 1..) = client.read(&mut there) => {
                    let words = &there[..read];
                    said |= words.windows(word.len()).any(|it| it == word.as_bytes());
                    server.write_all(words).await.unwrap();
                }
                Ok(read @ 1..) = server.read(&mut back) => {
                    // The server has done what it was told; nobody hears of it.
                    if said {
                        return;
                    }
                    client.write_all(&back[..read]).await.unwrap();
                }
                else => return,
            }
        }
    }
}
