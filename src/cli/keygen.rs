//! `keygen`: a fresh 32-byte key from the system's random source.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::{Failure, print};

/// Prints the key in base64.
///
/// # Errors
/// A system without randomness.
pub fn run() -> Result<(), Failure> {
    let mut key = Zeroizing::new([0u8; 32]);
    OsRng.try_fill_bytes(&mut *key).context("the system gives no random bytes")?;
    let text = Zeroizing::new(STANDARD.encode(*key) + "\n");
    Ok(print(&text)?)
}
