//! Resident memory of the gate, as the kernel counts it.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

/// A process, looked at from outside.
pub(crate) struct Memory {
    process: u32,
}

impl Memory {
    pub(crate) const fn of(process: u32) -> Self {
        Self { process }
    }

    /// MiB now.
    pub(crate) fn now(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most MiB since it was last forgotten.
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.process), "5").unwrap();
    }

    fn status(&self, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let kib = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

/// The ceiling that the gate says at its start, in MiB.
pub(crate) fn ceiling(said: &[String]) -> u64 {
    let line = said.iter().find(|line| line.contains("memory has a ceiling")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    line["mib"].as_u64().unwrap()
}

/// The attackers need as many descriptors as they can get.
pub(crate) fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
