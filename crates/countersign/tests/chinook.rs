//! The walk of `examples/chinook/README.md`, as it stands there, on a copy of data that nobody here made: on SQLite
//! and on PostgreSQL. What it says about the outcome is then looked up in the shop's own database and in the package.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_service::settings::DataMap;
use countersign_testing::postgres::{Database, database_or_skip};
use countersign_testing::{port, samples};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Longer than this, and something waits for what never comes.
const SECONDS: &str = "180";

#[test]
fn chinook_on_sqlite_is_mapped_exported_and_erased() {
    let Some(samples) = samples() else { return };
    let walk = Walk::prepare();
    let before = Connection::open(samples.join("chinook/Chinook_Sqlite.sqlite")).unwrap();
    let names = Names {
        customer: "Customer",
        invoice: "Invoice",
        line: "InvoiceLine",
        employee: "Employee",
        customer_id: "CustomerId",
        invoice_id: "InvoiceId",
        line_id: "InvoiceLineId",
        billing: ["BillingAddress", "BillingCity", "BillingState", "BillingCountry", "BillingPostalCode"],
    };
    let others = names.others(&|sql| rows(&before, sql));
    walk.run("sqlite", &samples, &[]);
    let shop = Connection::open(walk.folder.path().join("chinook.sqlite")).unwrap();
    names.check(&walk, &|sql| rows(&shop, sql));
    assert_eq!(names.others(&|sql| rows(&shop, sql)), others, "somebody else's rows changed");
}

#[test]
fn chinook_on_postgres_is_mapped_exported_and_erased() {
    let Some(samples) = samples() else { return };
    let Some(database) = database_or_skip() else { return };
    database.run_script(&samples.join("chinook/Chinook_PostgreSql.sql")).unwrap();
    let walk = Walk::prepare();
    let names = Names {
        customer: "customer",
        invoice: "invoice",
        line: "invoice_line",
        employee: "employee",
        customer_id: "customer_id",
        invoice_id: "invoice_id",
        line_id: "invoice_line_id",
        billing: [
            "billing_address",
            "billing_city",
            "billing_state",
            "billing_country",
            "billing_postal_code",
        ],
    };
    let look = |database: &Database<'_>, sql: &str| -> Vec<String> {
        database.run(sql).unwrap().lines().map(str::to_owned).collect()
    };
    let others = names.others(&|sql| look(&database, sql));
    walk.run("postgres", &samples, &[("CHINOOK_URL", &database.url())]);
    names.check(&walk, &|sql| look(&database, sql));
    assert_eq!(names.others(&|sql| look(&database, sql)), others, "somebody else's rows changed");
}

/// The folder of a walk, beside a copy of the example that listens elsewhere.
struct Walk {
    folder: tempfile::TempDir,
    example: tempfile::TempDir,
    port: String,
}

impl Walk {
    fn prepare() -> Self {
        let (folder, example) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let walk = Self { folder, example, port: port::free().unwrap().to_string() };
        walk.copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/chinook"), walk.example.path());
        walk
    }

    fn copy(&self, from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (path, name) = entry.map(|it| (it.path(), it.file_name())).unwrap();
            if path.is_dir() {
                self.copy(&path, &to.join(name));
            } else {
                let text = fs::read_to_string(&path).unwrap();
                fs::write(to.join(name), text.replace("7300", &self.port)).unwrap();
            }
        }
    }

    /// Runs the blocks of the README that are for everybody or for `engine`, in order, in one shell.
    fn run(&self, engine: &str, samples: &Path, variables: &[(&str, &str)]) {
        let readme = fs::read_to_string(self.example.path().join("README.md")).unwrap();
        let script = format!(
            "set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{}",
            blocks(&readme, engine)
        );
        let path = self.example.path().join("walk.sh");
        fs::write(&path, script).unwrap();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_countersign"));
        let search = std::env::var("PATH").unwrap();
        let output = Command::new("timeout")
            .args([SECONDS, "bash"])
            .arg(&path)
            .current_dir(self.folder.path())
            .env_remove("COUNTERSIGN_CONFIG")
            .env_remove("COUNTERSIGN_URL")
            .env("EXAMPLE", self.example.path())
            .env("SAMPLES", samples.join("chinook"))
            .env("PATH", format!("{}:{search}", program.parent().unwrap().display()))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let log = fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default();
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}\n{said}\n{complained}\n{log}", output.status);
    }

    /// The rows of a table in the package; none if the package does not have the table.
    fn exported(&self, table: &str) -> Option<Vec<serde_json::Value>> {
        let file = fs::File::open(self.folder.path().join("customer-12.zip")).unwrap();
        let mut package = zip::ZipArchive::new(file).unwrap();
        let entry = package.by_name(&format!("chinook/{table}.json")).ok()?;
        Some(serde_json::from_reader(entry).unwrap())
    }

    /// The tables in the package.
    fn tables(&self) -> Vec<String> {
        let file = fs::File::open(self.folder.path().join("customer-12.zip")).unwrap();
        let package = zip::ZipArchive::new(file).unwrap();
        let all = package.file_names().map(|it| it.unwrap().into_owned());
        let table = |it: String| Some(it.strip_prefix("chinook/")?.strip_suffix(".json")?.to_owned());
        let mut names: Vec<String> = all.filter_map(table).collect();
        names.sort();
        names
    }

    fn map(&self, path: &str) -> DataMap {
        DataMap::parse(&fs::read_to_string(self.folder.path().join(path)).unwrap()).unwrap()
    }
}

