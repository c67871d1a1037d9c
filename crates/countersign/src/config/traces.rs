//! `[traces]`: where spans go. Without the section there are none.

use super::section::Section;

/// Where an address names no path.
const PATH: &str = "/v1/traces";

/// A collector of OpenTelemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traces {
    /// Where it takes OTLP over HTTP.
    pub(crate) endpoint: String,
    /// One trace in so many is sent.
    pub(crate) one_in: u64,
}

impl Traces {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        if !section.is_there() {
            return None;
        }
        let endpoint = section.required("endpoint", "\"http://127.0.0.1:4318\"");
        let one_in = section.number("one_in", 1..=1_000_000).unwrap_or(1);
        let endpoint = endpoint.and_then(|written| {
            let whole = whole(&written.value);
            if whole.is_none() {
                let advice = "write it as in `http://127.0.0.1:4318`; what it wants to be told goes into \
                     OTEL_EXPORTER_OTLP_HEADERS";
                section.note(written.span, "`endpoint` is no address of a collector", advice);
            }
            whole
        });
        section.close();
        Some(Self { endpoint: endpoint?, one_in })
    }
}

/// The address with its path; nothing that could be a secret may stand in it.
fn whole(written: &str) -> Option<String> {
    let rest = written.strip_prefix("http://").or_else(|| written.strip_prefix("https://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = rest.chars().all(|c| c.is_ascii_graphic()) && !rest.contains(['@', '?', '#']);
    if host.is_empty() || !plain {
        return None;
    }
    let base = written.trim_end_matches('/');
    Some(if path.is_empty() { format!("{base}{PATH}") } else { written.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_gets_the_usual_path_and_holds_no_secret() {
        for (written, is) in [
            ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/v1/traces")),
            ("https://otel.example/", Some("https://otel.example/v1/traces")),
            ("https://otel.example/in/here", Some("https://otel.example/in/here")),
            ("otel.example", None),
            ("http://", None),
            ("http:///v1/traces", None),
            ("https://me:secret@otel.example", None),
            ("https://otel.example/?key=secret", None),
            ("https://otel.example/a b", None),
        ] {
            assert_eq!(whole(written).as_deref(), is, "{written}");
        }
    }
}
