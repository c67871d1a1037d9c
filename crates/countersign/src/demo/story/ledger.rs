//! The end: the ledger as files, verified by somebody who trusts nobody; and the shop once more.

use std::path::Path;

use countersign_shop::cast::ALL;

use super::tale::Tale;

pub(super) async fn play(tale: &mut Tale) -> anyhow::Result<()> {
    tale.narrator.scene("An auditor checks all of it");
    let folder = tale.folder.join("ledger-export");
    let shown = folder.display().to_string();
    tale.narrator.asks("countersign ledger export, beside the running server");
    let (exported, said) = tale.server.run(&["ledger", "export", &shown])?;
    tale.narrator.says(&said);
    tale.narrator.check("the ledger is exported", exported);
    let key = tale.folder.join("keys/ledger.vkey").display().to_string();
    tale.narrator.asks("countersign ledger verify, with the key that was handed out at the beginning");
    let (verified, said) = tale.server.run(&["ledger", "verify", &shown, "--vkey", &key])?;
    tale.narrator.says(&said);
    tale.narrator.check("every entry, tile and checkpoint is as it was signed", verified);
    let mut named = Vec::new();
    for member in ALL {
        for value in [member.email, member.name, member.phone, member.account] {
            if stands_in(&folder.join("tile/entries"), value.as_bytes())? {
                named.push(value);
            }
        }
    }
    tale.narrator.equal("no person of this story is named in it", named, Vec::new());
    tale.narrator.equal("no row of the shop points to nothing", tale.shop.dangling()?, 0);
    let status = tale.server.stop().await?;
    tale.narrator.check("the server stops in good order", status.success());
    Ok(())
}

fn stands_in(path: &Path, value: &[u8]) -> anyhow::Result<bool> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            if stands_in(&entry?.path(), value)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    Ok(std::fs::read(path)?.windows(value.len()).any(|part| part == value))
}
