//! The files of a listener's TLS: read, checked to belong together, made ready to greet with.
//!
//! Certificates and keys are PEM, the server's own certificate first and its intermediates behind
//! it. A mistake names the key of the configuration and the file, says what to do, and never shows
//! what is in the file.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use super::subject::validity;
use crate::bounds::{TLS_FILE_BYTES_MAX, TLS_SESSIONS, TLS_TICKETS};
use crate::clock::Timestamp;

/// Which files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and its intermediates behind it.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who signs the certificates of clients; `None`: none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// Why they cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsMistake {
    /// `cert`, `key` or `client_ca`.
    pub key: &'static str,
    /// The file, what is wrong with it, and what to do; never what is in it.
    pub why: String,
}

impl fmt::Display for TlsMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

/// What they hold, checked.
#[derive(Clone)]
pub struct Certified {
    files: TlsFiles,
    digest: [u8; 32],
    begins: Timestamp,
    expires: Timestamp,
    /// With HTTP/2 offered, and without.
    greetings: [Arc<ServerConfig>; 2],
}

impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certified").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certified {
    /// From when on it is valid.
    pub fn begins(&self) -> Timestamp {
        self.begins
    }

    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Where it was read.
    pub fn files(&self) -> &TlsFiles {
        &self.files
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(super) fn greeting(&self, h2: bool) -> Arc<ServerConfig> {
        let [with, without] = &self.greetings;
        if h2 { with.clone() } else { without.clone() }
    }
}

/// What a file held, or why it could not be read.
type Content = Result<Zeroizing<Vec<u8>>, String>;

/// What all of them hold.
struct Contents {
    cert: Content,
    key: Content,
    client_ca: Option<Content>,
}

impl TlsFiles {
    /// Reads and checks them. Blocks.
    ///
    /// # Errors
    /// The first mistake.
    pub fn read(&self) -> Result<Certified, TlsMistake> {
        let contents = self.contents();
        let digest = contents.digest();
        self.understood(contents, digest)
    }

    /// The digest of what they hold, and where that is another one than `known` the same.
    pub(super) fn read_if_not(
        &self,
        known: [u8; 32],
    ) -> ([u8; 32], Option<Result<Certified, TlsMistake>>) {
        let contents = self.contents();
        let digest = contents.digest();
        let changed = (digest != known).then(|| self.understood(contents, digest));
        (digest, changed)
    }

    fn contents(&self) -> Contents {
        let client_ca = self.client_ca.as_deref().map(content);
        Contents { cert: content(&self.cert), key: content(&self.key), client_ca }
    }

    fn understood(&self, from: Contents, digest: [u8; 32]) -> Result<Certified, TlsMistake> {
        let wrong = |key| move |why: String| TlsMistake { key, why };
        let cert = from.cert.map_err(wrong("cert"))?;
        let chain = certificates(&cert, &self.cert).map_err(wrong("cert"))?;
        let (begins, expires) = chain
            .first()
            .and_then(validity)
            .ok_or_else(|| wrong("cert")(unreadable(&self.cert, "a certificate")))?;
        let key = from.key.map_err(wrong("key"))?;
        let provider = Arc::new(ring::default_provider());
        let pair = self.pair(&provider, chain, &key)?;
        let authorities = match (&self.client_ca, from.client_ca) {
            (Some(path), Some(content)) => {
                let content = content.map_err(wrong("client_ca"))?;
                Some(authorities(&content, path).map_err(wrong("client_ca"))?)
            }
            _ => None,
        };
        let sessions = ServerSessionMemoryCache::new(TLS_SESSIONS);
        let greeting = |protocols: &[&[u8]]| {
            let mut greeting = greeting(&provider, &pair, authorities.as_ref())?;
            greeting.session_storage = sessions.clone();
            greeting.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Ok(Arc::new(greeting))
        };
        let greeting = |protocols: &[&[u8]]| greeting(protocols).map_err(wrong("client_ca"));
        let greetings = [greeting(&[b"h2", b"http/1.1"])?, greeting(&[b"http/1.1"])?];
        Ok(Certified { files: self.clone(), digest, begins, expires, greetings })
    }

