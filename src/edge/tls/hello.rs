//! The handshake, and in a word why one failed.
//!
//! The words are a closed list, because they are counted and logged; what the client sent is not
//! repeated.

use std::io;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{AlertDescription, Error};

use super::Tls;
use super::wire::{Opened, Wire};
use crate::bounds::TLS_WRITE_BYTES_MAX;

/// Why no connection came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::edge) enum Failed {
    /// The client ended it, as a probe of the port does.
    Gone,
    /// It is not TLS what the client speaks.
    NotTls,
    /// The client speaks no version, cipher or protocol that is spoken here.
    NothingInCommon,
    /// The client does not take the certificate.
    CertificateRefused,
    /// The client's own certificate is not taken.
    ClientCertificate,
    /// What a proxy said first cannot be understood.
    ProxyHeader,
    /// It took too long.
    Slow,
    /// It broke another rule.
    Broken,
}

impl Failed {
    /// As it is logged.
    pub(in crate::edge) const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::NotTls => "not_tls",
            Self::NothingInCommon => "no_common_tls",
            Self::CertificateRefused => "certificate_refused_by_client",
            Self::ClientCertificate => "client_certificate_refused",
            Self::ProxyHeader => "proxy_header",
            Self::Slow => "handshake_too_slow",
            Self::Broken => "handshake_failed",
        }
    }
}

/// Shakes hands, in the end or never: whoever calls keeps the time.
pub(in crate::edge) async fn shake_hands(
    opened: Opened,
    tls: &Tls,
    h2: bool,
) -> Result<Wire, Failed> {
    let acceptor = TlsAcceptor::from(tls.greeting(h2));
    let shaken = acceptor.accept_with(opened, |connection| {
        connection.set_buffer_limit(Some(TLS_WRITE_BYTES_MAX));
    });
    shaken.await.map(|stream| Wire::Tls(Box::new(stream))).map_err(|error| failed(&error))
}

fn failed(error: &io::Error) -> Failed {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(error) = inner else {
        return Failed::Gone;
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the lists are rustls' own, and grow")]
    match error {
        Error::InvalidMessage(_) => Failed::NotTls,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Failed::NothingInCommon,
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => Failed::ClientCertificate,
        Error::AlertReceived(alert) => match alert {
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA => Failed::CertificateRefused,
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
                Failed::NothingInCommon
            }
            AlertDescription::CloseNotify | AlertDescription::UserCanceled => Failed::Gone,
            _ => Failed::Broken,
        },
        _ => Failed::Broken,
    }
}
