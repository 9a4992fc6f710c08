//! How fast a peer or a source may come (skeleton: to be written).

use std::num::NonZeroU32;

/// A rate with its burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Events each second.
    pub per_second: NonZeroU32,
    /// Events at once.
    pub burst: NonZeroU32,
}
