#![allow(clippy::unwrap_used)]
use std::io::{Cursor, Read};

use countersign_core::time::Timestamp;
use zip::ZipArchive;

use super::spool::Spool;

use super::*;

#[tokio::test]
async fn package_holds_every_row_in_each_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut zip = packed(&folder, Format::Export, people()).await.unwrap();
    let rows: serde_json::Value = serde_json::from_str(&entry(&mut zip, "shop/customer.json")).unwrap();
    assert_eq!(rows, serde_json::json!([{"id": 7, "name": "<b>Ana</b>"}, {"id": -8, "name": "=1+1"}]));
    assert_eq!(entry(&mut zip, "shop/customer.csv"), "id,name\n7,<b>Ana</b>\n-8,'=1+1\n");
    let page = entry(&mut zip, "index.html");
    assert!(page.contains("&lt;b&gt;Ana") && !page.contains("<b>Ana") && page.contains("2 rows."));
    assert!(page.contains("password (never disclosed)"));
}

#[tokio::test]
async fn manifest_lists_every_file_with_its_checksum() {
    use sha2::{Digest, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let mut zip = packed(&folder, Format::Export, people()).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&entry(&mut zip, "manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len() + 1, zip.len());
    assert_eq!(
        manifest["tables"][0]["files"],
        serde_json::json!(["shop/customer.json", "shop/customer.csv"])
    );
    for file in files {
        let content = entry(&mut zip, file["name"].as_str().unwrap());
        assert_eq!(file["sha256"], hex::encode(Sha256::digest(content.as_bytes())));
        assert_eq!(file["bytes"], content.len());
    }
    assert_eq!(manifest["tables"][0]["rows"], 2);
}

#[tokio::test]
async fn access_is_a_page_to_read_without_data_files() {
    let folder = tempfile::tempdir().unwrap();
    let zip = packed(&folder, Format::Access, people()).await.unwrap();
    let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["index.html", "README.txt", "manifest.json"]);
}

#[tokio::test]
async fn package_of_nothing_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let mut zip = packed(&folder, Format::Export, vec![]).await.unwrap();
    assert!(entry(&mut zip, "index.html").contains("What is held about you"));
}

#[tokio::test]
async fn row_that_does_not_fit_ends_it_and_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let lost = vec![Exported::Row(vec![Value::Null])];
    assert!(packed(&folder, Format::Export, lost).await.unwrap_err().contains("before its table"));
    let mut short = people();
    short.push(Exported::Row(vec![Value::Null]));
    assert!(packed(&folder, Format::Export, short).await.unwrap_err().contains("1 values for 2 columns"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn page_speaks_the_subjects_language_and_that_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut zip = packed_in(&folder, &Zip::default(), Format::Access, "de", people()).await.unwrap();
    let page = entry(&mut zip, "index.html");
    assert!(page.contains("<html lang=\"de\">") && page.contains("Was über Sie gespeichert ist"), "{page}");
    assert!(page.contains("password (wird nie herausgegeben)") && page.contains("2 Einträge."), "{page}");

    let words = tempfile::tempdir().unwrap();
    std::fs::write(words.path().join("fr.txt"), "title = Ce que nous savons de vous\n").unwrap();
    let french = Zip::speaking(words.path()).unwrap();
    let mut zip = packed_in(&folder, &french, Format::Access, "fr", people()).await.unwrap();
    let page = entry(&mut zip, "index.html");
    assert!(page.contains("<html lang=\"fr\">") && page.contains("Ce que nous savons"), "{page}");
    // What its file lacks is said in English, and so is a language that nobody wrote.
    assert!(page.contains("2 rows."), "{page}");
    let mut zip = packed_in(&folder, &french, Format::Access, "it", people()).await.unwrap();
    assert!(entry(&mut zip, "index.html").contains("<html lang=\"en\">"));

    std::fs::write(words.path().join("it.txt"), "titel = Cio che\n").unwrap();
    assert!(Zip::speaking(words.path()).unwrap_err().contains("`titel`"));
}

#[tokio::test]
async fn schema_says_what_kinds_of_values_each_column_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut pieces = people();
    pieces.push(Exported::Row(vec![Value::Int(1), Value::Null]));
    let mut zip = packed(&folder, Format::Export, pieces).await.unwrap();
    let schema: serde_json::Value = serde_json::from_str(&entry(&mut zip, "schema.json")).unwrap();
    let row = &schema["$defs"]["shop/customer.json"]["items"];
    assert_eq!(row["properties"]["id"]["type"], "integer");
    assert_eq!(row["properties"]["name"]["type"], serde_json::json!(["null", "string"]));
    assert_eq!(row["required"], serde_json::json!(["id", "name"]));
}

#[tokio::test]
async fn much_goes_on_in_further_pages_and_every_row_stands_once_in_each_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut pieces = people();
    pieces.extend((0..12_000).map(|n| Exported::Row(vec![Value::Int(n), Value::Text("x".to_owned())])));
    let mut zip = packed(&folder, Format::Export, pieces).await.unwrap();
    let pages: Vec<String> =
        ["index.html", "page-2.html", "page-3.html"].map(|name| entry(&mut zip, name)).into();
    let rows: usize = pages.iter().map(|page| page.matches("<tr><td>").count()).sum();
    assert_eq!(rows, 12_002);
    assert!(pages[0].contains("href=\"page-2.html\"") && pages[1].contains("href=\"index.html\""));
    assert!(pages[1].contains("(continued)") && pages[2].contains("12002 rows."));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&entry(&mut zip, "shop/customer.json")).unwrap();
    assert_eq!(rows.len(), 12_002);
    assert_eq!(entry(&mut zip, "shop/customer.csv").lines().count(), 12_003);
}

