//! TLS on a listener: which pair is in force, and how another one comes into force.
//!
//! rustls with its ring provider: TLS 1.2 and 1.3, nothing older. ring rather than aws-lc because
//! it builds with a C compiler alone and in seconds; what aws-lc has beyond it (FIPS, post-quantum
//! key exchange) nobody asked for yet.
//!
//! Promises: a pair comes into force whole, checked to belong together, or not at all; a connection
//! keeps the one it began with; what was resumable under an old pair is not under a new one, so a
//! client authority that was taken out lets nobody in. Never here: a key in a log or an error.
//!
//! Only this room names rustls and reads certificates.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;

use crate::bounds::TLS_HANDSHAKES_AT_ONCE;
use crate::clock::Timestamp;

mod files;
mod hello;
mod subject;
mod wire;

pub use files::{Certified, TlsFiles, TlsMistake};

pub(super) use hello::{Failed, shake_hands};
pub(super) use wire::{Opened, Wire};

/// The TLS of one listener, shared by everyone who uses or changes it.
#[derive(Clone)]
pub struct Tls(Arc<Inside>);

struct Inside {
    now: ArcSwap<Certified>,
    looks: Mutex<Looks>,
    /// For handshakes that are being reckoned.
    turns: Semaphore,
}

/// What was seen of the files.
#[derive(Default)]
struct Looks {
    /// What cannot be used, as the last look saw it, and whether that has been told.
    broken: Option<([u8; 32], TlsMistake, bool)>,
}

/// What a look at the files found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// What is in force, or nothing that is worth a word yet.
    Same,
    /// Another pair, which is in force now.
    Replaced,
    /// What cannot be used, seen twice: the pair in force stays. Told once for the same files.
    Broken(TlsMistake),
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.now.load().files()).finish()
    }
}

impl Tls {
    /// With this pair in force.
    pub fn new(certified: Certified) -> Self {
        let now = ArcSwap::from_pointee(certified);
        let turns = Semaphore::new(TLS_HANDSHAKES_AT_ONCE);
        Self(Arc::new(Inside { now, looks: Mutex::default(), turns }))
    }

    /// Brings what the same files hold now into force. Whether it is another pair. One of other
    /// files is left alone: which files a listener has is decided at the start.
    pub fn replace(&self, certified: Certified) -> bool {
        let mut looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.now.load();
        if now.files() != certified.files() {
            return false;
        }
        *looks = Looks::default();
        let is_another = now.digest() != certified.digest();
        if is_another {
            self.0.now.store(Arc::new(certified));
        }
        is_another
    }

    /// Looks whether the files have changed, and brings what they hold into force. Blocks.
    ///
    /// Files are written one after the other, so a pair that does not fit may be one that is half
    /// written: it is told of when it is there at the next look as well.
    pub fn look(&self) -> Found {
        let now = self.0.now.load_full();
        // A disk that does not answer holds up whoever looks, and nobody who asks.
        let (digest, read) = now.files().read_if_not(now.digest());
        let mut looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&now, &self.0.now.load()) {
            // Replaced meanwhile, by what was read later.
            return Found::Same;
        }
        match read {
            None => {
                looks.broken = None;
                Found::Same
            }
            Some(Ok(certified)) => {
                looks.broken = None;
                self.0.now.store(Arc::new(certified));
                Found::Replaced
            }
            Some(Err(mistake)) => match &mut looks.broken {
                Some((before, told, said)) if *before == digest => {
                    *told = mistake;
                    if std::mem::replace(said, true) {
                        Found::Same
                    } else {
                        Found::Broken(told.clone())
                    }
                }
                _ => {
                    looks.broken = Some((digest, mistake, false));
                    Found::Same
                }
            },
        }
    }

    /// When the certificate in force ends.
    pub fn expires(&self) -> Timestamp {
        self.0.now.load().expires()
    }

    /// Why the files cannot be used, while that is so and has been told.
    pub fn trouble(&self) -> Option<TlsMistake> {
        let looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.broken.as_ref().filter(|(_, _, said)| *said).map(|(_, mistake, _)| mistake.clone())
    }

    fn turns(&self) -> &Semaphore {
        &self.0.turns
    }

    /// What new connections are greeted with. `h2`: whether HTTP/2 is offered.
    fn greeting(&self, h2: bool) -> Arc<ServerConfig> {
        self.0.now.load().greeting(h2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pair below a folder; what its key's text was.
    fn pair(folder: &std::path::Path) -> String {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("crt"), pair.cert.pem()).unwrap();
        let key = pair.signing_key.serialize_pem();
        std::fs::write(folder.join("key"), &key).unwrap();
        key
    }

    #[test]
    fn a_pair_is_told_of_at_the_second_look_that_sees_it_broken_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let old = pair(folder);
        let (cert, key) = (folder.join("crt"), folder.join("key"));
        let tls = Tls::new(TlsFiles { cert, key, client_ca: None }.read().unwrap());
        assert_eq!((tls.look(), tls.trouble()), (Found::Same, None));
        // Half written: whole again at the next look, and nobody was told.
        let new = pair(folder);
        std::fs::write(folder.join("key"), &old).unwrap();
        assert_eq!((tls.look(), tls.trouble()), (Found::Same, None));
        std::fs::write(folder.join("key"), &new).unwrap();
        assert_eq!(tls.look(), Found::Replaced);
        // Broken for good.
        std::fs::write(folder.join("key"), &old).unwrap();
        assert_eq!(tls.look(), Found::Same);
        let Found::Broken(told) = tls.look() else { panic!("it is not told") };
        assert_eq!((told.key, tls.trouble()), ("key", Some(told.clone())));
        assert_eq!(tls.look(), Found::Same);
        // Another mistake is news.
        std::fs::remove_file(folder.join("key")).unwrap();
        assert_eq!(tls.look(), Found::Same);
        assert!(matches!(tls.look(), Found::Broken(_)));
        // What was there before is good, and so nothing is wrong any more.
        std::fs::write(folder.join("key"), &new).unwrap();
        assert_eq!((tls.look(), tls.trouble()), (Found::Same, None));
    }
}
