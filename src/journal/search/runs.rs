//! Sequences from the newest down, from several indexes at a time.
//!
//! A [`Run`] is one stretch of one index: it reads a few sequences at a time, more when they are
//! all wanted. [`Runs`] merges several, [`InTerms`] those of a term through the segments. Whoever
//! asks says from where on downwards; what lies above is passed over by the index and not by us.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use crate::bounds;

/// One stretch of one index.
pub(super) struct Run {
    of: Of,
    first: u64,
    /// What is above was read, or is not wanted.
    next: Option<u64>,
    read: VecDeque<u64>,
    chunk: usize,
}

#[derive(Clone, Copy)]
enum Of {
    All,
    Class(i64),
    Mark(i64),
    Term { segment: i64, hash: i64, class: i64 },
    Listed,
}

/// What an index is asked: `?1` sequences at the most, from `?2` down to `?3`.
pub(super) const ALL: &str =
    "SELECT sequence FROM row WHERE sequence <= ?2 AND sequence >= ?3 ORDER BY sequence DESC
     LIMIT ?1";
pub(super) const CLASS: &str =
    "SELECT sequence FROM row INDEXED BY by_class WHERE class = ?4 AND sequence <= ?2
         AND sequence >= ?3 ORDER BY sequence DESC LIMIT ?1";
pub(super) const MARK: &str =
    "SELECT sequence FROM mark WHERE what = ?4 AND sequence <= ?2 AND sequence >= ?3
     ORDER BY sequence DESC LIMIT ?1";
pub(super) const TERM: &str =
    "SELECT sequence FROM term WHERE segment = ?4 AND hash = ?5 AND class = ?6
         AND sequence <= ?2 AND sequence >= ?3 ORDER BY sequence DESC LIMIT ?1";
pub(super) const CLASSES: &str =
    "SELECT class FROM term WHERE segment = ?1 AND hash = ?2 AND class > ?3 ORDER BY class LIMIT 1";

impl Run {
    /// Every event.
    pub(super) fn all(first: u64, last: u64) -> Self {
        Self::new(Of::All, first, last)
    }

    /// Those of a class.
    pub(super) fn class(class: i64, (first, last): (u64, u64)) -> Self {
        Self::new(Of::Class(class), first, last)
    }

    /// Those that are marked so.
    pub(super) fn marked(what: i64, (first, last): (u64, u64)) -> Self {
        Self::new(Of::Mark(what), first, last)
    }

    /// These, the newest first.
    pub(super) fn listed(sequences: Vec<u64>) -> Self {
        let mut run = Self::new(Of::Listed, 0, 0);
        (run.next, run.read) = (None, sequences.into());
        run
    }

    fn new(of: Of, first: u64, last: u64) -> Self {
        let chunk = *bounds::SEARCH_RUN.start();
        Self { of, first, next: Some(last), read: VecDeque::new(), chunk }
    }

    /// The newest that is not above this one.
    fn at_most(&mut self, connection: &Connection, high: u64) -> rusqlite::Result<Option<u64>> {
        loop {
            let passed = self.read.iter().take_while(|sequence| **sequence > high).count();
            self.read.drain(..passed);
            if let Some(found) = self.read.front() {
                return Ok(Some(*found));
            }
            let Some(next) = self.next.filter(|next| *next >= self.first) else {
                return Ok(None);
            };
            // Asked for what follows: more of them are wanted. Asked for what lies far below: few.
            self.chunk = match next <= high {
                true => (self.chunk * 2).min(*bounds::SEARCH_RUN.end()),
                false => *bounds::SEARCH_RUN.start(),
            };
            self.fetch(connection, next.min(high))?;
        }
    }

