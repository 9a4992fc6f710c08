//! Letting published events go, by age and by bytes, a little at a time.
//!
//! Promises
//! - Only what the cursors of live traffic and of every held source have passed *on disk* is
//!   deleted, quarantined events like all others: after a crash the courier begins there and finds
//!   every row. Where it begins before that cursor (an operator had it publish again), it goes by
//!   where the courier is. A replay holds nothing back: it counts what has gone before it came.
//! - The oldest go first, without holes: those that are old enough, and of the rest as many as the
//!   journal is larger than it may be. A clock that steps makes rows go late or early, never
//!   unpublished ones.
//! - Ledger and head stay as they are; identities outlive their rows (`identities.rs`); the digest
//!   of the last row of what went is kept (`digests.rs`).
//! - The file shrinks: free pages beyond [`bounds::RETENTION_SPARE_PAGES`] are given back, and
//!   before more rows go. So the list of free pages stays short, which SQLite walks.
//!
//! How: steps of a few milliseconds on the writer's own thread and connection, between two group
//! commits and with a pause after each: a second connection would take the lock from the writer and
//! make it read its pages anew after every step. A step's commit does not wait for its fsync; the
//! next group commit's covers it, or the next checkpoint's. Cut off by a power failure the rows are
//! back, and go again.
//!
//! What a step cannot do does not stop the road: a full disk or a damaged page puts retention off.
//! Only a failed write or fsync ends the journal, as everywhere.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::fault::{Code, Fault};
use super::identities::{Expired, Identities};
use super::shared::Shared;
use super::tuning::{Disk, Pace};
use super::{Retention, cursors, digests, schema};
use crate::bounds;
use crate::clock::{Clock, Timestamp};
use crate::event::InstanceName;

/// Retention, between its steps.
pub(super) struct Sweeper {
    keep: Retention,
    pace: Pace,
    instance: InstanceName,
    clock: Clock,
    /// When the next step is due, by the steady clock.
    due: Duration,
    /// What was done since it was last said.
    tally: Tally,
    said: Duration,
    /// When a trouble that goes on was last said.
    complained: Option<Duration>,
    /// It is known that a damaged page is in the way.
    stopped: bool,
}

/// What a step found to do.
enum Work {
    /// Pages were given back.
    Pages(u64),
    /// Rows went, so many, the last with this sequence.
    Rows { count: u64, through: u64 },
    /// Identities went.
    Identities(Expired),
    /// Nothing was due.
    Nothing,
}

#[derive(Default)]
struct Tally {
    rows: u64,
    pages: u64,
    generations: u64,
    through: u64,
}

impl Sweeper {
    /// One that has just begun.
    pub(super) fn new(keep: Retention, pace: Pace, instance: InstanceName, clock: Clock) -> Self {
        let now = clock.steady();
        let (due, said) = (now + pace.look, now);
        let tally = Tally::default();
        Self { keep, pace, instance, clock, due, tally, said, complained: None, stopped: false }
    }

    /// How long until the next step is due.
    pub(super) fn due_in(&self) -> Duration {
        self.due.saturating_sub(self.clock.steady())
    }

