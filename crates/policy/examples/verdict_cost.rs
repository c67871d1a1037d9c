//! What a verdict with its explanation costs beside a bare decision on the same input, as ratios of one run.
//! `cargo run --release -p countersign-policy --example verdict_cost`
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/given/mod.rs"]
mod given;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use countersign_policy::*;
use given::*;

/// Our own policies, filled up to `count` with others for the same two actions.
fn many(count: usize, alike: bool) -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/");
    let ours = ["export", "erase", "purge"]
        .map(|it| std::fs::read_to_string(format!("{folder}{it}.cedar")).unwrap());
    let mut text = ours.concat();
    for n in text.matches("@id").count()..count {
        let action = if n % 2 == 0 { "erase" } else { "export" };
        let channel = if alike { "portal" } else { "gateway" };
        if n % 10 == 0 {
            writeln!(
                text,
                "@id(\"f{n}\") forbid(principal, action == Action::\"{action}\", resource is Subject)
                when {{ resource.region == \"r{n}\" && context.approvals.any < {n} }};"
            )
            .unwrap();
        } else {
            writeln!(
                text,
                "@id(\"p{n}\") permit(principal, action == Action::\"{action}\", resource is Subject)
                when {{ context.environment == \"production\" && context.channel == \"{channel}\"
                    && context.verified.containsAll([\"email\", \"totp\"]) && context.approvals.privacy >= {}
                    && context.waited >= duration(\"{n}h\") && context.running.{action} < 100 }};",
                n % 4 + 1
            )
            .unwrap();
        }
    }
    vec![("many.cedar".to_owned(), text)]
}

/// Least microseconds for one call, over batches.
fn least(mut call: impl FnMut()) -> f64 {
    let batch = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..200).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e6 / 200.0
    };
    (0..15).map(|_| batch(&mut call)).fold(f64::MAX, f64::min)
}

fn main() {
    let mut waiting = own("erase");
    waiting.verified.insert("email".into());
    waiting.approvals.insert("privacy".into(), 1);
    waiting.approvals_any = 1;
    let mut ready = waiting.clone();
    ready.verified.insert("totp".into());
    ready.approvals.insert("privacy".into(), 2);
    ready.waited_ms = 72 * HOUR_MS;
    for (shape, alike) in [("one way", false), ("every policy a way", true)] {
        for count in [14, 50, 200] {
            let start = Instant::now();
            let set = load(&vocabulary(), &many(count, alike)).unwrap();
            let loaded = start.elapsed();
            for (name, facts) in [("waiting", &waiting), ("released", &ready)] {
                let bare = Bare::of(&set, facts).unwrap();
                let alone = least(|| {
                    black_box(bare.is_authorized());
                });
                let whole = least(|| drop(black_box(judge(&set, facts))));
                let prepared = least(|| drop(black_box(Bare::of(&set, facts))));
                println!(
                    "{shape}, {count} policies, {name}: bare {alone:.0} µs, verdict {whole:.0} µs, ratio {:.1} \
                     (facts alone {prepared:.0} µs; load {loaded:.0?})",
                    whole / alone
                );
            }
        }
    }
}
