//! A value that never prints.
//!
//! Promises: no `Display`, no `Serialize`, a `Debug` without content, comparison in constant time,
//! and memory wiped when dropped. Where the bytes are needed, [`Secret::bytes`] says so in the
//! code.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret bytes: a signing secret, an HMAC key, a password.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, for the one who computes with them.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, where it is text (a password for a client library).
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new(b"canary".to_vec());
        assert_eq!(format!("{secret:?}"), "[secret]");
    }

    #[test]
    fn secrets_compare_by_content_and_length() {
        let one = Secret::new(vec![1, 2, 3]);
        assert_eq!(one, Secret::new(vec![1, 2, 3]));
        assert_ne!(one, Secret::new(vec![1, 2]));
        assert_ne!(one, Secret::new(vec![1, 2, 4]));
    }
}
