//! What stands in the folder of a demo, and how it comes to be there. Every part is made once; a folder that was left
//! half made is gone on with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use countersign_service::caller::{Caller, Role};
use countersign_service::{NewPerson, NewToken, Service};
use countersign_shop::{Scale, cast};

use crate::command::init::begin;
use crate::config::{Config, FILE};
use crate::installation::{SystemChance, keys, people, private_file, private_folder};
use crate::output::progress;
use crate::wiring;

/// How long an erasure cools off in a demo, instead of three days.
pub(crate) const COOLING_OFF: &str = "20s";
/// Where a demo listens, if nobody else does.
pub(crate) const LISTEN: &str = "127.0.0.1:7300";
const ORIGIN: &str = "demo.countersign.example/ledger";
const PEOPLE: &str = include_str!("people.toml");
const LOGO: &str = include_str!("logo.svg");
/// The product's own policies and settings, as any installation may begin with.
const SETTINGS: [(&str, &str); 5] = [
    ("settings.toml", include_str!("../../../../policies/settings.toml")),
    ("policies/erase.cedar", include_str!("../../../../policies/erase.cedar")),
    ("policies/export.cedar", include_str!("../../../../policies/export.cedar")),
    ("policies/purge.cedar", include_str!("../../../../policies/purge.cedar")),
    ("maps/shop.toml", include_str!("../../../../policies/shop.datamap.toml")),
];
/// How long an erasure cools off in those.
const SHIPPED_COOLING_OFF: &str = "duration(\"72h\")";

/// What may differ from demo to demo.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// How large the shop is.
    pub(crate) scale: Scale,
    /// How long an erasure cools off: `20s`.
    pub(crate) cooling_off: String,
    /// Where it listens; port 0 takes a free one.
    pub(crate) listen: String,
}

impl Default for Shape {
    fn default() -> Self {
        Self { scale: Scale::FULL, cooling_off: COOLING_OFF.to_owned(), listen: LISTEN.to_owned() }
    }
}

/// A demo, ready to be served.
pub(crate) struct Made {
    /// Its configuration's file.
    pub(crate) config: PathBuf,
    /// Tokens by the name of whom they are.
    pub(crate) tokens: BTreeMap<String, String>,
}

/// Makes what is not there yet in `dir`, and reads what is. Nobody else may have its store open meanwhile.
///
/// # Errors
/// When a part cannot be made, or is of another hand.
pub(crate) async fn make(dir: &Path, shape: &Shape) -> anyhow::Result<Made> {
    private_folder(dir)?;
    let config_path = dir.join(FILE);
    write_once(&config_path, &configuration(&shape.listen))?;
    for (path, text) in SETTINGS {
        let text = text.replace(SHIPPED_COOLING_OFF, &format!("duration(\"{}\")", shape.cooling_off));
        write_once(&dir.join("settings").join(path), &text)?;
    }
    write_once(&dir.join("people.toml"), PEOPLE)?;
    write_once(&dir.join("logo.svg"), LOGO)?;
    shop(&dir.join("shop.sqlite"), shape.scale)?;
    let config = Config::load(&config_path)?;
    if !keys::exist(&config.keys.directory) {
        keys::create(&config.keys.directory, ORIGIN, &SystemChance)?;
    }
    let tokens = dir.join("tokens");
    let service = wiring::service(&config).await?;
    if !service.has_begun().await? {
        // A crash between the beginning and the files of its tokens leaves nobody who could enter.
        begin_demo(&service, dir, &tokens).await?;
    }
    anyhow::ensure!(
        tokens.join("complete").exists(),
        "{} was left half made, and its tokens are lost; remove it and start again",
        dir.display()
    );
    Ok(Made { config: config_path, tokens: read_tokens(&tokens)? })
}

