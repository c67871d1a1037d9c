//! Who a span belongs to: the caller's trace as W3C's `traceparent` says it, or the trace of the request that it is about.

use countersign_core::id::RequestId;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// A `traceparent`, if it is one: `00-<32 hex digits>-<16>-<2>`, in lower case. A later version counts by the same parts.
pub(super) fn called(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let whole = lower(version, 2) && lower(trace, 32) && lower(span, 16) && lower(flags, 2);
    if !whole || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

/// The trace of a request has its id, and begins with a span that is known by the id's random half.
pub(super) fn of_request(id: RequestId, flags: TraceFlags) -> SpanContext {
    let bytes = id.as_bytes();
    let mut half = [0; 8];
    half.copy_from_slice(&bytes[8..]);
    SpanContext::new(
        TraceId::from_bytes(*bytes),
        SpanId::from_bytes(half),
        flags,
        false,
        TraceState::default(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn traceparent_is_taken_as_the_standard_writes_it_and_not_otherwise() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = called(good).unwrap();
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.span_id().to_string(), "b7ad6b7169203331");
        assert!(context.is_sampled() && context.is_remote());
        assert!(!called(&good.replace("-01", "-00")).unwrap().is_sampled());
        assert!(called(&good.replace("-01", "-ff")).unwrap().is_sampled(), "other flags are not ours");
        assert!(called(&(good.replace("00-0af", "cc-0af") + "-more")).is_some(), "a later version");
        for bad in [
            "",
            "00",
            &good.to_uppercase(),
            &format!("{good}-more"),
            &good.replace("00-0af", "ff-0af"),
            &good.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &good.replace("b7ad6b7169203331", &"0".repeat(16)),
            &good.replace("b7ad6b7169203331", "b7ad6b716920333"),
            &good.replace("b7ad6b7169203331", "b7ad6b716920333é"),
        ] {
            assert!(called(bad).is_none(), "{bad}");
        }
    }
}