    /// One step, if one is due. An error is one of those that the writer must judge.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        identities: &mut Identities,
        shared: &Shared,
        disk: &dyn Disk,
    ) -> rusqlite::Result<()> {
        if shared.is_poisoned() || !self.due_in().is_zero() {
            return Ok(());
        }
        let began = self.clock.steady();
        schema::await_fsync(connection, false)?;
        let floor = shared.cursors().floor();
        let done = self.transact(connection, identities, floor, disk);
        schema::await_fsync(connection, true)?;
        match done {
            Ok(work) => {
                let now = self.clock.steady();
                self.due = now + self.pause(&work, now.saturating_sub(began));
                self.follow(&work, identities, shared);
            }
            Err(error) => self.put_off(error)?,
        }
        shared.set_sweeping(!self.stopped);
        self.sum_up();
        Ok(())
    }

    fn transact(
        &mut self,
        connection: &mut Connection,
        identities: &Identities,
        floor: u64,
        disk: &dyn Disk,
    ) -> rusqlite::Result<Work> {
        disk.before(connection)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let work = self.work(&transaction, identities, floor)?;
        if !matches!(work, Work::Nothing) {
            disk.commit(transaction)?;
        }
        Ok(work)
    }

    fn pause(&self, after: &Work, took: Duration) -> Duration {
        let pause = if matches!(after, Work::Nothing) { self.pace.look } else { self.pace.pause };
        pause.max(took.saturating_mul(self.pace.pause_steps))
    }

    fn work(
        &mut self,
        connection: &Connection,
        identities: &Identities,
        floor: u64,
    ) -> rusqlite::Result<Work> {
        let free = schema::pragma(connection, "freelist_count")?.unsigned_abs();
        let pages = self.give_back(connection, free)?;
        if pages > 0 {
            return Ok(Work::Pages(pages));
        }
        if let Some((count, through)) = self.delete_rows(connection, free, floor)? {
            return Ok(Work::Rows { count, through });
        }
        let now = self.clock.now();
        let before = now.minus(self.keep.age.max(bounds::IDENTITIES_KEPT));
        Ok(match identities.expire(connection, before, self.pace.identities)? {
            Expired::Nothing => Work::Nothing,
            expired @ (Expired::Part | Expired::Whole(_)) => Work::Identities(expired),
        })
    }

    /// Gives back pages beyond the spare ones, a few at a time until the step's time is over.
    fn give_back(&self, connection: &Connection, free: u64) -> rusqlite::Result<u64> {
        const SLICE: u64 = 32;
        let wanted = free.saturating_sub(self.pace.spare_pages).min(self.pace.pages);
        let began = self.clock.steady();
        let mut given = 0;
        while given < wanted && self.clock.steady().saturating_sub(began) <= self.pace.time {
            let slice = SLICE.min(wanted - given);
            let mut statement =
                connection.prepare_cached(&format!("PRAGMA incremental_vacuum({slice})"))?;
            // It gives one page back with each row that it is asked for.
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            given += slice;
        }
        Ok(given)
    }

    /// Deletes the oldest rows of those that may go; how many, and the last.
    fn delete_rows(
        &mut self,
        connection: &Connection,
        free: u64,
        floor: u64,
    ) -> rusqlite::Result<Option<(u64, u64)>> {
        let excess = self.excess(connection, free)?;
        let published = cursors::published(connection, &self.instance)?.min(floor);
        let found = self.find(connection, published, excess)?;
        let Some((count, through)) = found else {
            if excess > 0 {
                self.complain(excess);
            }
            return Ok(None);
        };
        digests::keep(connection, through)?;
        connection
            .prepare_cached("DELETE FROM digest WHERE sequence < ?1")?
            .execute([through.cast_signed()])?;
        connection
            .prepare_cached("DELETE FROM event WHERE sequence <= ?1")?
            .execute([through.cast_signed()])?;
        Ok(Some((count, through)))
    }

    /// Looks for rows that may go: one step's worth from the oldest on.
    fn find(
        &self,
        connection: &Connection,
        published: u64,
        excess: u64,
    ) -> rusqlite::Result<Option<(u64, u64)>> {
        let (now, began) = (self.clock.now(), self.clock.steady());
        // The length of a blob is known without reading it.
        let mut statement = connection.prepare_cached(
            "SELECT sequence, received, length(key) + length(value) FROM event
             WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2",
        )?;
        let limit = i64::try_from(self.pace.rows).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![published.cast_signed(), limit])?;
        let (mut found, mut bytes) = (None, 0);
        while let Some(row) = rows.next()? {
            // A damaged row may hold a value of another type; it is as old as its neighbours.
            let received = row.get_ref(1)?.as_i64().unwrap_or_default();
            let is_old = now.since(Timestamp::from_millis(received)) >= self.keep.age;
            if !is_old && bytes >= excess {
                break;
            }
            bytes += row.get_ref(2)?.as_i64().unwrap_or_default().unsigned_abs();
            if found.is_some() && bytes > self.pace.bytes {
                break;
            }
            let count = found.map_or(0, |(count, _)| count) + 1;
            found = Some((count, row.get::<_, i64>(0)?.cast_unsigned()));
            if self.clock.steady().saturating_sub(began) > self.pace.time {
                break;
            }
        }
        Ok(found)
    }

    /// Bytes in use beyond those that the journal may have, besides its log and spare pages.
    fn excess(&self, connection: &Connection, free: u64) -> rusqlite::Result<u64> {
        let page = bounds::JOURNAL_PAGE_BYTES.unsigned_abs();
        let pages = schema::pragma(connection, "page_count")?.unsigned_abs();
        let used = pages.saturating_sub(free).saturating_mul(page);
        let aside = self.pace.log_bytes.saturating_add(self.pace.spare_pages.saturating_mul(page));
        Ok(used.saturating_sub(self.keep.bytes_max.saturating_sub(aside)))
    }

    /// What is kept in memory follows the commit.
    fn follow(&mut self, work: &Work, identities: &mut Identities, shared: &Shared) {
        match *work {
            Work::Pages(pages) => self.tally.pages += pages,
            Work::Rows { count, through } => {
                self.stopped = false;
                shared.tail().forget(through);
                self.tally.rows += count;
                self.tally.through = through;
            }
            Work::Identities(Expired::Whole(number)) => {
                identities.forget(number);
                self.tally.generations += 1;
            }
            Work::Identities(Expired::Part | Expired::Nothing) => {}
            Work::Nothing => self.stopped = false,
        }
    }

    /// Says now and then what was done.
    fn sum_up(&mut self) {
        let now = self.clock.steady();
        if now.saturating_sub(self.said) < bounds::RETENTION_SUMMARY {
            return;
        }
        self.said = now;
        let Tally { rows, pages, generations, through } = std::mem::take(&mut self.tally);
        if rows + pages + generations > 0 {
            let bytes = pages.saturating_mul(bounds::JOURNAL_PAGE_BYTES.unsigned_abs());
            tracing::info!(
                rows,
                through,
                generations,
                bytes_given_back = bytes,
                "retention removed what was old or too much"
            );
        }
    }

    /// Decides what a step that failed means: mostly that the next one comes later.
    fn put_off(&mut self, error: rusqlite::Error) -> rusqlite::Result<()> {
        let code = Code::of(&error);
        let wait = match Fault::of(&error) {
            Fault::Full | Fault::Busy => {
                if self.may_complain() {
                    tracing::warn!(%code, "retention waits; events are taken as ever");
                }
                self.pace.look
            }
            Fault::Broken if code.is_unreadable() => {
                if !std::mem::replace(&mut self.stopped, true) {
                    tracing::error!(
                        %code, "retention stopped at a damaged page of the journal: nothing is \
                         deleted, and the journal grows; events are taken as ever; run hookgate \
                         journal check"
                    );
                }
                bounds::TROUBLE_REMINDER
            }
            Fault::Broken => return Err(error),
        };
        self.due = self.clock.steady() + wait;
        Ok(())
    }

    fn complain(&mut self, excess: u64) {
        if self.may_complain() {
            tracing::warn!(
                excess_bytes = excess,
                "the journal is larger than journal.retention_max, and what is left is not \
                 published yet or an identity: nothing is deleted"
            );
        }
    }

    fn may_complain(&mut self) -> bool {
        let now = self.clock.steady();
        let silent = |last: Duration| now.saturating_sub(last) < bounds::TROUBLE_REMINDER;
        if self.complained.is_some_and(silent) {
            return false;
        }
        self.complained = Some(now);
        true
    }
}