    /// Certificate and key, if they belong together.
    fn pair(
        &self,
        provider: &CryptoProvider,
        chain: Vec<CertificateDer<'static>>,
        key: &[u8],
    ) -> Result<Arc<CertifiedKey>, TlsMistake> {
        let wrong = |why: String| TlsMistake { key: "key", why };
        let shown = self.key.display();
        let text = String::from_utf8_lossy(key);
        if text.contains("ENCRYPTED") {
            return Err(wrong(format!(
                "the file {shown} holds an encrypted key, and nobody is asked for its password: \
                 decrypt it with openssl pkey -in {shown} -out FILE"
            )));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            let absent =
                matches!(error, PemError::NoItemsFound).then(|| absent(&self.key, "PRIVATE KEY"));
            wrong(absent.unwrap_or_else(|| unreadable(&self.key, "a key")))
        })?;
        let key = provider.key_provider.load_private_key(key).map_err(|_| {
            wrong(format!(
                "the file {shown} holds a key of a kind that is not known here: write one of RSA \
                 (2048 bits or more), ECDSA (P-256 or P-384) or Ed25519"
            ))
        })?;
        let fits = |chain| CertifiedKey::new(chain, key.clone()).keys_match().is_ok();
        if fits(chain.clone()) {
            return Ok(Arc::new(CertifiedKey::new(chain, key)));
        }
        let cert = self.cert.display();
        Err(match chain.iter().skip(1).any(|one| fits(vec![one.clone()])) {
            true => TlsMistake {
                key: "cert",
                why: format!(
                    "the file {cert} does not begin with the certificate of the key in {shown}: \
                     put that one first, its intermediates behind it"
                ),
            },
            false => wrong(format!(
                "the key in {shown} does not belong to the certificate in {cert}: put the two \
                 that were made together in place"
            )),
        })
    }
}

impl Contents {
    /// One digest of all of them, also of what could not be read.
    fn digest(&self) -> [u8; 32] {
        let mut all = Sha256::new();
        for content in [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()] {
            let (kind, bytes) = match content {
                None => (0, &[][..]),
                Some(Ok(bytes)) => (1, bytes.as_slice()),
                Some(Err(why)) => (2, why.as_bytes()),
            };
            all.update([kind]);
            all.update((bytes.len() as u64).to_be_bytes());
            all.update(bytes);
        }
        all.finalize().into()
    }
}

fn content(path: &Path) -> Content {
    let shown = path.display();
    let cap = TLS_FILE_BYTES_MAX;
    let mut bytes = Zeroizing::new(Vec::new());
    // A pipe would be waited for, by every look and every reload.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(format!("{shown} is no file; write the path of one"));
    }
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(cap as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                return "no such file".to_owned();
            }
            error.kind().to_string()
        });
    match read {
        Err(why) => Err(format!("the file {shown} cannot be read: {why}")),
        Ok(_) if bytes.len() > cap => Err(format!("the file {shown} is longer than {cap} bytes")),
        Ok(_) => Ok(bytes),
    }
}

fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let all = all.map_err(|_| unreadable(path, "a certificate"))?;
    if all.is_empty() { Err(absent(path, "CERTIFICATE")) } else { Ok(all) }
}

fn authorities(bytes: &[u8], path: &Path) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bytes, path)? {
        roots.add(certificate).map_err(|_| unreadable(path, "a certificate"))?;
    }
    Ok(Arc::new(roots))
}

/// What a connection is greeted with. Whoever has no certificate is let in: what is open to all is
/// on the same listener, and who may ask more is decided by request.
fn greeting(
    provider: &Arc<CryptoProvider>,
    pair: &Arc<CertifiedKey>,
    authorities: Option<&Arc<RootCertStore>>,
) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
                .allow_unauthenticated()
                .build()
                .map_err(|error| error.to_string())?,
        ),
    };
    let pair = SingleCertAndKey::from(pair.clone());
    let mut greeting = builder.with_cert_resolver(Arc::new(pair));
    greeting.send_tls13_tickets = TLS_TICKETS;
    Ok(greeting)
}

fn absent(path: &Path, what: &str) -> String {
    let shown = path.display();
    format!("the file {shown} holds none in PEM: it must have a part -----BEGIN {what}-----")
}

fn unreadable(path: &Path, what: &str) -> String {
    format!("the file {} holds {what} that cannot be understood", path.display())
}
