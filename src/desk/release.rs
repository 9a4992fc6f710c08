//! Letting go what can leave quarantine after all.
//!
//! What can: an unknown kind that this version knows by its type, made of the envelope that was
//! kept; an event that was masked, as it was masked; one that was too large for Kafka, tried again
//! as it is. What cannot stays, and the answer says how many by why: `malformed` and `unknown_kind`
//! for ever or until a newer version, `recording_forbidden` where it holds what was recorded before
//! that was forbidden, `gone` where the row is erased, deleted or damaged, `not_in_quarantine`,
//! `no_source` where its source has left the configuration: nobody can say then what may leave.
//!
//! Each goes once, in the journal's order (`journal/release.rs`). A release that fails halfway has
//! let go whole steps, and asking again answers `already` for those.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::timeout;

use super::events::{not_begun, not_found_out};
use super::filter::cursor;
use super::{Actor, Desk, EventState, Filter, Refusal, ReleaseAsk, Released};
use crate::bounds::{EVENTS_PAGE_MAX, RELEASE_EVENTS_MAX, RELEASE_STEP, SEARCH_KNOWS};
use crate::event::{Kind, QuarantineReason, SourceName};
use crate::intake::Sources;
use crate::journal::{AppendError, Journal, LetGo, ReadError, Release, Stored};
use crate::scrub::release::Kept;

impl Desk {
    /// Lets one event go by its sequence, or those that the filter means.
    ///
    /// # Errors
    /// `Invalid` where not exactly one of both is given or the filter is not as it must be,
    /// `NotFound` for a sequence that was never given, `Conflict` where it means more than
    /// [`RELEASE_EVENTS_MAX`] or an erasure is under way, `Unavailable` where the journal or
    /// searching cannot serve now.
    pub async fn release(
        &self,
        by: &Actor,
        sequence: Option<u64>,
        ask: ReleaseAsk,
    ) -> Result<Released, Refusal> {
        let target = match sequence {
            Some(sequence) => format!("event {sequence}"),
            None => "events by filter".to_owned(),
        };
        let release = self.let_go(sequence, ask.filter);
        self.audited(by, "quarantine.release", Some(&target), &ask.reason, release).await
    }

    async fn let_go(
        &self,
        sequence: Option<u64>,
        filter: Option<Filter>,
    ) -> Result<Released, Refusal> {
        let Ok(_nothing_is_erased) = self.forgetting.try_read() else {
            let text = "an erasure is under way; ask again when it is done";
            return Err(Refusal::Conflict(text.to_owned()));
        };
        let sequences = match (sequence, filter) {
            (Some(sequence), None)
                if !(1..=*self.inner.journal.head().borrow()).contains(&sequence) =>
            {
                return Err(Refusal::NotFound("there is no such event: it never was".to_owned()));
            }
            (Some(sequence), None) => vec![sequence],
            (None, Some(filter)) => self.quarantined(filter).await?,
            (Some(_), Some(_)) | (None, None) => {
                let rule = "must say which, where it is not one event by its sequence; {} for all";
                return Err(Refusal::Invalid { field: "filter", rule: rule.to_owned() });
            }
        };
        let mut done = Released::default();
        for step in sequences.chunks(RELEASE_STEP) {
            let (step, sources) = (step.to_vec(), Arc::clone(&self.inner.sources));
            let (releases, kept, already) =
                self.look(move |journal| prepare(journal, &sources, &step)).await?;
            let answers = match releases.is_empty() {
                true => Vec::new(),
                false => self.inner.journal.release(releases).await.map_err(not_now)?,
            };
            done.already += already;
            for answer in answers {
                match answer {
                    LetGo::Now { .. } => done.released += 1,
                    LetGo::Before => done.already += 1,
                }
            }
            for (why, count) in kept {
                *done.kept.entry(why.to_owned()).or_default() += count;
            }
        }
        Ok(done)
    }

