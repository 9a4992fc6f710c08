//! This process among all that ever publish under its name.

use crate::event::Digest128;
use crate::publish::Found;

/// Who this process is. Outlives every run: what another process did to it does not end with a
/// defect of ours.
pub(super) struct Identity {
    pub(super) incarnation: String,
    /// The record where the cursor stood when this process first had the last word on it.
    pub(super) began_at: Option<Option<i64>>,
    /// Another process publishes under our name.
    pub(super) over: bool,
}

impl Identity {
    /// Of a process that begins.
    pub(super) fn new() -> Self {
        let incarnation = Digest128(rand::random()).to_string();
        Self { incarnation, began_at: None, over: false }
    }

    /// Whether the record was moved by another process since this one began.
    pub(super) fn is_usurped(&self, found: Option<&Found>) -> bool {
        let (Some(began), Some(found)) = (self.began_at, found) else {
            return false;
        };
        let ours = found.mark.as_ref().is_some_and(|mark| mark.incarnation == self.incarnation);
        !ours && began != Some(found.offset)
    }
}