async fn begin_demo(service: &Service, dir: &Path, tokens: &Path) -> anyhow::Result<()> {
    let files = crate::command::apply::read(&dir.join("settings"))?;
    let first = people::read(&dir.join("people.toml").display().to_string(), PEOPLE)?;
    let made = begin(service, first, files, tokens).await?;
    let admin = made.get("ada-admin").context("the demo's people have no administrator")?;
    let admin = service.caller(admin).await?;
    for member in cast::ALL {
        enrol(service, &admin, member, &dir.join("devices")).await?;
    }
    let channel = NewToken {
        person: None,
        service: Some("cli".to_owned()),
        roles: BTreeSet::from([Role::Submitter]),
        channel: "cli".to_owned(),
        attests: BTreeSet::new(),
        expires_at: None,
    };
    let minted = service.mint_token(&admin, channel).await?;
    private_file(&tokens.join("cli"), &format!("{}\n", minted.secret))?;
    private_file(&tokens.join("complete"), "")
}

/// A customer of the shop with a device that shows one-time passwords; what it is fed with is left in a file.
async fn enrol(
    service: &Service,
    admin: &Caller,
    member: &cast::Member,
    devices: &Path,
) -> anyhow::Result<()> {
    private_folder(devices)?;
    let path = devices.join(device_of(member.name));
    if path.exists() {
        // Two accounts, one person: one device.
        return Ok(());
    }
    let identities = BTreeMap::from([("email".to_owned(), member.email.to_owned())]);
    let person = NewPerson {
        name: member.name.to_owned(),
        identities,
        administers: false,
        roles: std::collections::BTreeSet::new(),
    };
    let person = service.put_person(admin, person).await?;
    let enrolled = service.enroll_totp(admin, person.id).await?;
    private_file(&path, &format!("{}\n", enrolled.secret))
}

/// The file of a person's device: their first name.
pub(super) fn device_of(name: &str) -> String {
    name.split(' ').next().unwrap_or(name).to_lowercase()
}

fn shop(path: &Path, scale: Scale) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let bar = progress("sample shop");
    countersign_shop::build(path, scale, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(())
}

fn configuration(listen: &str) -> String {
    format!(
        "# This node: where it listens, where its store and keys are, how it reaches its sources. Paths start from here.\n\
         # What decides (policies, groups, data maps) stands in settings/ and is entered with `countersign apply`.\n\
         \n\
         [server]\n\
         listen = \"{listen}\"\n\
         \n\
         [store]\n\
         path = \"data/countersign.db\"\n\
         \n\
         [keys]\n\
         directory = \"keys\"\n\
         \n\
         [sources.shop]\n\
         kind = \"sqlite\"\n\
         path = \"shop.sqlite\"\n\
         pace_ms = 0   # a pause between the statements of an erasure\n\
         \n\
         [mail]\n\
         kind = \"inbox\"   # every mail becomes a file; \"smtp\" sends it\n\
         directory = \"inbox\"\n\
         from = \"Countersign <countersign@shop.example>\"\n\
         \n\
         [portal]   # pages at /privacy for customers; without this section there are none\n\
         name = \"Sample Shop\"\n\
         logo = \"logo.svg\"\n\
         colour = \"#0f5c4a\"\n\
         contact = \"privacy@shop.example\"\n\
         \n\
         [log]\n\
         filter = \"warn\"\n"
    )
}

fn write_once(path: &Path, text: &str) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    private_file(path, text)
}

fn read_tokens(directory: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let shown = directory.display();
    let mut tokens = BTreeMap::new();
    for entry in std::fs::read_dir(directory).with_context(|| format!("{shown} cannot be read"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != "complete" {
            tokens.insert(name, keys::secret(&path)?.trim().to_owned());
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_service::settings::{Bundle, Settings, report};

    use super::*;

    #[test]
    fn the_shipped_settings_are_sound_and_their_cooling_off_is_what_the_demo_shortens() {
        let files = SETTINGS.map(|(path, text)| (path, text.to_owned()));
        let erase = &files[1].1;
        assert_eq!(erase.matches(SHIPPED_COOLING_OFF).count(), 1);
        let bundle = Bundle::read(&files).unwrap();
        if let Err(mistakes) = Settings::compile(1, &bundle) {
            panic!("{}", report(&mistakes));
        }
    }

    #[test]
    fn the_demos_configuration_and_people_are_sound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, configuration(LISTEN)).unwrap();
        assert_eq!(Config::load(&path).unwrap().server.listen.to_string(), LISTEN);
        assert!(people::read("people.toml", PEOPLE).unwrap().len() > 5);
    }
}
