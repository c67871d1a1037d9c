//! The keys of an installation as files, each for its owner alone: the log's signing key in the form that Go's
//! `note` package has for it, the others as hex.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_ledger::{Algorithm, SigningKey, VerifierKey};
use countersign_service::keys::Keys;
use countersign_service::ports::chance::{self, Chance};
use zeroize::Zeroizing;

use super::{epochs, private_file, private_folder};

const LEDGER: &str = "ledger.key";
/// The public half, to be handed out.
const VKEY: &str = "ledger.vkey";
/// A key that is to succeed it, until it does.
const NEXT: &str = "ledger-next.key";
const INDEX: &str = "index.key";
const TOKEN: &str = "token.key";
const PREFIX: &str = "PRIVATE+KEY+";

/// All keys of an installation.
pub(crate) struct Loaded {
    /// Those of the service.
    pub(crate) keys: Keys,
    /// Signs checkpoints.
    pub(crate) ledger: SigningKey,
    /// Signed them before.
    pub(crate) ledger_before: Vec<VerifierKey>,
}

/// The file of the wrapping key of a number.
pub(super) fn wrapping(epoch: u32) -> String {
    format!("wrapping-{epoch}.key")
}

/// Whether there are keys in a folder.
pub(crate) fn exist(directory: &Path) -> bool {
    directory.join(LEDGER).exists()
}

/// Makes new keys in `directory`; `origin` names the log for ever.
///
/// # Errors
/// When there are keys already, the origin is no name for a log, or files cannot be written.
pub(crate) fn create(directory: &Path, origin: &str, random: &dyn Chance) -> anyhow::Result<()> {
    ensure!(
        !exist(directory),
        "there are keys in {} already; new ones would open nothing",
        directory.display()
    );
    private_folder(directory)?;
    let (ledger, text) = new_ledger_key(origin, random)?;
    let vkey = ledger.verifier();
    for name in [&wrapping(1), INDEX, TOKEN] {
        let key = Zeroizing::new(chance::bytes::<32>(random));
        private_file(&directory.join(name), &Zeroizing::new(format!("{}\n", hex::encode(*key))))?;
    }
    private_file(&directory.join(VKEY), &format!("{vkey}\n"))?;
    // Last: with it there, the keys are complete.
    private_file(&directory.join(LEDGER), &text)
}

/// A new key for the log of that name, and its file.
fn new_ledger_key(origin: &str, random: &dyn Chance) -> anyhow::Result<(SigningKey, Zeroizing<String>)> {
    let seed = Zeroizing::new(chance::bytes::<32>(random));
    let ledger = SigningKey::from_seed(origin, &seed).context("the name of the ledger")?;
    let mut secret = Zeroizing::new(vec![Algorithm::Ed25519.byte()]);
    secret.extend_from_slice(&*seed);
    let id = u32::from_be_bytes(ledger.verifier().id());
    let text = Zeroizing::new(format!("{PREFIX}{origin}+{id:08x}+{}\n", STANDARD.encode(&*secret)));
    Ok((ledger, text))
}

/// The key that is to sign for the log from now on: made if it is not there, in a file of its own until
/// [`take_over`].
///
/// # Errors
/// When it cannot be made or read.
pub(crate) fn next_ledger(directory: &Path, origin: &str, random: &dyn Chance) -> anyhow::Result<SigningKey> {
    let path = directory.join(NEXT);
    if !path.exists() {
        let (_, text) = new_ledger_key(origin, random)?;
        private_file(&path, &text)?;
    }
    signing_key(&secret(&path)?).with_context(|| path.display().to_string())
}

/// The key made by [`next_ledger`], if one is there.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn next_ledger_there(directory: &Path) -> anyhow::Result<Option<SigningKey>> {
    let path = directory.join(NEXT);
    if !path.exists() {
        return Ok(None);
    }
    signing_key(&secret(&path)?).map(Some).with_context(|| path.display().to_string())
}

/// Puts the next key in the place of the log's key, which is gone then; its public half stays, before that of the new.
///
/// # Errors
/// When files cannot be written. Broken off, it is done again.
pub(crate) fn take_over(directory: &Path) -> anyhow::Result<()> {
    let Some(next) = next_ledger_there(directory)? else { return Ok(()) };
    let mut all = verifiers(directory)?;
    if all.last() != Some(next.verifier()) {
        all.push(next.verifier().clone());
        let text: String = all.iter().map(|key| format!("{key}\n")).collect();
        let half = directory.join(format!("{VKEY}.part"));
        // One that was broken off says nothing.
        let _ = std::fs::remove_file(&half);
        private_file(&half, &text)?;
        std::fs::rename(&half, directory.join(VKEY)).context("the log's verifier keys")?;
    }
    std::fs::rename(directory.join(NEXT), directory.join(LEDGER)).context("the log's key")?;
    std::fs::File::open(directory)?.sync_all().context("the folder of the keys")
}

