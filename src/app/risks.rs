//! Accepted risks come into force with a record in the audit log, or not at all.
//!
//! The log's last record of this kind names the set that holds, so a set that is there already is
//! recorded once and not at every start. A set that cannot be recorded is not in force: the
//! boundary is then as strict as before its risks were accepted, which loses no delivery and lets
//! nothing out that nobody can account for; a start that refused would lose deliveries, and three
//! refusals silence a whole Daily domain. It is said loudly until a reload or a restart finds the
//! log in order.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::audit::{Audit, Entry, GATEWAY, Record, Trouble};
use crate::bounds::{AUDIT_PAGE_DEFAULT, AUDIT_RISKS_LOOKED_AT};
use crate::config::Source;
use crate::desk::{AcceptedRisk, Refusal};

/// What such a record says was done.
const ACTION: &str = "policy.accept_risk";

/// Characters of a set's digest that its records show.
const DIGEST_CHARS: usize = 16;

/// Every accepted risk of these sources.
pub(super) fn of(sources: &[Source]) -> Vec<AcceptedRisk> {
    sources.iter().flat_map(|source| AcceptedRisk::of(&source.boundary)).collect()
}

/// Records that these come into force and all others end, unless the log says so already.
///
/// # Errors
/// The log takes no record, or cannot be read: none of them may come into force.
pub(super) async fn record(audit: &Audit, risks: &[AcceptedRisk]) -> Result<(), Refusal> {
    let (audit, risks) = (audit.clone(), risks.to_vec());
    let recorded = spawn_blocking(move || record_all(&audit, &risks)).await;
    Ok(recorded.map_err(|_panicked| Refusal::Defect)??)
}

/// Takes all risks out of these sources' policies.
pub(super) fn withhold(sources: &mut [Source]) {
    for source in sources {
        let boundary = &mut source.boundary;
        if !boundary.policy.accepted().is_empty() {
            boundary.policy = Arc::new(boundary.policy.without_risks());
        }
    }
}

/// Names each in the log.
pub(super) fn say(risks: &[AcceptedRisk]) {
    for risk in risks {
        tracing::warn!(%risk, "a policy accepts a risk: more leaves than without its rule");
    }
}

/// Blocks.
fn record_all(audit: &Audit, risks: &[AcceptedRisk]) -> Result<(), Trouble> {
    let set = set(risks);
    let stands = standing(audit)?;
    let holds = match (&stands, risks.is_empty()) {
        (Some(result), _) => result.starts_with(&ending(&set, risks.len())),
        // Nothing was ever accepted, and nothing is now.
        (None, is_none) => is_none,
    };
    if holds {
        return Ok(());
    }
    let entry = |target, reason, result| Entry {
        by: GATEWAY.to_owned(),
        action: ACTION.to_owned(),
        target,
        reason,
        begun: None,
        result,
    };
    if risks.is_empty() {
        let reason = "no rule of any policy accepts a risk any more".to_owned();
        audit.append(entry(None, reason, ending(&set, 0)))?;
    }
    for (place, risk) in risks.iter().enumerate() {
        let numbered = numbered(&set, place + 1, risks.len());
        let result = format!("{numbered}: {}", risk.change());
        audit.append(entry(Some(risk.target()), risk.why.clone(), result))?;
    }
    Ok(())
}

