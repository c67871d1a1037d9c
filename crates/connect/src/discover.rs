//! A first data map out of a catalogue, as commented TOML for a person to correct. Everything in it is a guess from
//! names, foreign keys and, where a sample was looked at, the shapes of values, told with its reason; where a guess is
//! doubtful, a comment says `DOUBT`. It must not know any engine, and it never keeps a value.
//!
//! - [`content`], [`look`]: what a sample of values looks like.
//! - [`words`]: what names say.
//! - [`root`]: which table the subjects are in, and how they are named there.
//! - [`sketch`]: ways along foreign keys, and what happens to the rows.
//! - [`need`]: rows that stay keep the rows that they point to.
//! - [`clearing`]: what a cleared row holds instead.
//! - [`loose`]: tables that no foreign key leads to.
//! - [`write`]: the text.

mod clearing;
pub(crate) mod content;
mod look;
mod loose;
mod need;
mod root;
mod sketch;
#[cfg(test)]
mod tests;
mod words;
mod write;

use countersign_service::settings::DataMap;

use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::footprint::Footprint;

/// The first map of `source`, starting at `root_table` or else at the table that looks most like people. What would
/// keep it from being used as it is stands at its top, each as a line to decide.
///
/// # Errors
/// Why there is no table to start at, and what to do.
pub(crate) fn propose(
    source: &str,
    catalog: &Catalog,
    dialect: &'static dyn Dialect,
    root_table: Option<&str>,
) -> Result<String, String> {
    let root = root::choose(catalog, root_table)?;
    let sketch = sketch::draw(catalog, &root);
    let loose = loose::find(catalog, &root, &sketch);
    let body = write::map(source, catalog, &root, &sketch, &loose);
    let decide = decide(&body, catalog, dialect);
    let looked = catalog.tables.values().any(|it| !it.content.is_empty());
    Ok(write::header(source, &root, &decide, looked) + &body)
}

/// What keeps a map from being used as it is.
fn decide(text: &str, catalog: &Catalog, dialect: &'static dyn Dialect) -> Vec<String> {
    let map = match DataMap::parse(text) {
        Ok(map) => map,
        Err(mistakes) => return mistakes.into_iter().map(|it| it.message).collect(),
    };
    let (_, findings) = Footprint::build(&map, catalog, dialect);
    let is_error = |it: &countersign_service::ports::source::Finding| {
        it.severity == countersign_service::ports::source::Severity::Error
    };
    findings.0.into_iter().filter(is_error).map(|it| it.message).collect()
}
