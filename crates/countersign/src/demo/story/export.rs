//! A customer's export: released on its own after the e-mailed code, with everything of theirs and nothing of others.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{Cursor, Read};

use anyhow::Context;
use countersign_shop::cast::{ANA, BEN, CLEO};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::shop::{Rows, some};
use super::tale::{Tale, missing, refusal, times};

/// Plays it; answers with the digest of the request, which later is a stale one.
pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<String> {
    tale.narrator.scene("Ana asks for a copy of her data, and gets it once she has proved who she is");
    tale.narrator.asks(&format!("POST /v1/requests: export, by the subject, e-mail {}", ANA.email));
    let (own, asked) = tale.subject_asks("export", &[("email", ANA.email)]).await?;
    tale.narrator.missing(&asked);
    tale.narrator.equal(
        "it waits for the proof of the address",
        missing(&asked),
        ["survey", "verification"].map(str::to_owned).to_vec(),
    );
    tale.narrator.check(
        "before the proof it shows nothing of anybody",
        asked.plan.is_none() && asked.digest.is_none(),
    );
    let early = own.client.package(&own.id, &mut Vec::new(), |_, _| {}).await;
    tale.narrator.equal("and has no package", refusal(&early), "409 too_early".to_owned());

    own.client.start_verification(&own.id, "email").await?;
    let code = tale.inbox.code(&own.id, ANA.email).await?;
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    let tried = own.client.prove(&own.id, "email", wrong).await;
    tale.narrator.equal("a wrong code is refused", refusal(&tried), "422 wrong_code".to_owned());
    tale.narrator.asks("the code from the mail to her");
    own.client.prove(&own.id, "email", &code).await?;

    let done = tale.wait_for_end(&own.id).await?;
    tale.narrator.says(&format!("now: {}; nobody had to sign", done.status));
    tale.narrator.equal("it was released on its own and completed", done.status.as_str(), "completed");
    tale.narrator.equal("in one run", (done.runs, times(&done, "run_started")), (1, 1));

    let mut package = Vec::new();
    own.client.package(&own.id, &mut package, |_, _| {}).await?;
    let other = tale.client("olga-officer")?.package(&own.id, &mut Vec::new(), |_, _| {}).await;
    tale.narrator.equal(
        "nobody else fetches it, not even an officer",
        refusal(&other),
        "403 not_allowed".to_owned(),
    );
    let files = open(tale, package)?;
    holds_all_of_hers(tale, &files)?;
    holds_nothing_of_others(tale, &files)?;
    done.digest.context("an ended request keeps its digest")
}

/// The files of the package by name, each as its manifest says.
fn open(tale: &mut Tale, package: Vec<u8>) -> anyhow::Result<BTreeMap<String, String>> {
    let bytes = package.len();
    let mut zip = ZipArchive::new(Cursor::new(package)).context("the package is no ZIP")?;
    let mut files = BTreeMap::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at)?;
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        let name = entry.name().map_or_else(|_| format!("entry {at}"), |name| name.to_string());
        files.insert(name, text);
    }
    tale.narrator.says(&format!("the package: {bytes} bytes, {} files", files.len()));
    let manifest: Value =
        serde_json::from_str(files.get("manifest.json").context("the package has no manifest")?)?;
    let listed = manifest["files"].as_array().context("the manifest lists no files")?;
    let sound = listed.iter().all(|file| {
        let text = file["name"].as_str().and_then(|name| files.get(name));
        text.is_some_and(|text| file["sha256"] == hex::encode(Sha256::digest(text.as_bytes())))
    });
    tale.narrator
        .check("it opens, and every file has the checksum of its manifest", sound && !listed.is_empty());
    tale.narrator.check("with a page to read", files.contains_key("index.html"));
    Ok(files)
}

fn holds_all_of_hers(tale: &mut Tale, files: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let expected = some(tale.shop.own(ANA.id)?);
    let (mut json, mut csv) = (Rows::new(), Rows::new());
    for (name, text) in files {
        let Some((stem, form)) = name.strip_prefix("shop/").and_then(|name| name.rsplit_once('.')) else {
            continue;
        };
        // Rows of one table that disclose different columns stand in files of their own: `message`, `message-2`.
        let table = stem.split('-').next().unwrap_or(stem).to_owned();
        match form {
            "json" => {
                let rows: Vec<Value> =
                    serde_json::from_str(text).with_context(|| format!("{name} is no JSON"))?;
                *json.entry(table).or_default() += rows.len() as u64;
            }
            // None of the shop's values has a line break in it.
            "csv" => *csv.entry(table).or_default() += (text.lines().count() as u64).saturating_sub(1),
            _ => anyhow::bail!("the package has a file that nobody expects: {name}"),
        }
    }
    let rows: u64 = expected.values().sum();
    let claim = format!("it holds her {rows} rows from all {} tables, as SQL counts them", expected.len());
    tale.narrator.equal(&claim, some(json), expected.clone());
    tale.narrator.equal("and the same as CSV", some(csv), expected);
    Ok(())
}

/// Looks for whatever names any of the other 9,999.
fn holds_nothing_of_others(tale: &mut Tale, files: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let connection = tale.shop.look()?;
    let mut statement = connection.prepare(
        "SELECT value FROM (
           SELECT id, account AS value FROM customer UNION SELECT id, email FROM customer
           UNION SELECT id, 'customer:' || id FROM customer UNION SELECT customer_id, ip FROM visit
           UNION SELECT customer_id, card_token FROM payment JOIN orders ON orders.id = order_id)
         WHERE id <> ?1",
    )?;
    let others: HashSet<String> =
        statement.query_map([ANA.id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut found = BTreeSet::new();
    for text in files.values() {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "@.:_-".contains(c)));
        found.extend(words.map(|word| word.trim_matches('.')).filter(|word| others.contains(*word)));
    }
    let claim = format!(
        "none of the {} addresses, accounts, cards and keys of other customers is in it",
        others.len()
    );
    tale.narrator.equal(&claim, found, BTreeSet::new());
    let neighbours = [tale.shop.values(BEN.id)?, tale.shop.values(CLEO.id)?].concat();
    let seen: Vec<&String> =
        neighbours.iter().filter(|value| files.values().any(|text| holds(text, value))).collect();
    tale.narrator.equal(
        "nor any value of Ben, who lives with her, or Cleo, who wrote to her",
        seen,
        Vec::new(),
    );
    Ok(())
}

fn holds(text: &str, value: &str) -> bool {
    let edge = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    text.match_indices(value)
        .any(|(at, _)| edge(text[..at].chars().next_back()) && edge(text[at + value.len()..].chars().next()))
}