/// Reads the keys in `directory`.
///
/// # Errors
/// When one is missing, malformed, or open to others.
pub(crate) fn load(directory: &Path) -> anyhow::Result<Loaded> {
    let shown = directory.display();
    ensure!(
        exist(directory),
        "there are no keys in {shown}; `countersign init` makes them for a new installation"
    );
    let text = secret(&directory.join(LEDGER))?;
    let ledger = signing_key(&text).with_context(|| format!("{shown}/{LEDGER}"))?;
    let key = |name: &str| bytes(&directory.join(name));
    closed_to_writers(directory)?;
    let mut earlier: Vec<(u32, [u8; 32])> = epochs::there(directory)?
        .into_iter()
        .map(|epoch| Ok((epoch, key(&wrapping(epoch))?)))
        .collect::<anyhow::Result<_>>()?;
    // The newest is what is sealed under from now on.
    let newest = earlier.pop();
    let (epoch, wrapping) = newest.with_context(|| format!("{} is missing in {shown}", wrapping(1)))?;
    let keys = Keys { wrapping, epoch, earlier, index: key(INDEX)?, token: key(TOKEN)? };
    let before = |key: &VerifierKey| key != ledger.verifier();
    let ledger_before = verifiers(directory)?.into_iter().take_while(before).collect();
    Ok(Loaded { keys, ledger, ledger_before })
}

/// Whoever may write into the folder may put keys of their own there.
fn closed_to_writers(directory: &Path) -> anyhow::Result<()> {
    let shown = directory.display();
    let mode =
        std::fs::metadata(directory).with_context(|| format!("{shown} cannot be read"))?.permissions().mode();
    ensure!(
        mode & 0o022 == 0,
        "others may write into {shown} (mode {:o}); close it with: chmod 700 {shown}",
        mode & 0o777
    );
    Ok(())
}

/// That a copy of the store's folder carries no keys along, whatever names and links lead there.
///
/// # Errors
/// When the keys lie in the folder of the store.
pub(crate) fn lie_apart(directory: &Path, data: Option<&Path>) -> anyhow::Result<()> {
    // What is not there yet has no other name.
    let real = |path: &Path| path.canonicalize().ok();
    let data = data.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Some(directory_is), Some(data)) = (real(directory), real(data)) else { return Ok(()) };
    ensure!(
        !directory_is.starts_with(&data),
        "the keys in {} lie in the store's folder, so that a copy of the data carries them along; move them elsewhere, and \
         name that folder in [keys]",
        directory.display()
    );
    Ok(())
}

/// The log's verifier keys, the first one first, without opening any secret.
///
/// # Errors
/// When they are missing or malformed.
pub(crate) fn verifiers(directory: &Path) -> anyhow::Result<Vec<VerifierKey>> {
    let path = directory.join(VKEY);
    let shown = path.display();
    let text = std::fs::read_to_string(&path).with_context(|| format!("{shown} cannot be read"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Vec<VerifierKey> =
        lines.map(|line| line.parse().with_context(|| format!("{shown}"))).collect::<anyhow::Result<_>>()?;
    ensure!(!keys.is_empty(), "{shown} has no key in it");
    Ok(keys)
}

/// The newest of them.
///
/// # Errors
/// As [`verifiers`].
pub(crate) fn verifier(directory: &Path) -> anyhow::Result<VerifierKey> {
    verifiers(directory)?.pop().context("there is no verifier key")
}

fn signing_key(text: &str) -> anyhow::Result<SigningKey> {
    const FORM: &str = "a signing key reads `PRIVATE+KEY+<name>+<8 hex digits>+<base64>`";
    let mut parts = text.trim().strip_prefix(PREFIX).context(FORM)?.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { bail!(FORM) };
    // What is wrong with the text is not repeated: it is secret.
    let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| anyhow::anyhow!(FORM))?);
    let Some((&algorithm, seed)) = key.split_first() else { bail!(FORM) };
    ensure!(Algorithm::of_byte(algorithm).is_some(), "its signature type is not supported, only Ed25519 is");
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(seed.try_into().map_err(|_| anyhow::anyhow!(FORM))?);
    let signing = SigningKey::from_seed(name, &seed)?;
    let genuine = format!("{:08x}", u32::from_be_bytes(signing.verifier().id()));
    ensure!(genuine == id, "the key id does not belong to this name and key");
    Ok(signing)
}

fn bytes(path: &Path) -> anyhow::Result<[u8; 32]> {
    let text = secret(path)?;
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)
        .map_err(|_| anyhow::anyhow!("{} has no 64 hexadecimal digits in it", path.display()))?;
    Ok(key)
}

/// Reads a secret that nobody else may read.
pub(crate) fn secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let shown = path.display();
    let mode =
        std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?.permissions().mode();
    ensure!(
        mode & 0o077 == 0,
        "{shown} is open to others (mode {:o}); close it with: chmod 600 {shown}",
        mode & 0o777
    );
    std::fs::read_to_string(path).map(Zeroizing::new).with_context(|| format!("{shown} cannot be read"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::installation::SystemChance;

    #[test]
    fn keys_are_read_back_as_they_were_made_and_the_public_half_fits() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("keys");
        create(&directory, "example.com/log", &SystemChance).unwrap();
        let loaded = load(&directory).unwrap();
        assert_eq!(loaded.ledger.verifier(), &verifier(&directory).unwrap());
        assert!(create(&directory, "example.com/log", &SystemChance).is_err());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), "example.com/log", &SystemChance).unwrap();
        let path = folder.path().join(INDEX);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = load(folder.path()).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn an_altered_signing_key_is_refused_and_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), "example.com/log", &SystemChance).unwrap();
        let text = std::fs::read_to_string(folder.path().join(LEDGER)).unwrap();
        for altered in
            [text.replace("example.com", "example.org"), text.replace("PRIVATE", "PUBLIC"), text[..60].into()]
        {
            let error = format!("{:#}", signing_key(&altered).err().unwrap());
            // The key itself may hold a + too.
            assert!(!error.contains(text.trim().splitn(5, '+').last().unwrap()), "{error}");
        }
    }
}
