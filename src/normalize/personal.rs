//! Text that may name a person, on its way to the boundary.
//!
//! Has no `Serialize`, no `Display`, and a `Debug` without content, so that it cannot be written
//! anywhere by accident. Only `scrub` opens it; `tests/tidy.rs` keeps it so.

use std::fmt;

/// A value that may name a person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a value as it came.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Opens the value: for the boundary alone.
    pub(crate) fn expose(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}
