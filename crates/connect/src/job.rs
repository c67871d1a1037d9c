//! What every connector checks before it acts, the same way.

use countersign_core::permit::Permit;
use countersign_core::plan::Counts;
use countersign_core::receipt::ReceiptKey;
use countersign_service::ports::source::SourceError;
use countersign_service::settings::datamap::DataMap;

use crate::footprint::Footprint;
use crate::recipe::PseudonymKey;

/// Whether a permit is for erasing under this key.
pub(crate) fn may_erase(source: &str, permit: &Permit, key: &ReceiptKey) -> Result<(), SourceError> {
    if permit.request() != key.request || permit.run() != key.run {
        return Err(refused(source, "the receipt's key is of another request or run than the permit"));
    }
    match permit.action() {
        "access" | "export" => Err(refused(source, "the permit is for handing out, not for erasing")),
        _ => Ok(()),
    }
}

/// Whether a permit is for handing out.
pub(crate) fn may_export(source: &str, permit: &Permit) -> Result<(), SourceError> {
    match permit.action() {
        "erase" | "purge" => Err(refused(source, "the permit is for erasing, not for handing out")),
        _ => Ok(()),
    }
}

/// Whether a map that makes pseudonyms can be carried out here.
pub(crate) fn may_make(
    source: &str,
    footprint: &Footprint<'_>,
    key: Option<&PseudonymKey>,
) -> Result<(), SourceError> {
    if key.is_none() && footprint.makes_pseudonyms() {
        return Err(refused(source, "its data map makes pseudonyms, and there is no key for them here"));
    }
    Ok(())
}

/// Why nothing may be done by a map that was signed over another schema.
pub(crate) fn other_schema(map: &DataMap, fingerprint: &str) -> Option<&'static str> {
    let other = map.rests_on.as_ref().is_some_and(|signed| signed != fingerprint);
    other.then_some("the tables of the source are not those that were signed")
}

/// # Errors
/// `Refused` where nothing may be handed out by a map that was signed over another schema.
pub(crate) fn as_signed(source: &str, map: &DataMap, fingerprint: &str) -> Result<(), SourceError> {
    other_schema(map, fingerprint).map_or(Ok(()), |why| Err(refused(source, why)))
}

/// Whether more rows were counted than were signed.
pub(crate) fn beyond(counted: &Counts, ceiling: Option<&Counts>) -> bool {
    ceiling.is_some_and(|it| counted.beyond(it).is_some())
}

/// What is counted now and what parts have done before: together they are held against what was signed.
pub(crate) fn plus(counted: &Counts, parts: &Counts) -> Counts {
    let mut sum = counted.clone();
    sum.add_all(parts);
    sum
}

/// Whether a key is of a whole step, where nothing is done in parts.
pub(crate) fn is_whole(source: &str, key: &ReceiptKey) -> Result<(), SourceError> {
    if key.chunk == 0 { Ok(()) } else { Err(refused(source, "it does nothing in parts")) }
}

pub(crate) fn refused(source: &str, reason: impl Into<String>) -> SourceError {
    SourceError::Refused { source_name: source.to_owned(), reason: reason.into() }
}

pub(crate) fn unavailable(source: &str, reason: impl Into<String>) -> SourceError {
    SourceError::Unavailable { source_name: source.to_owned(), reason: reason.into() }
}
