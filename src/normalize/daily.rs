//! Daily.co's dialect (skeleton: to be written).

use super::{At, Dialect, Draft, Reading};

/// Daily.co.
pub struct Daily;

impl Dialect for Daily {
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
