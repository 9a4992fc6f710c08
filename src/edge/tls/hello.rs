//! The handshake, and in a word why one failed.
//!
//! The words are a closed list, because they are counted and logged; what the client sent is not
//! repeated.
//!
//! Promises: of many handshakes a few are reckoned at a time, and the others wait their turn, so
//! that a flood of them takes a part of the processor and no queue before deliveries. Whoever is
//! waited for holds no turn.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use tokio::sync::Semaphore;
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
    let shaken = in_turn(tls.turns(), shaken).await;
    shaken.map(|stream| Wire::Tls(Box::new(stream))).map_err(|error| failed(&error))
}

/// Goes on with `work` only while it holds a turn, and gives that back whenever it has to wait for
/// something else.
async fn in_turn<F: Future>(turns: &Semaphore, work: F) -> F::Output {
    let mut work = pin!(work);
    loop {
        // Never closed; were it, all would go on without turns.
        let turn = turns.acquire().await;
        let polled = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
        drop(turn);
        if let Poll::Ready(done) = polled {
            return done;
        }
        // Until the work, which knows our waker now, wakes us.
        let mut has_waited = false;
        poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_in_its_turn_and_holds_none_while_it_waits() {
        let turns = Semaphore::new(1);
        let (go, gone) = oneshot::channel::<()>();
        let held = || turns.available_permits() == 0;
        let mut waits = Box::pin(in_turn(&turns, async {
            assert!(held());
            gone.await.unwrap();
            assert!(held());
        }));
        assert!(look_at(&mut waits).is_pending());
        assert!(!held());
        // Another goes by meanwhile.
        in_turn(&turns, async { assert!(held()) }).await;
        // Without a turn nothing goes on.
        let taken = turns.acquire().await.unwrap();
        go.send(()).unwrap();
        assert!(look_at(&mut waits).is_pending());
        drop(taken);
        waits.await;
        assert!(!held());
    }

    fn look_at<F: Future + Unpin>(work: &mut F) -> Poll<F::Output> {
        std::pin::Pin::new(work).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}
