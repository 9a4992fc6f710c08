//! An authority of one test: certificates for listeners and clients, and who trusts them.

use std::path::Path;
use std::sync::Arc;

use hookgate::edge::{Certified, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// Who signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of the tests");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// The first bytes that a client says who trusts it.
    pub(crate) async fn hello(&self) -> Vec<u8> {
        let (near, mut far) = tokio::io::duplex(16 * 1024);
        let config = self.trusted_by(&[&TLS13, &TLS12], None, &[]);
        let name = ServerName::try_from("localhost").unwrap();
        let greeting = tokio::spawn(TlsConnector::from(Arc::new(config)).connect(name, near));
        let mut record = vec![0; 5];
        far.read_exact(&mut record).await.unwrap();
        let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
        let mut content = vec![0; length];
        far.read_exact(&mut content).await.unwrap();
        greeting.abort();
        record.extend(content);
        record
    }

    /// For a listener on loopback, until the first day of a year.
    pub(crate) fn server(&self, until: i32) -> Issued {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        self.issue(params)
    }

    /// For a client of these names.
    pub(crate) fn client(&self, names: &[&str]) -> Issued {
        let mut params = CertificateParams::new([]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // A kind of its own for the library, the same one on the wire.
        let kinds = [DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])];
        for (kind, name) in kinds.into_iter().zip(names) {
            params.distinguished_name.push(kind, *name);
        }
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Issued { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts it, speaks these versions, and shows a certificate if it has one.
    pub(crate) fn trusted_by(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shows: Option<&Issued>,
        protocols: &[&str],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(Issued { cert, key }) => {
                let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec());
        config.alpn_protocols = protocols.collect();
        config
    }
}

impl Issued {
    /// Writes it below a folder.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("tls.crt"), &self.cert).unwrap();
        std::fs::write(folder.join("tls.key"), &self.key).unwrap();
    }
}

/// The files in a folder.
pub(crate) fn files(folder: &Path) -> TlsFiles {
    let client_ca = Some(folder.join("ca.crt")).filter(|file| file.exists());
    TlsFiles { cert: folder.join("tls.crt"), key: folder.join("tls.key"), client_ca }
}

/// What they hold.
pub(crate) fn certified(folder: &Path) -> Certified {
    files(folder).read().unwrap_or_else(|mistake| panic!("{mistake}"))
}
