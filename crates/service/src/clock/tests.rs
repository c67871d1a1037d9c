//! What a sound clock may tell.

use super::*;

const ANCHOR: Anchor = Anchor {
    reading: Reading { told: Timestamp::from_millis(1_000_000), asked_ms: 0, answered_ms: 20 },
    confirmed: 0,
};

/// Whether a clock that is off by so much is believed, read between these moments of the steady time.
fn sound(off_ms: i64, asked_ms: i64, answered_ms: i64, back_ms: i64) -> bool {
    let told = Timestamp::from_millis(1_000_000 + asked_ms + off_ms);
    is_sound(ANCHOR.expects(asked_ms, answered_ms), told, back_ms)
}

#[test]
fn step_back_counts_from_the_first_millisecond_that_the_node_does_not_bear() {
    for (off_ms, back_ms, is) in
        [(-1_020, 1_000, true), (-1_021, 1_000, false), (-70, 50, true), (-71, 50, false), (-21, 0, false)]
    {
        assert_eq!(sound(off_ms, 60_000, 60_000, back_ms), is, "{off_ms} ms, bearing {back_ms}");
    }
}

#[test]
fn slow_answer_is_no_step() {
    for took_ms in [10, 5_000, 60_000] {
        // Told at the beginning, or at the end, of the time that the answer took.
        assert!(sound(0, 60_000, 60_000 + took_ms, 0));
        assert!(sound(took_ms, 60_000, 60_000 + took_ms, 0));
    }
    assert!(!sound(-2_000, 60_000, 65_000, 1_000), "what it told before it was asked cannot be explained");
}
