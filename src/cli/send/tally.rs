//! What came back, against what should have.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use crate::outcome::Outcome;

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    /// Signed as the provider would.
    Authentic,
    /// The same with a body as it is stored: it may have been sent before.
    Stored,
    /// The very same bytes again.
    Duplicate,
    /// A signature that does not fit.
    Forged,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Got {
    /// An answer that names one of our outcomes.
    Outcome(&'static str),
    /// An answer that names none; its status.
    Status(u16),
    /// No answer.
    Silence,
}

/// All of it, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<(Sent, Got), u64>,
    micros: Vec<u32>,
}

impl Got {
    /// An answer's status and the outcome it names.
    pub(super) fn answer(status: u16, named: Option<&str>) -> Self {
        let labels = Outcome::LABELS.into_iter();
        let mut known = labels.filter(|label| named == Some(*label));
        known.next().map_or(Self::Status(status), Self::Outcome)
    }

    fn is_fresh(self) -> bool {
        matches!(self, Self::Outcome("accepted" | "quarantined"))
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome(label) => f.write_str(label),
            Self::Status(status) => write!(f, "status {status}, no outcome"),
            Self::Silence => f.write_str("no answer"),
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authentic => "authentic",
            Self::Stored => "as stored",
            Self::Duplicate => "duplicate",
            Self::Forged => "forged",
        })
    }
}

impl Tally {
    /// Adds one answer and how long it took.
    pub(super) fn add(&mut self, sent: Sent, got: Got, took: Duration) {
        *self.counts.entry((sent, got)).or_default() += 1;
        if got != Got::Silence {
            self.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// Adds two copies that were under way at the same time: either may have come first.
    pub(super) fn add_pair(&mut self, sent: Sent, one: (Got, Duration), other: (Got, Duration)) {
        let (first, second) =
            if other.0.is_fresh() && !one.0.is_fresh() { (other, one) } else { (one, other) };
        self.add(sent, first.0, first.1);
        self.add(Sent::Duplicate, second.0, second.1);
    }

    /// Adds another lane's.
    pub(super) fn merge(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        self.micros.extend(other.micros);
    }

    /// Deliveries whose answer is not what it should be.
    pub(super) fn unexpected(&self) -> u64 {
        let wrong = |((sent, got), _): &(&(Sent, Got), &u64)| !fits(*sent, *got);
        self.counts.iter().filter(wrong).map(|(_, count)| count).sum()
    }

    /// Deliveries without an answer.
    pub(super) fn silent(&self) -> u64 {
        let silent = |((_, got), _): &(&(Sent, Got), &u64)| *got == Got::Silence;
        self.counts.iter().filter(silent).map(|(_, count)| count).sum()
    }

    /// The table, and under it the pace and the waiting times.
    pub(super) fn summary(mut self, took: Duration) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(["SENT", "ANSWERED", "COUNT", ""]);
        for ((sent, got), count) in &self.counts {
            let verdict = if fits(*sent, *got) { "as it should be" } else { "UNEXPECTED" };
            table.add_row([
                sent.to_string(),
                got.to_string(),
                count.to_string(),
                verdict.to_owned(),
            ]);
        }
        let total: u64 = self.counts.values().sum();
        let seconds = took.as_secs_f64().max(0.001);
        self.micros.sort_unstable();
        format!(
            "{}\n\n{total} deliveries in {seconds:.1} s ({:.0} a second); answered within {} \
             (p50), {} (p99)\n",
            table.trim_fmt(),
            total as f64 / seconds,
            self.within(0.50),
            self.within(0.99),
        )
    }

    /// The nearest-rank percentile of a sorted list.
    fn within(&self, part: f64) -> String {
        let rank = (self.micros.len() as f64 * part).ceil() as usize;
        match self.micros.get(rank.saturating_sub(1)) {
            Some(micros) => format!("{:.1} ms", f64::from(*micros) / 1_000.0),
            None => "no answer".to_owned(),
        }
    }
}

fn fits(sent: Sent, got: Got) -> bool {
    let Got::Outcome(label) = got else {
        return false;
    };
    match sent {
        Sent::Authentic => matches!(label, "accepted" | "quarantined" | "ping" | "shadowed"),
        // A shadow keeps nothing, so it knows no duplicate.
        Sent::Stored => {
            matches!(label, "accepted" | "quarantined" | "ping" | "duplicate" | "shadowed")
        }
        Sent::Duplicate => matches!(label, "duplicate" | "ping" | "shadowed"),
        Sent::Forged => label == "bad_signature",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn only_what_should_come_back_is_expected() {
        let mut tally = Tally::default();
        tally.add(Sent::Authentic, Got::answer(200, Some("accepted")), MS);
        tally.add(Sent::Authentic, Got::answer(200, Some("ping")), MS);
        tally.add(Sent::Duplicate, Got::answer(200, Some("duplicate")), MS);
        tally.add(Sent::Forged, Got::answer(401, Some("bad_signature")), MS);
        assert_eq!((tally.unexpected(), tally.silent()), (0, 0));
        tally.add(Sent::Forged, Got::answer(200, Some("accepted")), MS);
        tally.add(Sent::Authentic, Got::answer(200, Some("duplicate")), MS);
        tally.add(Sent::Authentic, Got::answer(200, Some("made-up")), MS);
        tally.add(Sent::Duplicate, Got::Silence, MS);
        assert_eq!((tally.unexpected(), tally.silent()), (4, 1));
        let text = tally.summary(Duration::from_secs(2));
        assert!(text.contains("UNEXPECTED") && text.contains("status 200, no outcome"), "{text}");
        assert!(text.contains("8 deliveries in 2.0 s (4 a second)"), "{text}");
    }

    #[test]
    fn of_two_copies_under_way_at_once_exactly_one_is_fresh() {
        let accepted = (Got::Outcome("accepted"), MS);
        let duplicate = (Got::Outcome("duplicate"), MS);
        let mut tally = Tally::default();
        tally.add_pair(Sent::Authentic, accepted, duplicate);
        tally.add_pair(Sent::Authentic, duplicate, accepted);
        assert_eq!(tally.unexpected(), 0);
        tally.add_pair(Sent::Authentic, accepted, accepted);
        assert_eq!(tally.unexpected(), 1);
    }

    #[test]
    fn what_was_sent_before_may_be_a_duplicate() {
        let mut tally = Tally::default();
        tally.add(Sent::Stored, Got::Outcome("duplicate"), MS);
        assert_eq!(tally.unexpected(), 0);
    }

    #[test]
    fn a_shadow_takes_all_but_forgeries() {
        let mut tally = Tally::default();
        for sent in [Sent::Authentic, Sent::Stored, Sent::Duplicate] {
            tally.add(sent, Got::answer(200, Some("shadowed")), MS);
        }
        tally.add_pair(
            Sent::Authentic,
            (Got::Outcome("shadowed"), MS),
            (Got::Outcome("shadowed"), MS),
        );
        assert_eq!(tally.unexpected(), 0);
        tally.add(Sent::Forged, Got::answer(200, Some("shadowed")), MS);
        assert_eq!(tally.unexpected(), 1);
    }
}
