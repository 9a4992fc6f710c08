//! LiveKit's dialect (skeleton: to be written).

use super::{At, Dialect, Draft, Reading};

/// LiveKit.
pub struct LiveKit;

impl Dialect for LiveKit {
    fn read(&self, _document: At<'_, '_>, _draft: &mut Draft) -> Reading {
        Reading::Unknown
    }

    fn knows(&self, _key: &str) -> bool {
        false
    }

    fn is_open(&self, _key: &str) -> bool {
        false
    }
}
