//! Counters and gauges that can be read as well: `status` shows what the process has counted.
//!
//! The library's own can only be written. Beside each stands a number of ours, under the labels
//! of its series, so that a source that comes back after a reload goes on where it stood. Writing
//! costs one more relaxed atomic.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge};

/// Every number that stands beside a series.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<HashMap<[String; 3], Arc<AtomicU64>>>);

/// A counter that can be read.
pub(super) struct Count {
    shown: Counter,
    total: Arc<AtomicU64>,
}

/// A gauge that can be read. A moment in time is 0 until there is one.
pub struct Dial {
    shown: Gauge,
    bits: Arc<AtomicU64>,
}

impl Numbers {
    /// The number of a series, 0 at first.
    fn of(&self, series: [&str; 3]) -> Arc<AtomicU64> {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.entry(series.map(str::to_owned)).or_default().clone()
    }
}

impl Count {
    /// Of the series with this name, source and label.
    pub(super) fn new(shown: Counter, numbers: &Numbers, series: [&str; 3]) -> Self {
        Self { shown, total: numbers.of(series) }
    }

    pub(super) fn add(&self, count: u64) {
        self.shown.increment(count);
        self.total.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

impl Dial {
    /// Of the series with this name, source and label.
    pub(super) fn new(shown: Gauge, numbers: &Numbers, series: [&str; 3]) -> Self {
        let dial = Self { shown, bits: numbers.of(series) };
        dial.shown.set(dial.value());
        dial
    }

    /// Shows this from now on.
    pub fn set(&self, value: f64) {
        self.shown.set(value);
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// What it shows.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}