    fn fetch(&mut self, connection: &Connection, from: u64) -> rusqlite::Result<()> {
        let limit = i64::try_from(self.chunk).unwrap_or(i64::MAX);
        let (high, low) = (signed(from), signed(self.first));
        let read = |sql: &str, values: &[i64]| -> rusqlite::Result<VecDeque<u64>> {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
                row.get::<_, i64>(0).map(i64::cast_unsigned)
            })?;
            rows.collect()
        };
        self.read = match self.of {
            Of::All => read(ALL, &[limit, high, low])?,
            Of::Class(class) => read(CLASS, &[limit, high, low, class])?,
            Of::Mark(what) => read(MARK, &[limit, high, low, what])?,
            Of::Term { segment, hash, class } => {
                read(TERM, &[limit, high, low, segment, hash, class])?
            }
            Of::Listed => VecDeque::new(),
        };
        let more = self.read.len() >= self.chunk;
        self.next = self.read.back().filter(|_| more).and_then(|last| last.checked_sub(1));
        Ok(())
    }
}

/// Several runs as one.
#[derive(Default)]
pub(super) struct Runs(pub(super) Vec<Run>);

impl Runs {
    fn at_most(&mut self, connection: &Connection, high: u64) -> rusqlite::Result<Option<u64>> {
        let mut found = None;
        for run in &mut self.0 {
            found = found.max(run.at_most(connection, high)?);
            if found == Some(high) {
                break;
            }
        }
        Ok(found)
    }
}

/// Events that have one of several terms.
pub(super) struct InTerms {
    pub(super) hashes: Vec<i64>,
    /// Classes that are wanted, each with the sequences among which it is.
    pub(super) classes: Vec<(i64, Vec<(u64, u64)>)>,
    /// Those among the ones that were gathered.
    pub(super) recent: Run,
    pub(super) first: u64,
    pub(super) at: Option<(u64, Runs)>,
}

impl InTerms {
    fn at_most(&mut self, connection: &Connection, high: u64) -> rusqlite::Result<Option<u64>> {
        let recent = self.recent.at_most(connection, high)?;
        let lowest = self.first >> bounds::SEARCH_SEGMENT_BITS;
        let mut segment = high >> bounds::SEARCH_SEGMENT_BITS;
        if let Some((open, _)) = &self.at {
            segment = segment.min(*open);
        }
        loop {
            if recent.is_some_and(|recent| recent >> bounds::SEARCH_SEGMENT_BITS > segment) {
                return Ok(recent);
            }
            if self.at.as_ref().is_none_or(|(open, _)| *open != segment) {
                self.at = Some((segment, self.open(connection, segment)?));
            }
            let found = match &mut self.at {
                Some((_, runs)) => runs.at_most(connection, high)?,
                None => None,
            };
            if found.is_some() {
                return Ok(found.max(recent));
            }
            if segment <= lowest {
                return Ok(recent);
            }
            segment -= 1;
        }
    }

    /// The runs of a segment: those classes that are both wanted and there.
    fn open(&self, connection: &Connection, segment: u64) -> rusqlite::Result<Runs> {
        let segment = segment.cast_signed();
        let mut runs = Vec::new();
        let mut statement = connection.prepare_cached(CLASSES)?;
        for hash in &self.hashes {
            let mut class = i64::MIN;
            loop {
                let mut rows = statement.query(params![segment, hash, class])?;
                let Some(row) = rows.next()? else { break };
                class = row.get(0)?;
                let wanted = self.classes.iter().find(|(wanted, _)| *wanted == class);
                for (first, last) in wanted.into_iter().flat_map(|(_, ranges)| ranges) {
                    let of = Of::Term { segment, hash: *hash, class };
                    runs.push(Run::new(of, (*first).max(self.first), *last));
                }
            }
        }
        Ok(Runs(runs))
    }
}

/// Anything that gives sequences from the newest down.
pub(super) enum Stream {
    /// Several runs.
    Runs(Runs),
    /// Events with terms.
    Terms(Box<InTerms>),
}

impl Stream {
    /// The newest that is not above this one.
    pub(super) fn at_most(
        &mut self,
        connection: &Connection,
        high: u64,
    ) -> rusqlite::Result<Option<u64>> {
        match self {
            Self::Runs(runs) => runs.at_most(connection, high),
            Self::Terms(terms) => terms.at_most(connection, high),
        }
    }
}

/// A sequence as SQLite keeps it; beyond the last there is none.
fn signed(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
