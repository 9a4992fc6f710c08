//! Why a gateway does not start, and how it stopped.

use std::io;
use std::net::SocketAddr;

use crate::journal::{self, LedgerRow};

/// Why the gateway cannot start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] journal::OpenError),
    /// What the journal holds cannot be read.
    #[error(transparent)]
    Unreadable(#[from] journal::ReadError),
    /// A source cannot be put on hold, as its mode says.
    #[error("a source with mode = \"hold\" cannot be put on hold: {0}; make room on the disk")]
    Hold(#[from] journal::AppendError),
    /// A port cannot be opened.
    #[error(
        "{key} = \"{listen}\" cannot be opened: {error}; stop what listens there, or write another \
         address"
    )]
    Port {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        listen: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A step of the start met a defect of ours.
    #[error("the gateway met a defect of its own while starting: {0}")]
    Defect(String),
}

impl StartError {
    /// The exit code of the process.
    pub const fn exit_code(&self) -> u8 {
        1
    }
}

/// How the gateway stopped.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The totals of every source.
    pub ledger: Vec<LedgerRow>,
    /// Whether Kafka has acknowledged all of the journal.
    pub published_all: bool,
    /// Whether a human must look at the disk.
    pub poisoned: bool,
}

impl Stopped {
    /// The exit code of the process.
    pub const fn exit_code(&self) -> u8 {
        if self.poisoned { 1 } else { 0 }
    }
}

/// A port that could not be opened.
pub(super) fn port(key: &'static str, listen: SocketAddr) -> impl FnOnce(io::Error) -> StartError {
    move |error| StartError::Port { key, listen, error }
}
