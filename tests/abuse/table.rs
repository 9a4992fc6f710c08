//! The table: a row an attack.

use std::time::Duration;

use crate::honest::Fared;
use crate::memory::Memory;

/// An authentic sender that waits so long might as well be refused.
const TOO_LONG: Duration = Duration::from_secs(60);

/// What one attack came to; memory in MiB.
pub(crate) struct Row {
    pub(crate) tried: &'static str,
    pub(crate) did: String,
    pub(crate) fared: Fared,
    pub(crate) before: u64,
    pub(crate) peak: u64,
    pub(crate) after: u64,
}

pub(crate) struct Table {
    rows: Vec<Row>,
    ceiling: u64,
    at_rest: u64,
}

impl Row {
    pub(crate) fn line(&self) -> String {
        let mut taken = self.fared.taken.clone();
        taken.sort_unstable();
        let at = |part: usize| {
            let place = (taken.len() * part / 100).min(taken.len().saturating_sub(1));
            taken.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        format!(
            "| {} | {} | {} / {} | {:.0} / {:.0} ms | {} / {} / {} |",
            self.tried,
            self.did,
            taken.len(),
            self.fared.refused,
            at(50),
            at(99),
            self.before,
            self.peak,
            self.after,
        )
    }
}

impl Table {
    pub(crate) fn new(ceiling: u64, memory: &Memory) -> Self {
        Self { rows: Vec::new(), ceiling, at_rest: memory.now() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn text(&self) -> String {
        let head = "| tried | the gate | authentic: 200 / refused | p50 / p99 | MiB before / at \
                    most / after |\n|---|---|---|---|---|\n";
        let rows: Vec<_> = self.rows.iter().map(Row::line).collect();
        let (rest, peak, ceiling) = (self.at_rest, self.peak(), self.ceiling);
        let last = format!("memory: {rest} MiB at rest, {peak} MiB at most, ceiling {ceiling} MiB");
        format!("{head}{}\n\n{last}", rows.join("\n"))
    }

    /// What must be true of every row.
    pub(crate) fn holds(&self) {
        for row in &self.rows {
            assert_eq!(row.fared.refused, 0, "{}", row.tried);
            assert!(!row.fared.taken.is_empty(), "{}: nothing authentic was taken", row.tried);
            let longest = row.fared.taken.iter().max().unwrap();
            assert!(*longest < TOO_LONG, "{}: {longest:?}", row.tried);
        }
        assert!(self.peak() < self.ceiling, "{} MiB of {}", self.peak(), self.ceiling);
    }

    fn peak(&self) -> u64 {
        self.rows.iter().map(|row| row.peak).max().unwrap_or(0)
    }
}
