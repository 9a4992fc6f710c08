//! A share of all events, chosen by their ids.
//!
//! Of one event either everything is told or nothing: every instance, retry and replay chooses
//! alike. Nothing is drawn by chance, so nothing has to be remembered; ids are keyed digests, so
//! the choice is even and no sender can steer it.

use std::fmt;

use crate::event::EventId;

/// How many of all events, as a number of 2³².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// Every event.
    pub const ALL: Self = Self(1 << 32);

    /// From 0 (none) to 1 (all); `None` beyond.
    pub fn new(share: f64) -> Option<Self> {
        let whole = Self::ALL.0 as f64;
        (0.0..=1.0).contains(&share).then_some(Self((share * whole).round() as u64))
    }

    /// Whether this event is one of them.
    pub fn holds(self, id: EventId) -> bool {
        let [a, b, c, d, ..] = id.0.0;
        u64::from(u32::from_be_bytes([a, b, c, d])) < self.0
    }

    /// As a number that an atomic can hold.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Reads what [`Share::to_bits`] gives.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// From 0 to 1.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 as f64 / Self::ALL.0 as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Digest128;

    fn id(first: u32) -> EventId {
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&first.to_be_bytes());
        EventId(Digest128(bytes))
    }

    #[test]
    fn a_share_holds_as_many_events_as_it_says_and_the_smaller_one_is_within_the_larger() {
        let ids = (0..1_000u32).map(|number| id(number.wrapping_mul(2_654_435_761)));
        let of =
            |share: f64| ids.clone().filter(|id| Share::new(share).unwrap().holds(*id)).count();
        assert_eq!((of(0.0), of(1.0)), (0, 1_000));
        assert!((80..120).contains(&of(0.1)), "{}", of(0.1));
        let small = Share::new(0.1).unwrap();
        let large = Share::new(0.5).unwrap();
        assert!(ids.clone().filter(|id| small.holds(*id)).all(|id| large.holds(id)));
        assert!(Share::ALL.holds(id(u32::MAX)) && !Share::new(0.0).unwrap().holds(id(0)));
    }

    #[test]
    fn a_share_is_from_none_to_all() {
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::new(share), None, "{share}");
        }
        assert_eq!(Share::new(1.0), Some(Share::ALL));
        assert_eq!(Share::new(0.25).unwrap().to_string(), "0.25");
    }
}
