//! `[telemetry]`, checked: what is told of deliveries beside the metrics.

use super::Telemetry;
use super::read::Section;
use crate::share::Share;

/// `[telemetry]`.
pub(super) fn telemetry(mut section: Section<'_>) -> Telemetry {
    let log_accepted = section.share("log_accepted").unwrap_or(Share::ALL);
    section.finish();
    Telemetry { log_accepted }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{KAFKA, KEYS, SOURCE, good, mistakes};
    use crate::share::Share;

    fn of(line: &str) -> String {
        format!("[telemetry]\n{line}\n{KAFKA}{KEYS}{SOURCE}")
    }

    #[test]
    fn a_share_is_a_number_from_none_to_all() {
        for (written, share) in
            [("", 1.0), ("log_accepted = 0.25", 0.25), ("log_accepted = 0", 0.0)]
        {
            assert_eq!(good(&of(written)).telemetry.log_accepted, Share::new(share).unwrap());
        }
        for wrong in ["1.5", "-0.1", "nan", "\"10%\"", "true"] {
            let lines = mistakes(&of(&format!("log_accepted = {wrong}")));
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("from 0 (none) to 1 (all)"), "{lines:?}");
        }
        let unknown = mistakes(&of("log_rejected = 1"));
        assert!(unknown[0].contains("known here: log_accepted"), "{unknown:?}");
    }
}
