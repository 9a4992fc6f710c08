//! Who changed what.
//!
//! Every change goes through [`Desk::audited`]: what has no record in the log is not done, and how
//! it ended is recorded behind it. A record that says `begun` and has no end says that the process
//! ended, or met a defect, in the midst of it.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Actor, Desk, Reason, Refusal};
use crate::audit::{Entry, Record, Trouble};
use crate::bounds::{AUDIT_PAGE_DEFAULT, AUDIT_PAGE_MAX};
use crate::clock::Timestamp;

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Records of one page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = AUDIT_PAGE_MAX))]
    pub limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One change, or the attempt of one. Each holds the hash of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// The name of the token; `signal` and `command` for what came another way.
    pub by: String,
    /// What was done, such as `replay.run`.
    pub action: String,
    /// To what, as it may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why.
    pub reason: String,
    /// The number of the record of its beginning, where this one tells how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<u64>,
    /// How it stands: `begun`, `done`, or `refused: ` and why.
    pub result: String,
    /// SHA-256 of the record before, in hexadecimal; zeros for the first.
    pub previous: String,
    /// SHA-256 of this record without this field, in hexadecimal.
    pub hash: String,
}

/// A page of records, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPage {
    /// The records.
    pub records: Vec<AuditRecord>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Desk {
    /// A page of the audit log.
    ///
    /// # Errors
    /// A limit or cursor that is none; a log that cannot be read.
    pub async fn audit(&self, filter: AuditFilter) -> Result<AuditPage, Refusal> {
        let limit = filter.limit.unwrap_or(AUDIT_PAGE_DEFAULT);
        if !(1..=AUDIT_PAGE_MAX).contains(&limit) {
            let rule = format!("must be a whole number from 1 to {AUDIT_PAGE_MAX}");
            return Err(Refusal::Invalid { field: "limit", rule });
        }
        let no_place = || Refusal::Invalid {
            field: "cursor",
            rule: "must be the next_cursor of a page before; leave it out to begin".to_owned(),
        };
        let before = match filter.cursor {
            Some(cursor) => Some(cursor.parse::<u64>().map_err(|_| no_place())?),
            None => None,
        };
        let audit = self.inner.audit.clone();
        let page = spawn_blocking(move || audit.page(limit, before)).await;
        let page = page.map_err(|_panicked| Refusal::Defect)??.ok_or_else(no_place)?;
        let next_cursor = page.next.map(|next| next.to_string());
        Ok(AuditPage { records: page.records.into_iter().map(Into::into).collect(), next_cursor })
    }

    /// Does a change with a record of its beginning and one of its end, and gives what it gives.
    ///
    /// `action` is a word such as `replay.run`; `target` is what it is done to, only as it may be
    /// seen (a name of the configuration, a sequence, a pseudonym): it is kept for good. What is
    /// not `Ok` is recorded as refused with its text, which by the rule of [`Refusal`] names no
    /// value.
    ///
    /// ```text
    /// let (reason, target) = (ask.reason.clone(), format!("source {source}"));
    /// self.audited(by, "capture", Some(&target), &reason, async { … }).await
    /// ```
    ///
    /// # Errors
    /// Those of the change; [`Refusal::Unavailable`] where its beginning cannot be recorded, and
    /// then it has not begun.
    pub(super) async fn audited<T>(
        &self,
        by: &Actor,
        action: &'static str,
        target: Option<&str>,
        reason: &Reason,
        change: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let entry = |begun, result: Cow<'_, str>| Entry {
            by: by.name.clone(),
            action: action.to_owned(),
            target: target.map(str::to_owned),
            reason: reason.as_str().to_owned(),
            begun,
            result: result.into_owned(),
        };
        let begun = self.record(entry(None, "begun".into())).await?;
        let changed = change.await;
        let result = match &changed {
            Ok(_) => "done".into(),
            Err(refusal) => format!("refused: {refusal}").into(),
        };
        if let Err(refusal) = self.record(entry(Some(begun), result)).await {
            tracing::error!(begun, action, %refusal, "the end of a change could not be recorded");
        }
        changed
    }

    async fn record(&self, entry: Entry) -> Result<u64, Refusal> {
        let audit = self.inner.audit.clone();
        let recorded = spawn_blocking(move || audit.append(entry)).await;
        Ok(recorded.map_err(|_panicked| Refusal::Defect)??)
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(trouble.to_string())
    }
}

impl From<Record> for AuditRecord {
    fn from(record: Record) -> Self {
        let Record { number, time, by, action, target, reason, begun, result, previous, hash } =
            record;
        Self { number, time, by, action, target, reason, begun, result, previous, hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Role;
    use crate::desk::tests::desk;

    async fn change(desk: &Desk, ends: Result<u8, Refusal>) -> Result<u8, Refusal> {
        let by = Actor { name: "olga".to_owned(), role: Role::Operator };
        let reason = Reason::try_from("ticket 7".to_owned()).unwrap();
        desk.audited(&by, "try", Some("source a"), &reason, async { ends }).await
    }

    #[tokio::test]
    async fn a_change_leaves_a_record_of_its_beginning_and_of_its_end_however_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path());
        assert_eq!(change(&desk, Ok(7)).await, Ok(7));
        let refusal = Refusal::Conflict("it has been done".to_owned());
        assert_eq!(change(&desk, Err(refusal.clone())).await, Err(refusal));
        let first = AuditFilter { limit: Some(3), cursor: None };
        let page = desk.audit(first).await.unwrap();
        let shown: Vec<_> = page.records.iter().map(|r| (r.begun, r.result.as_str())).collect();
        let ends = [(Some(3), "refused: it has been done"), (None, "begun"), (Some(1), "done")];
        assert_eq!(shown, ends);
        let record = &page.records[0];
        assert_eq!((&*record.by, &*record.action, &*record.reason), ("olga", "try", "ticket 7"));
        assert_eq!(record.target.as_deref(), Some("source a"));
        let rest = AuditFilter { limit: None, cursor: page.next_cursor };
        let page = desk.audit(rest).await.unwrap();
        assert_eq!((page.records.len(), page.next_cursor), (1, None));
    }

    #[tokio::test]
    async fn what_cannot_be_recorded_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("journal").join(crate::audit::FILE)).unwrap();
        let desk = desk(folder.path());
        let by = Actor { name: "olga".to_owned(), role: Role::Operator };
        let reason = Reason::try_from("ticket 7".to_owned()).unwrap();
        let never = async { panic!("it was done") };
        let refused: Result<(), _> = desk.audited(&by, "try", None, &reason, never).await;
        assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_limit_or_a_cursor_that_is_none_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path());
        for limit in [0, AUDIT_PAGE_MAX + 1] {
            let filter = AuditFilter { limit: Some(limit), cursor: None };
            let refused = desk.audit(filter).await.unwrap_err();
            assert!(matches!(refused, Refusal::Invalid { field: "limit", .. }));
        }
        for cursor in ["canary", "7"] {
            let filter = AuditFilter { limit: None, cursor: Some(cursor.to_owned()) };
            let refused = desk.audit(filter).await.unwrap_err();
            assert!(matches!(refused, Refusal::Invalid { field: "cursor", .. }));
            assert!(!refused.to_string().contains("canary"));
        }
    }
}
