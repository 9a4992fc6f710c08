//! The totals of `dev`: what was posted, what was read, and the journal's ledger.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::screen::Screen;
use super::sender::Posted;
use crate::journal::LedgerRow;
use crate::publish::Received;

/// What has come and gone.
#[derive(Default)]
pub(super) struct Counts {
    outcomes: BTreeMap<String, u64>,
    posted: u64,
    records: u64,
    ids: BTreeSet<String>,
}

impl Counts {
    pub(super) fn posted(&mut self, posted: &Posted) {
        self.posted += 1;
        *self.outcomes.entry(posted.answer()).or_default() += 1;
    }

    pub(super) fn read(&mut self, record: &Received) {
        self.records += 1;
        let event: Value = serde_json::from_slice(&record.value).unwrap_or_default();
        self.ids.extend(event.get("id").and_then(Value::as_str).map(str::to_owned));
    }

    /// Whether a consumer has read all that was taken.
    pub(super) fn caught_up(&self, ledger: &[LedgerRow]) -> bool {
        let published: u64 = ledger.iter().map(|row| row.published).sum();
        all_out(ledger) && self.ids.len() as u64 >= published
    }

    /// Prints the totals.
    pub(super) fn show(&self, title: &str, ledger: &[LedgerRow], screen: &mut Screen) {
        screen.line("");
        screen.title(title);
        let outcomes = self.outcomes.iter().map(|(outcome, count)| format!("{count} × {outcome}"));
        let outcomes: Vec<String> = outcomes.collect();
        screen.entry("posted", &format!("{}: {}", self.posted, outcomes.join(", ")));
        let twice = self.records - self.ids.len() as u64;
        screen.entry("read", &format!("{} records, {twice} of them twice", self.records));
        screen.line("");
        let columns =
            ["ledger", "accepted", "quarantined", "published", "pending", "held", "erased"];
        let row = |cells: [String; 7]| {
            let [name, rest @ ..] = cells;
            rest.iter().fold(format!("  {name:<10}"), |line, cell| format!("{line}{cell:>13}"))
        };
        screen.line(&row(columns.map(str::to_owned)));
        for source in ledger {
            let counts = [
                source.accepted,
                source.quarantined,
                source.published,
                source.pending,
                source.held,
                source.erased_unpublished,
            ];
            let [a, b, c, d, e, f] = counts.map(|count| count.to_string());
            screen.line(&row([source.source.to_string(), a, b, c, d, e, f]));
        }
        screen.line("");
        screen.line(match (balances(ledger), all_out(ledger)) {
            (true, true) => {
                "  Everything answered 200 and new is on Kafka once: the ledger balances."
            }
            (true, false) => "  The ledger balances; what is pending stays in the journal.",
            (false, _) => "  The ledger does not balance: this is a defect, please report it.",
        });
    }
}

/// Whether nothing waits for Kafka.
fn all_out(ledger: &[LedgerRow]) -> bool {
    ledger.iter().all(|row| row.pending == 0 && row.held == 0)
}

fn balances(ledger: &[LedgerRow]) -> bool {
    ledger.iter().all(|row| {
        let gone = row.published + row.pending + row.held + row.erased_unpublished;
        row.accepted + row.quarantined == gone
    })
}
