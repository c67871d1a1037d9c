#![allow(clippy::unwrap_used)]
use std::io::Read;

use countersign_core::time::Timestamp;
use zip::ZipArchive;

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
async fn row_that_does_not_fit_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let lost = vec![Exported::Row(vec![Value::Null])];
    assert!(packed(&folder, Format::Export, lost).await.unwrap_err().contains("before its table"));
    let mut short = people();
    short.push(Exported::Row(vec![Value::Null]));
    assert!(packed(&folder, Format::Export, short).await.unwrap_err().contains("1 values for 2 columns"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
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
    let row: serde_json::Value = serde_json::from_str(&cell::json_row(&columns, &values)).unwrap();
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
) -> Result<ZipArchive<std::fs::File>, String> {
    let path = folder.path().join("package.zip");
    let (send, receive) = mpsc::channel(1);
    let sending = tokio::spawn(async move {
        for piece in pieces {
            if send.send(piece).await.is_err() {
                return;
            }
        }
    });
    let about = About { request: "r".to_owned(), format, made_at: Timestamp::from_millis(1_800_000_000_000) };
    let written = Zip.write(&path, about, receive).await;
    sending.await.unwrap();
    written.map(|()| ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap())
}

fn entry(zip: &mut ZipArchive<std::fs::File>, name: &str) -> String {
    let mut text = String::new();
    zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}
