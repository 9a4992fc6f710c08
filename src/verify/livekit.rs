//! LiveKit's signatures (skeleton: to be written).

use super::{Credentials, Mistake, Ready};
use crate::clock::Timestamp;

/// Builds the scheme of a LiveKit source.
pub fn build(_credentials: Credentials, _now: Timestamp) -> Result<Ready, Vec<Mistake>> {
    Err(Vec::new())
}
