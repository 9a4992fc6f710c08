//! How much of the machine other guests of its host had: a figure without it means little.

/// Time of all processors since the machine started, from `/proc/stat`.
pub(crate) struct Ticks {
    all: u64,
    stolen: u64,
}

impl Ticks {
    /// As it stands.
    pub(crate) fn now() -> Self {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal
        let all = ticks.iter().take(8).sum();
        Self { all, stolen: ticks.get(7).copied().unwrap_or_default() }
    }

    /// The share that other guests of the host had.
    pub(crate) fn steal_since(&self, before: &Self) -> f64 {
        (self.stolen - before.stolen) as f64 / (self.all - before.all).max(1) as f64
    }
}