/// What the engines' scripts call things.
struct Names {
    customer: &'static str,
    invoice: &'static str,
    line: &'static str,
    employee: &'static str,
    customer_id: &'static str,
    invoice_id: &'static str,
    line_id: &'static str,
    billing: [&'static str; 5],
}

type Look<'a> = dyn Fn(&str) -> Vec<String> + 'a;

impl Names {
    fn check(&self, walk: &Walk, look: &Look<'_>) {
        self.the_proposal_needed_no_table_added_or_taken_out(walk);
        self.the_package_is_customer_12s(walk, look);
        self.customer_13_is_gone_and_the_invoices_are_not(look);
    }

    fn the_proposal_needed_no_table_added_or_taken_out(&self, walk: &Walk) {
        let (proposed, corrected) = (walk.map("proposed.toml"), walk.map("settings/maps/chinook.toml"));
        assert_eq!(proposed.roots[0].rule, corrected.roots[0].rule);
        for (one, other) in proposed.tables.iter().zip(&corrected.tables) {
            let treated = |it: &countersign_service::settings::datamap::Table| {
                let ways = it.ways.iter().map(|it| (it.rule.treatment, it.rule.empty.clone()));
                (it.name.clone(), ways.collect::<Vec<_>>())
            };
            assert_eq!(treated(one), treated(other));
        }
        assert_eq!(proposed.tables.len(), corrected.tables.len());
        let said = fs::read_to_string(walk.folder.path().join("proposed.toml")).unwrap();
        assert!(said.contains(&format!("`{}` looks like staff", self.employee)), "{said}");
        assert!(said.contains("DOUBT"), "{said}");
    }

    fn the_package_is_customer_12s(&self, walk: &Walk, look: &Look<'_>) {
        let (customer, invoice, line) = (self.customer, self.invoice, self.line);
        assert_eq!(walk.tables(), [customer, invoice, line], "neither employees nor tracks");
        let column = |table: &str, column: &str| -> Vec<String> {
            walk.exported(table).unwrap().iter().map(|it| it[column].to_string()).collect()
        };
        assert_eq!(column(customer, self.customer_id), ["12"]);
        let mut invoices = column(invoice, self.invoice_id);
        let mut lines = column(line, self.line_id);
        assert_eq!((invoices.len(), lines.len()), (7, 38));
        invoices.sort();
        lines.sort();
        let mut held =
            look(&format!("SELECT {} FROM {invoice} WHERE {} = 12", self.invoice_id, self.customer_id));
        held.sort();
        assert_eq!(invoices, held);
        let mut held = look(&format!(
            "SELECT {} FROM {line} WHERE {id} IN (SELECT {id} FROM {invoice} WHERE {} = 12)",
            self.line_id,
            self.customer_id,
            id = self.invoice_id
        ));
        held.sort();
        assert_eq!(lines, held);
    }

    fn customer_13_is_gone_and_the_invoices_are_not(&self, look: &Look<'_>) {
        let row = look(&format!("SELECT * FROM {} WHERE {} = 13", self.customer, self.customer_id));
        assert_eq!(row, ["13|erased|erased|||||||||erased-13@invalid.example|4"]);
        let invoices = format!("FROM {} WHERE {} = 13", self.invoice, self.customer_id);
        assert_eq!(look(&format!("SELECT count(*), sum(total) {invoices}")), ["7|37.62"]);
        let empty: Vec<String> = self.billing.iter().map(|it| format!("{it} IS NULL")).collect();
        assert_eq!(look(&format!("SELECT count(*) {invoices} AND {}", empty.join(" AND "))), ["7"]);
        let lines = look(&format!(
            "SELECT count(*) FROM {} WHERE {id} IN (SELECT {id} {invoices})",
            self.line,
            id = self.invoice_id
        ));
        assert_eq!(lines, ["38"]);
    }

    /// Every row that is not customer 13's.
    fn others(&self, look: &Look<'_>) -> Vec<Vec<String>> {
        let own = format!("{} <> 13", self.customer_id);
        vec![
            look(&format!("SELECT * FROM {} WHERE {own} ORDER BY 1", self.customer)),
            look(&format!("SELECT * FROM {} WHERE {own} ORDER BY 1", self.invoice)),
            look(&format!("SELECT * FROM {} ORDER BY 1", self.line)),
            look(&format!("SELECT * FROM {} ORDER BY 1", self.employee)),
        ]
    }
}

/// The shell blocks of a page that are marked with nothing or with `engine`.
fn blocks(page: &str, engine: &str) -> String {
    let mut blocks = String::new();
    let mut wanted = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(mark) => wanted = mark == "sh" || mark.strip_prefix("sh ") == Some(engine),
            None if wanted => blocks.extend([line, "\n"]),
            None => {}
        }
    }
    assert!(blocks.contains("countersign request package"), "the README has lost its walk");
    blocks
}

/// Rows as `psql -A -t` prints them.
fn rows(shop: &Connection, sql: &str) -> Vec<String> {
    let mut statement = shop.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let cells = (0..columns).map(|it| match row.get_ref(it)? {
            ValueRef::Null => Ok(String::new()),
            ValueRef::Integer(number) => Ok(number.to_string()),
            ValueRef::Real(number) => Ok(format!("{number:.2}")),
            ValueRef::Text(text) | ValueRef::Blob(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        });
        Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    };
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}
