//! What an administrator applies: settings and data maps. Whatever stands in them, it loads or every mistake has a place.

use std::path::Path;

use countersign_service::settings::{Bundle, DataMap, Settings, report};

use crate::mutator::{fuzz, kind};

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn data_maps_are_read_without_panic_and_every_mistake_is_told() {
    fuzz("map", vec![shipped("shop.datamap.toml").into_bytes()], |input| {
        let text = String::from_utf8_lossy(input);
        match DataMap::read("map.toml", &text) {
            Ok(map) => kind((map.version().len(), map.identity_kinds().len())),
            Err(mistakes) => {
                assert!(!mistakes.is_empty());
                let _ = report(&mistakes);
                // By what is wrong, not by where.
                kind(mistakes.iter().take(2).map(|it| words(&it.message)).collect::<Vec<_>>())
            }
        }
    });
}

#[test]
fn settings_are_read_without_panic_and_every_mistake_is_told() {
    let map = shipped("shop.datamap.toml");
    fuzz("settings", vec![shipped("settings.toml").into_bytes()], |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let files = [
            ("settings.toml", text.as_str()),
            ("maps/shop.toml", &map),
            ("policies/break-glass.cedar", "@id(\"a\")\npermit (principal, action, resource);"),
        ];
        let Ok(bundle) = Bundle::read(&files) else { return 0 };
        match Settings::compile(1, &bundle) {
            Ok(settings) => {
                let now = countersign_core::time::Timestamp::from_millis(1_795_424_400_000);
                let _ = (settings.day_start(now), settings.due_at("erase", now));
                kind((settings.actions.len(), settings.schedules.len(), settings.groups.len()))
            }
            Err(mistakes) => {
                assert!(!mistakes.is_empty());
                let _ = report(&mistakes);
                kind(mistakes.iter().take(2).map(|it| words(&it.message)).collect::<Vec<_>>())
            }
        }
    });
}

/// A message without what it quotes.
fn words(message: &str) -> String {
    message.split('`').step_by(2).collect()
}
