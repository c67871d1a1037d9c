//! The device of a demo's customer: what it would show now.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::json;
use totp_rs::{Builder, Secret};

use super::folder::device_of;
use crate::exit::Usage;
use crate::installation::keys;
use crate::output::Output;

const STEP_S: u64 = 30;

/// Prints the one-time password of a customer's device.
///
/// # Errors
/// When there is no such device.
pub(crate) fn show(dir: &Path, name: &str, output: Output) -> anyhow::Result<()> {
    let code = now(dir, name)?;
    output.answer(&json!({ "code": code }), || code.clone())
}

/// The one-time password that a customer's device shows now.
///
/// # Errors
/// When there is no such device.
pub(crate) fn now(dir: &Path, name: &str) -> anyhow::Result<String> {
    let devices = dir.join("devices");
    let path = devices.join(device_of(name));
    if !path.exists() {
        return Err(Usage(format!("nobody called `{name}` has a device in {}", devices.display())).into());
    }
    code(&keys::secret(&path)?).with_context(|| format!("{}", path.display()))
}

/// The one-time password that a device with this secret, in base 32, shows now.
///
/// # Errors
/// When it is none.
pub(crate) fn code(secret: &str) -> anyhow::Result<String> {
    let secret =
        Secret::try_from_base32(secret.trim()).map_err(|_| anyhow::anyhow!("there is no secret in it"))?;
    let generator = Builder::new().with_secret(secret).with_step_duration(STEP_S).build_noncompliant();
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("this machine's clock is before 1970")?
        .as_secs();
    Ok(generator.generate(seconds / STEP_S * STEP_S).to_string())
}