    /// Every event in quarantine that the filter means, in the journal's order.
    async fn quarantined(&self, filter: Filter) -> Result<Vec<u64>, Refusal> {
        for (field, given) in [
            ("state", filter.state.is_some()),
            ("limit", filter.limit.is_some()),
            ("cursor", filter.cursor.is_some()),
        ] {
            if given {
                let rule = "is not for a release, which means all in quarantine; leave it out";
                return Err(Refusal::Invalid { field, rule: rule.to_owned() });
            }
        }
        self.known().await?;
        let state = Some(EventState::Quarantined);
        let mut filter = Filter { state, limit: Some(EVENTS_PAGE_MAX), ..filter };
        let mut found = Vec::new();
        loop {
            let (page, _) = self.page(self.meant(&filter, true)?).await?;
            found.extend(page.rows.iter().map(|row| row.sequence));
            if found.len() as u64 > RELEASE_EVENTS_MAX {
                let text = format!(
                    "the filter means more than {RELEASE_EVENTS_MAX} events: narrow it by time, \
                     source or reason"
                );
                return Err(Refusal::Conflict(text));
            }
            let last = page.rows.last().filter(|_| page.more);
            let Some(last) = last else { break };
            filter.cursor = Some(cursor(last.sequence));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Waits until searching knows all that is there now: what goes is then all that is meant.
    async fn known(&self) -> Result<(), Refusal> {
        let journal = &self.inner.journal;
        let head = *journal.head().borrow();
        let mut standing = journal.search().ok_or_else(not_begun)?.standing();
        let known = timeout(SEARCH_KNOWS, standing.wait_for(|now| now.through >= head)).await;
        if known.is_ok_and(|known| known.is_ok()) {
            return Ok(());
        }
        let through = standing.borrow().through;
        Err(Refusal::Unavailable(format!(
            "searching knows the events up to {through} yet, of {head}: nothing was let go; ask \
             again when status shows that it has caught up"
        )))
    }
}

/// What can go, what cannot by why, and how many have gone before.
type Prepared = (Vec<Release>, BTreeMap<&'static str, u64>, u64);

fn prepare(journal: &Journal, sources: &Sources, step: &[u64]) -> Result<Prepared, Refusal> {
    let (mut releases, mut kept, mut already) = (Vec::new(), BTreeMap::new(), 0);
    for &sequence in step {
        if journal.is_released(sequence).map_err(unreadable)? {
            already += 1;
            continue;
        }
        let release = match journal.event(sequence).map_err(unreadable)? {
            Some(event) => one(journal, sources, &event)?,
            None => Err("gone"),
        };
        match release {
            Ok(release) => releases.push(release),
            Err(why) => *kept.entry(why).or_default() += 1,
        }
    }
    Ok((releases, kept, already))
}

/// One event as it may leave, or why it may not.
fn one(
    journal: &Journal,
    sources: &Sources,
    stored: &Stored,
) -> Result<Result<Release, &'static str>, Refusal> {
    let Stored { id, source, received, .. } = stored;
    let as_kept = |key, value| Kept { id: *id, source, received: *received, key, value };
    let kept = as_kept(&stored.key, &stored.value);
    let by = sources.named(&SourceName::new(source.origin())).ok_or("no_source");
    // As it was kept, unless that is from before recordings were forbidden.
    let whole = |one: Kept<'_>, kind| match &by {
        Ok(by) if by.boundary().forbids(kind) && !one.tells_forbidden() => {
            Err("recording_forbidden")
        }
        Ok(_) => Ok(one.as_kept(kind)),
        Err(why) => Err(*why),
    };
    let event = if stored.kind != Kind::Quarantined {
        match is_oversized(journal, stored.sequence)? {
            true => whole(kept, stored.kind),
            false => Err("not_in_quarantine"),
        }
    } else {
        match kept.reason() {
            Some(QuarantineReason::UnknownKind) => by.and_then(|by| {
                kept.understood(by.provider().dialect, by.boundary()).ok_or("unknown_kind")
            }),
            Some(QuarantineReason::PiiViolation) => {
                match journal.masked(stored).map_err(unreadable)? {
                    Some(one) => whole(as_kept(&one.key, &one.value), one.kind),
                    None => Err("gone"),
                }
            }
            Some(QuarantineReason::Malformed) => Err("malformed"),
            Some(QuarantineReason::TooLargeForKafka) | None => Err("not_in_quarantine"),
        }
    };
    Ok(event.map(|event| Release { of: stored.sequence, event }))
}

/// Whether Kafka refused it for its size: noted beside the road, so unknown where nothing is.
fn is_oversized(journal: &Journal, sequence: u64) -> Result<bool, Refusal> {
    let Some(search) = journal.search() else { return Ok(false) };
    let (row, _) = search.event(sequence).map_err(not_found_out)?;
    Ok(row.is_some_and(|row| row.oversized))
}

fn not_now(error: AppendError) -> Refusal {
    Refusal::Unavailable(format!("{error}; what was let go before this stays so, ask again later"))
}

fn unreadable(error: ReadError) -> Refusal {
    Refusal::Unavailable(error.to_string())
}
