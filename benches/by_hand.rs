//! A script for pgbench, as somebody writes it who knows the tables: the rows of one request, in one transaction.

use std::fmt::Write as _;

use tokio_postgres::Client;

/// The tables in which a submit leaves rows, each with how the request's rows are found by its id `$1`.
const TABLES: [(&str, &str); 6] = [
    ("request", "id = $1"),
    ("event", "request = $1"),
    ("request_term", "request = $1"),
    ("dek", "request = $1"),
    ("sealed", "request = $1"),
    ("log_entry", "request = $1"),
];
/// What a submit must not leave, or it would have to be measured with it.
const NOTHING_IN: [&str; 2] =
    ["select count(*) from job where key = $1", "select count(*) from record where id = $1"];
/// The two counts of a submit, last, as others wait for the second: of the identity, which is new, and of the token, which
/// stands in one of several rows.
const COUNTS: &str = "insert into record (kind, id, version, body, expires_at) values \
    ('flood', encode(int8send(:a) || int8send(:b) || int8send(:b) || int8send(:a), 'hex'), 1, {body}, {expires_at});\n\
    insert into record (kind, id, version, body, expires_at) values \
    ('flood', encode(int8send(:p) || int8send(:p) || int8send(:p) || int8send(:p), 'hex'), 1, {body}, {expires_at}) \
    on conflict (kind, id) do update set version = record.version + 1, body = excluded.body, \
    expires_at = excluded.expires_at;\n";
/// In how many rows a token is counted.
const PLACES: u32 = 256;

/// The script that inserts the rows of the request that was submitted last, under new ids. `\startpipeline` sends all
/// statements at once, which few write by hand: with `pipeline`.
pub(crate) async fn like_last_request(db: &Client, pipeline: bool) -> String {
    let last = "select id from request order by submitted_at desc, id desc limit 1";
    let id: Vec<u8> = db.query_one(last, &[]).await.unwrap().get(0);
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    for sql in NOTHING_IN {
        let left: i64 = db.query_one(sql, &[&name]).await.unwrap().get(0);
        assert_eq!(left, 0, "{sql}");
    }
    let mut script =
        "\\set a random(1, 1000000000000000000)\n\\set b random(1, 1000000000000000000)\n".to_owned();
    writeln!(script, "\\set p random(1, {PLACES})").unwrap();
    script += if pipeline { "\\startpipeline\nbegin;\n" } else { "begin;\n" };
    for (table, of) in TABLES {
        rows(db, &mut script, table, of, &id, &hex).await;
    }
    script += &counts(db).await;
    script += "commit;\n";
    if pipeline {
        script += "\\endpipeline\n";
    }
    script
}

async fn counts(db: &Client) -> String {
    let one =
        "select encode(body, 'hex'), expires_at from record where kind = 'flood' and version = 1 limit 1";
    let one = db.query_one(one, &[]).await.unwrap();
    let (body, expires_at): (String, i64) = (one.get(0), one.get(1));
    COUNTS
        .replace("{body}", &format!("decode('{body}', 'hex')"))
        .replace("{expires_at}", &expires_at.to_string())
}

async fn rows(db: &Client, script: &mut String, table: &str, of: &str, id: &Vec<u8>, hex: &str) {
    // The ledger's rows come from the sequencer; a submit queues them, with the same content.
    let (into, renamed) = if table == "log_entry" { ("log_queue", true) } else { (table, false) };
    let columns = "select column_name::text, udt_name::text from information_schema.columns \
                   where table_name = $1 and is_generated = 'NEVER' order by ordinal_position";
    let columns: Vec<(String, String)> = db
        .query(columns, &[&table])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .filter(|(name, _): &(String, String)| !(renamed && name == "seq"))
        .collect();
    let texts: Vec<String> = columns.iter().map(|(name, _)| format!("{name}::text")).collect();
    let found =
        db.query(&format!("select {} from {table} where {of}", texts.join(", ")), &[id]).await.unwrap();
    assert!(!found.is_empty() || table != "log_entry", "the entry is not in the ledger yet");
    if found.is_empty() {
        return;
    }
    let names: Vec<&str> = columns
        .iter()
        .map(|(name, _)| if renamed && name == "event_seq" { "seq" } else { &**name })
        .collect();
    let values: Vec<String> = found
        .iter()
        .map(|row| {
            let is_subject = table == "request_term" && row.get::<_, String>(0) == "stated";
            let cells: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(at, (name, kind))| match row.get::<_, Option<String>>(at) {
                    None => "null".to_owned(),
                    Some(text) if kind == "bytea" && text == format!("\\x{hex}") => {
                        "int8send(:a) || int8send(:b)".to_owned()
                    }
                    Some(_) if is_subject && name == "value" => {
                        "int8send(:a) || int8send(:b) || int8send(:b) || int8send(:a)".to_owned()
                    }
                    Some(text) => {
                        format!("'{}'::{kind}", text.replace('\'', "''").replace(':', "' || chr(58) || '"))
                    }
                })
                .map(|cell| if cell.contains("chr(58)") { in_one(&cell) } else { cell })
                .collect();
            format!("({})", cells.join(", "))
        })
        .collect();
    writeln!(script, "insert into {into} ({}) values {};", names.join(", "), values.join(", ")).unwrap();
}

/// A colon and a name would be a variable of pgbench: the parts of such a text are put together by the server.
fn in_one(cell: &str) -> String {
    let (text, kind) = cell.rsplit_once("::").unwrap();
    format!("cast({text} as {kind})")
}
