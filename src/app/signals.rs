//! What the process is told from outside: to stop, or to read its configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::StartError;
use crate::desk::{Actor, ChangeAsk, Desk, Reason, Role};

/// What a terminal or a supervisor ends a process with: SIGINT, SIGTERM, SIGHUP. Once they are
/// listened for, none ends the process by itself.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To stop.
    Stop,
    /// By custom: to read its configuration again.
    Reload,
}

impl Signals {
    /// Begins to listen. Needs a runtime.
    ///
    /// # Errors
    /// Where the system does not let a process listen.
    pub fn new() -> Result<Self, StartError> {
        let listen = |kind| signal(kind).map_err(|error| StartError::Defect(error.to_string()));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// What the next signal asks of a server.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// The next signal of any kind: for what lives and ends with its terminal.
    pub async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Has the configuration read again, as a hangup asks; how it went is said where it is done.
pub(super) async fn reload(desk: Desk) {
    let by = Actor { name: "signal".to_owned(), role: Role::Operator };
    if let Ok(reason) = Reason::try_from("SIGHUP".to_owned()) {
        let _ = desk.reload(&by, ChangeAsk { reason }).await;
    }
}
