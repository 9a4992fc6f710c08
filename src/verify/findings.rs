//! What is wrong with a source's signature settings, gathered until all of it is known.
//!
//! Promises: every mistake is found in one pass, each with its remedy; no text holds a secret or a
//! part of one, only the name it goes by.

use super::keyed::Keyed;
use super::{Mistake, Ready, Scheme, SigningSecret};
use crate::bounds::{SECRET_BYTES_ADVISED, SECRETS_PER_SOURCE_MAX};
use crate::clock::Timestamp;

/// Mistakes and warnings so far.
#[derive(Default)]
pub(super) struct Findings {
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

impl Findings {
    /// What makes the settings unusable.
    pub(super) fn mistake(&mut self, key: &str, rule: impl Into<String>) {
        self.mistakes.push(finding(key, rule));
    }

    /// What the owner should know.
    pub(super) fn warning(&mut self, key: &str, rule: impl Into<String>) {
        self.warnings.push(finding(key, rule));
    }

    /// That there are not more secrets than are tried.
    pub(super) fn count(&mut self, key: &str, found: usize) {
        if found > SECRETS_PER_SOURCE_MAX {
            let rule = format!(
                "{found} entries, and each costs a try on every forgery: \
                 at most {SECRETS_PER_SOURCE_MAX}; remove those that have ended"
            );
            self.mistake(key, rule);
        }
    }

    /// Makes one secret ready. `bytes` is what the scheme reads from its text; an empty one is no
    /// secret, and a short or ended one is warned about.
    pub(super) fn key(
        &mut self,
        key: &str,
        signing: SigningSecret,
        bytes: &[u8],
        now: Timestamp,
    ) -> Option<Keyed> {
        let label = signing.label.clone();
        if bytes.is_empty() {
            self.mistake(key, format!("{label} is empty; give the provider's secret"));
            return None;
        }
        if bytes.len() < SECRET_BYTES_ADVISED {
            let rule = format!(
                "{label} has {} bytes; {SECRET_BYTES_ADVISED} random ones cannot be guessed",
                bytes.len()
            );
            self.warning(key, rule);
        }
        let keyed = Keyed::new(signing, bytes)?;
        if let Some(end) = keyed.not_after().filter(|_| !keyed.valid_at(now)) {
            let rule = format!("{label} ended at {end} and verifies nothing any more; remove it");
            self.warning(key, rule);
        }
        Some(keyed)
    }

    /// The scheme if there was no mistake; else all of them.
    pub(super) fn settle(self, scheme: impl Scheme) -> Result<Ready, Vec<Mistake>> {
        if self.mistakes.is_empty() {
            Ok(Ready { scheme: Box::new(scheme), warnings: self.warnings })
        } else {
            Err(self.mistakes)
        }
    }
}

fn finding(key: &str, rule: impl Into<String>) -> Mistake {
    Mistake { key: key.to_owned(), rule: rule.into() }
}
