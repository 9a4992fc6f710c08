//! The keys that a provider documents, found in a step or two.
//!
//! Every key that stays is asked for on the hot path. A list in byte order would be halved eight
//! times, with a comparison each; by length and first letter hardly any two keys are left to
//! compare.

/// Keys longer than this share a shelf.
const LENGTH_MAX: usize = 31;
const LETTERS: usize = 32;

/// Keys on shelves, by length and first letter.
pub(super) struct Known(Vec<Vec<&'static str>>);

impl Known {
    /// These keys.
    pub(super) fn of(keys: &[&'static str]) -> Self {
        let mut shelves = vec![Vec::new(); (LENGTH_MAX + 1) * LETTERS];
        for key in keys {
            if let Some(shelf) = shelves.get_mut(shelf(key)) {
                shelf.push(*key);
            }
        }
        Self(shelves)
    }

    /// Whether a key is one of them.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.get(shelf(key)).is_some_and(|shelf| shelf.contains(&key))
    }
}

/// Letters that differ in their case share a shelf.
fn shelf(key: &str) -> usize {
    let first = key.as_bytes().first().map_or(0, |byte| usize::from(byte % 32));
    key.len().min(LENGTH_MAX) * LETTERS + first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_whatever_shares_its_shelf() {
        let long = "a".repeat(40);
        let known = Known::of(&["room", "Room", "rest", "", "s3"]);
        for key in ["room", "Room", "rest", "", "s3"] {
            assert!(known.has(key), "{key}");
        }
        for key in ["roam", "rooms", "ROOM", "3s", "é", long.as_str()] {
            assert!(!known.has(key), "{key}");
        }
    }
}
