//! The only door to time.
//!
//! Two clocks in one: the wall clock ([`Clock::now`]) for what is written down and judged by date,
//! and the steady clock ([`Clock::steady`]) for durations and rates, which never steps back. Tests
//! drive a manual clock; nothing else in the house reads the system's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, with fraction: the unit of Prometheus timestamps.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// The time since `earlier`, zero if that lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// This moment and `duration` more; stays at the end of time rather than wrapping.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment and `duration` less; stays at the beginning of time rather than wrapping.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Shows it as text, from the stack: each event holds several. The calendar is jiff's; its
    /// printing, which can do much more, was a fifteenth of what the boundary did beside digests.
    fn written<T>(self, to: impl FnOnce(&str) -> T) -> T {
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        let at = jiff::tz::Offset::UTC.to_datetime(moment);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |from: usize, digits: usize, mut number: i64| {
            for place in text.iter_mut().skip(from).take(digits).rev() {
                *place = b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or_default();
                number /= 10;
            }
        };
        // Before the year 0 it shows as that: no provider and no clock says so in earnest.
        put(0, 4, i64::from(at.year().max(0)));
        put(5, 2, at.month().into());
        put(8, 2, at.day().into());
        put(11, 2, at.hour().into());
        put(14, 2, at.minute().into());
        put(17, 2, at.second().into());
        put(20, 3, at.millisecond().into());
        to(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// Reads RFC 3339, as in a configuration; `None` if it is not.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-20T10:00:00.027Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written(|text| f.write_str(text))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("must be a moment in RFC 3339"))
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// The clock every room is given.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System { origin: Instant },
    Manual(Arc<Hands>),
}

#[derive(Debug)]
struct Hands {
    wall_millis: AtomicI64,
    steady_nanos: AtomicU64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Kind::System { origin: Instant::now() })
    }

    /// A clock that stands at `start` until it is moved: for tests.
    pub fn manual(start: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(Hands {
            wall_millis: AtomicI64::new(start.0),
            steady_nanos: AtomicU64::new(0),
        })))
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Kind::Manual(hands) => Timestamp(hands.wall_millis.load(Ordering::SeqCst)),
        }
    }

    /// Time since this clock was made; never steps back.
    pub fn steady(&self) -> Duration {
        match &self.0 {
            Kind::System { origin } => origin.elapsed(),
            Kind::Manual(hands) => Duration::from_nanos(hands.steady_nanos.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock on, both hands; the machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual(hands) = &self.0 {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            hands.wall_millis.fetch_add(millis, Ordering::SeqCst);
            let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            hands.steady_nanos.fetch_add(nanos, Ordering::SeqCst);
        }
    }

    /// Sets the wall of a manual clock, backwards too, as an administrator or NTP would.
    pub fn set(&self, to: Timestamp) {
        if let Kind::Manual(hands) = &self.0 {
            hands.wall_millis.store(to.0, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_rfc_3339_with_milliseconds() {
        assert_eq!(Timestamp(1_795_168_800_027).to_string(), "2026-11-20T10:00:00.027Z");
        assert_eq!(Timestamp(1_795_168_800_000).to_string(), "2026-11-20T10:00:00.000Z");
    }

    #[test]
    fn rfc_3339_with_an_offset_is_read() {
        assert_eq!(
            Timestamp::parse("2026-11-20T11:00:00+01:00"),
            Some(Timestamp(1_795_168_800_000))
        );
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn a_wall_set_back_leaves_the_steady_clock_alone() {
        let clock = Clock::manual(Timestamp(1_000));
        clock.advance(Duration::from_secs(1));
        clock.set(Timestamp(5));
        assert_eq!(clock.now(), Timestamp(5));
        assert_eq!(clock.steady(), Duration::from_secs(1));
    }
}