/// What the log's last such record says; `None`: there is none, as far back as is looked.
fn standing(audit: &Audit) -> Result<Option<String>, Trouble> {
    let (mut before, mut looked_at) = (None, 0);
    while looked_at < AUDIT_RISKS_LOOKED_AT {
        let Some(page) = audit.page(AUDIT_PAGE_DEFAULT, before)? else { break };
        looked_at += page.records.len();
        let found = page.records.into_iter().find(|record: &Record| record.action == ACTION);
        if let Some(record) = found {
            return Ok(Some(record.result));
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(None)
}

/// A name of a set of risks: another for any other set, in whichever order they come.
fn set(risks: &[AcceptedRisk]) -> String {
    let mut lines: Vec<String> = risks.iter().map(|risk| format!("{risk:?}\n")).collect();
    lines.sort_unstable();
    let digest = Sha256::digest(lines.concat());
    let mut text = String::new();
    for byte in digest {
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(DIGEST_CHARS);
    text
}

fn numbered(set: &str, place: usize, of: usize) -> String {
    format!("in force, set {set}, {place} of {of}")
}

/// How the last record of a set begins: one that a crash cut short is recorded again.
fn ending(set: &str, of: usize) -> String {
    numbered(set, of, of)
}

#[cfg(test)]
mod tests {
    use crate::bounds::AUDIT_PAGE_MAX;
    use crate::clock::{Clock, Timestamp};

    use super::*;

    fn risk(field: &str, why: &str) -> AcceptedRisk {
        AcceptedRisk {
            source: "clinic".to_owned(),
            field: field.to_owned(),
            kinds: vec!["recording.ready".to_owned()],
            before: "unlisted".to_owned(),
            before_ranges: Vec::new(),
            now: "pass".to_owned(),
            now_ranges: Vec::new(),
            why: why.to_owned(),
        }
    }

    struct Log {
        folder: tempfile::TempDir,
        audit: Audit,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let audit = Audit::open(folder.path(), Clock::manual(Timestamp::from_millis(0)));
            Self { folder, audit }
        }

        /// What is recorded for this set, the oldest first: target, reason and result.
        fn told(&self, risks: &[AcceptedRisk]) -> Vec<(Option<String>, String, String)> {
            let count = || self.audit.page(AUDIT_PAGE_MAX, None).unwrap().unwrap().records.len();
            let before = count();
            record_all(&self.audit, risks).unwrap();
            let new = count() - before;
            if new == 0 {
                return Vec::new();
            }
            let page = self.audit.page(new, None).unwrap().unwrap();
            let told = page.records.into_iter().rev().map(|record| {
                assert_eq!((record.by.as_str(), record.action.as_str()), (GATEWAY, ACTION));
                (record.target, record.reason, record.result)
            });
            told.collect()
        }
    }

    #[test]
    fn a_set_of_risks_is_recorded_when_it_comes_changes_and_ends_and_not_in_between() {
        let log = Log::new();
        assert_eq!(log.told(&[]), []);
        let (one, two) = (risk("participant.region", "billing"), risk("track.id", "quality"));
        let both = [one.clone(), two.clone()];
        let told = log.told(&both);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].0.as_deref(), Some("clinic/participant.region"));
        assert_eq!(told[0].1, "billing");
        assert!(told[0].2.starts_with("in force, set "), "{told:?}");
        let end = ", 1 of 2: unlisted → pass with recording.ready";
        assert!(told[0].2.ends_with(end), "{told:?}");
        assert_eq!(log.told(&both), []);
        assert_eq!(log.told(&[two.clone(), one.clone()]), []);
        assert_eq!(log.told(&[one]).len(), 1);
        // In finer ranges more leaves, under the same words.
        let ranged = |now: &[u64]| {
            let (before, now_ranges) = ("bucket".to_owned(), now.to_vec());
            let (now, before_ranges) = ("bucket".to_owned(), vec![0, 600]);
            AcceptedRisk { before, before_ranges, now, now_ranges, ..risk("track.id", "quality") }
        };
        assert_eq!(log.told(&[ranged(&[0, 60, 600])]).len(), 1);
        let finer = log.told(&[ranged(&[0, 30, 60, 600])]);
        let end = ", in ranges from 0, 30, 60, 600, before from 0, 600";
        assert!(finer.len() == 1 && finer[0].2.ends_with(end), "{finer:?}");
        assert_eq!(log.told(&[ranged(&[0, 30, 60, 600])]), []);
        assert_eq!(log.told(&[risk("participant.region", "another reason")]).len(), 1);
        let none = log.told(&[]);
        assert!(none.len() == 1 && none[0].0.is_none(), "{none:?}");
        assert_eq!(log.told(&[]), []);
        assert_eq!(log.told(&both).len(), 2);
    }

    #[test]
    fn a_set_that_a_crash_recorded_in_part_is_recorded_again() {
        let log = Log::new();
        let both = [risk("participant.region", "billing"), risk("track.id", "quality")];
        let told = log.told(&both);
        let file = log.folder.path().join(crate::audit::FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap();
        std::fs::write(&file, format!("{first}\n")).unwrap();
        let clock = Clock::manual(Timestamp::from_millis(0));
        let audit = Audit::open(log.folder.path(), clock);
        let again = Log { audit, ..log };
        assert_eq!(again.told(&both), told);
        assert_eq!(again.told(&both), []);
    }

    #[test]
    fn a_set_is_found_behind_many_records_of_other_changes() {
        let log = Log::new();
        let risks = [risk("participant.region", "billing")];
        assert_eq!(log.told(&risks).len(), 1);
        for _ in 0..AUDIT_PAGE_DEFAULT + 1 {
            let other = Entry {
                by: "olga".to_owned(),
                action: "reload".to_owned(),
                target: None,
                reason: "a test".to_owned(),
                begun: None,
                result: "done".to_owned(),
            };
            log.audit.append(other).unwrap();
        }
        record_all(&log.audit, &risks).unwrap();
        let page = log.audit.page(1, None).unwrap().unwrap();
        assert_eq!(page.records[0].action, "reload");
    }

    #[test]
    fn a_log_that_takes_no_record_says_so() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(crate::audit::FILE)).unwrap();
        let audit = Audit::open(folder.path(), Clock::manual(Timestamp::from_millis(0)));
        let risks = [risk("participant.region", "billing")];
        assert!(matches!(record_all(&audit, &risks), Err(Trouble::Io(_))));
        assert!(record_all(&audit, &[]).is_err());
    }
}