#[tokio::test]
async fn writer_stops_when_nobody_takes_the_package() {
    let folder = tempfile::tempdir().unwrap();
    let (send, receive) = mpsc::channel(1);
    let (out, taken) = mpsc::channel(1);
    drop(taken);
    drop(send);
    let about = About {
        request: "r".to_owned(),
        format: Format::Export,
        made_at: Timestamp::from_millis(0),
        language: "en".to_owned(),
    };
    let why = Zip::default().write(folder.path(), about, receive, out).await.unwrap_err();
    assert!(why.contains("nobody takes it"), "{why}");
}

#[test]
fn working_file_holds_ciphertext_and_is_read_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = Vec::new();
    // Hardly to be deflated, so that there are several chunks.
    let mut x = 7u32;
    for _ in 0..300_000 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        plain.push((x >> 24) as u8);
    }
    let mut spool = Spool::new(folder.path()).unwrap();
    spool.write_all(&plain).unwrap();
    let spooled = spool.finish().unwrap();
    assert_eq!(spooled.length, 300_000);
    let mut packed = Vec::new();
    spooled.copy_to(&mut packed).unwrap();
    let mut back = Vec::new();
    flate2::read::DeflateDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
    assert!(back == plain);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
}

#[test]
fn archive_beyond_the_old_limits_is_read_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = Archive::new(Vec::new(), Timestamp::from_millis(1_800_000_000_000)).with_narrow(64);
    for (name, text) in [("a", "short".to_owned()), ("ä/b", "longer than any ".repeat(20))] {
        let mut spool = Spool::new(folder.path()).unwrap();
        spool.write_all(text.as_bytes()).unwrap();
        archive.add(name, spool.finish().unwrap()).unwrap();
    }
    let mut zip = ZipArchive::new(Cursor::new(archive.finish().unwrap())).unwrap();
    assert_eq!(entry(&mut zip, "a"), "short");
    assert_eq!(entry(&mut zip, "ä/b").len(), 320);
    assert_eq!(zip.by_name("a").unwrap().unix_mode(), Some(0o100_600));
}

#[test]
fn names_of_files_are_safe_and_each_stands_once() {
    let mut names = Names::default();
    assert_eq!(names.of("../..", "etc/passwd"), "_____/etc_passwd");
    assert_eq!(names.of("shop", "CON"), "shop/CON_");
    assert_eq!(names.of("shop", ""), "shop/_");
    assert_eq!(names.of("shop", "Größe"), "shop/Größe");
    assert_eq!(names.of("shop", "a.b"), "shop/a_b");
    assert_eq!(names.of("shop", "A_B"), "shop/A_B-2");
    assert!(names.of("shop", &"x".repeat(5000)).len() < 100);
}

#[test]
fn value_that_begins_like_a_formula_is_made_text() {
    for formula in ["=1", "+cmd", "-2+3", "@sum", "\t=1", "\r=1", " =1", "|x", "%0"] {
        assert!(cell::guarded(formula).starts_with('\''), "{formula:?}");
    }
    for plain in ["-12.5", "+4930123", "name", "a=b"] {
        assert_eq!(cell::guarded(plain), plain);
    }
}

#[test]
fn every_value_is_valid_json() {
    let values = vec![
        Value::Null,
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::Real(f64::NAN),
        Value::Real(0.5),
        Value::Text("a\0\u{1}\"\\".to_owned()),
        Value::Bytes(vec![0, 255]),
        Value::Json("{\"b\": 1}".to_owned()),
        Value::Json("{broken".to_owned()),
    ];
    let columns: Vec<String> = (0..values.len()).map(|column| format!("c{column}")).collect();
    let mut text = Vec::new();
    cell::json_row(&cell::json_keys(&columns), &values, &mut text);
    let row: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(row["c2"], i64::MIN);
    assert!(row["c3"].is_null());
    assert_eq!(row["c6"], "base64:AP8=");
    assert_eq!(row["c7"]["b"], 1);
    assert_eq!(row["c8"], "{broken");
}

fn people() -> Vec<Exported> {
    vec![
        Exported::Table {
            source: "shop".to_owned(),
            table: "customer".to_owned(),
            columns: vec!["id".to_owned(), "name".to_owned()],
            left_out: vec![("password".to_owned(), "never disclosed".to_owned())],
        },
        Exported::Row(vec![Value::Int(7), Value::Text("<b>Ana</b>".to_owned())]),
        Exported::Row(vec![Value::Int(-8), Value::Text("=1+1".to_owned())]),
    ]
}

async fn packed(
    folder: &tempfile::TempDir,
    format: Format,
    pieces: Vec<Exported>,
) -> Result<ZipArchive<Cursor<Vec<u8>>>, String> {
    packed_in(folder, &Zip::default(), format, "en", pieces).await
}

async fn packed_in(
    folder: &tempfile::TempDir,
    zip: &Zip,
    format: Format,
    language: &str,
    pieces: Vec<Exported>,
) -> Result<ZipArchive<Cursor<Vec<u8>>>, String> {
    let (send, receive) = mpsc::channel(1);
    let sending = tokio::spawn(async move {
        for piece in pieces {
            if send.send(piece).await.is_err() {
                return;
            }
        }
    });
    let (out, mut taken) = mpsc::channel::<Vec<u8>>(1);
    let taking = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(piece) = taken.recv().await {
            all.extend(piece);
        }
        all
    });
    let made_at = Timestamp::from_millis(1_800_000_000_000);
    let about = About { request: "r".to_owned(), format, made_at, language: language.to_owned() };
    let written = zip.write(folder.path(), about, receive, out).await;
    sending.await.unwrap();
    let all = taking.await.unwrap();
    written.map(|()| ZipArchive::new(Cursor::new(all)).unwrap())
}

fn entry(zip: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> String {
    let mut text = String::new();
    zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}
