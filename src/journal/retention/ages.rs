//! Retention where sources are kept for different times: those of one age at a time.
//!
//! Each age has a mark of its own: every event of its sources up to there has gone. A step goes on
//! from the mark and passes over what others still keep, so each event is looked at once for each
//! age, however many there are. It ends at the first event that is too young for this age, whosever
//! it is: what follows is younger still. Marks are kept with the deletions; a mark that was made
//! for other sources than there are now begins anew.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::digests;
use super::super::tuning::Pace;
use crate::clock::{Clock, Timestamp};
use crate::event::SourceName;

/// Sources that are kept for another time than all others.
pub(in crate::journal) type Ages = BTreeMap<SourceName, Duration>;

/// Where each age has come.
#[derive(Default)]
pub(super) struct Marks(HashMap<Duration, Mark>);

#[derive(Clone, Copy)]
struct Mark {
    /// Which sources it was made for.
    of: i64,
    through: u64,
    /// The last one that went: its digest is kept.
    last: u64,
}

/// What a step of one age found.
pub(super) enum Step {
    /// So many went, the last with this sequence.
    Went(u64, u64),
    /// None, but the mark moved on.
    Passed,
    /// Nothing that is old enough.
    Nothing,
}

/// By what a step goes.
pub(super) struct Going<'a> {
    pub(super) pace: &'a Pace,
    pub(super) clock: &'a Clock,
    pub(super) default: Duration,
    pub(super) ages: &'a Ages,
    /// No event after this one goes.
    pub(super) published: u64,
}

impl Marks {
    /// One step: of the first age that has something to do, within the caller's transaction.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        going: &Going<'_>,
    ) -> rusqlite::Result<Step> {
        let mut each: Vec<Duration> = going.ages.values().copied().collect();
        each.push(going.default);
        each.sort_unstable();
        each.dedup();
        let numbers = numbers(connection, going.ages)?;
        let mut passed = false;
        for age in each {
            let mark = self.mark(connection, age, going.ages)?;
            match sweep(connection, going, age, mark, &numbers)? {
                (mark, Step::Passed) => {
                    self.0.insert(age, mark);
                    passed = true;
                }
                (mark, step @ Step::Went(..)) => {
                    keep(connection, age, mark)?;
                    self.0.insert(age, mark);
                    return Ok(step);
                }
                (_, Step::Nothing) => {}
            }
        }
        Ok(if passed { Step::Passed } else { Step::Nothing })
    }

    /// What was in memory may be ahead of a transaction that failed.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    fn mark(
        &mut self,
        connection: &Connection,
        age: Duration,
        ages: &Ages,
    ) -> rusqlite::Result<Mark> {
        let of = i64::from(fingerprint(ages));
        if let Some(mark) = self.0.get(&age).filter(|mark| mark.of == of) {
            return Ok(*mark);
        }
        let kept = connection
            .prepare_cached("SELECT through, last FROM swept WHERE age = ?1 AND sources = ?2")?
            .query_row(params![millis(age), of], |row| {
                let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
                Ok(Mark { of, through: number(0)?, last: number(1)? })
            })
            .optional()?;
        Ok(kept.unwrap_or(Mark { of, through: 0, last: 0 }))
    }
}

fn sweep(
    connection: &Connection,
    going: &Going<'_>,
    age: Duration,
    mut mark: Mark,
    numbers: &HashMap<i64, Duration>,
) -> rusqlite::Result<(Mark, Step)> {
    let (now, began) = (going.clock.now(), going.clock.steady());
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let (mut count, mut bytes, mut seen) = (0, 0, 0_u64);
    let mut in_run = false;
    {
        let mut statement = connection.prepare_cached(
            "SELECT sequence, received, source, length(key) + length(value) FROM event
             WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence LIMIT ?3",
        )?;
        let limit = i64::try_from(going.pace.rows).unwrap_or(i64::MAX);
        let within = params![mark.through.cast_signed(), going.published.cast_signed(), limit];
        let mut rows = statement.query(within)?;
        while let Some(row) = rows.next()? {
            // A damaged row may hold values of other types; it is as old as its neighbours.
            let received = row.get_ref(1)?.as_i64().unwrap_or_default();
            if now.since(Timestamp::from_millis(received)) < age {
                break;
            }
            let sequence = row.get::<_, i64>(0)?.cast_unsigned();
            let source = row.get_ref(2)?.as_i64().unwrap_or_default();
            let is_theirs = numbers.get(&source).copied().unwrap_or(going.default) == age;
            if is_theirs {
                bytes += row.get_ref(3)?.as_i64().unwrap_or_default().unsigned_abs();
                if count > 0 && bytes > going.pace.bytes {
                    break;
                }
                count += 1;
                match runs.last_mut().filter(|_| in_run) {
                    Some((_, last)) => *last = sequence,
                    None => runs.push((sequence, sequence)),
                }
            }
            (in_run, seen, mark.through) = (is_theirs, seen + 1, sequence);
            if going.clock.steady().saturating_sub(began) > going.pace.time {
                break;
            }
        }
    }
    let Some((_, last)) = runs.last().copied() else {
        return Ok((mark, if seen > 0 { Step::Passed } else { Step::Nothing }));
    };
    digests::keep(connection, last)?;
    for (first, through) in runs {
        let run = [first.cast_signed(), through.cast_signed(), last.cast_signed()];
        connection
            .prepare_cached(
                "DELETE FROM digest WHERE sequence BETWEEN ?1 AND ?2 AND sequence <> ?3",
            )?
            .execute(run)?;
        connection
            .prepare_cached("DELETE FROM event WHERE sequence BETWEEN ?1 AND ?2")?
            .execute([first.cast_signed(), through.cast_signed()])?;
    }
    // No cursor stands below the newest that went.
    connection
        .prepare_cached("DELETE FROM digest WHERE sequence = ?1")?
        .execute([mark.last.cast_signed()])?;
    mark.last = last;
    Ok((mark, Step::Went(count, last)))
}

fn keep(connection: &Connection, age: Duration, mark: Mark) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO swept(age, sources, through, last) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![millis(age), mark.of, mark.through.cast_signed(), mark.last.cast_signed()])
        .map(|_| ())
}

/// The sources' numbers in this journal, of those that have an age of their own.
fn numbers(connection: &Connection, ages: &Ages) -> rusqlite::Result<HashMap<i64, Duration>> {
    let mut statement = connection.prepare_cached("SELECT number FROM source WHERE name = ?1")?;
    let mut numbers = HashMap::new();
    for (source, age) in ages {
        let number = statement.query_row([source.as_str()], |row| row.get(0)).optional()?;
        numbers.extend(number.map(|number: i64| (number, *age)));
    }
    Ok(numbers)
}

/// Tells one set of sources and ages from another.
fn fingerprint(ages: &Ages) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for (source, age) in ages {
        crc.update(&(source.as_str().len() as u64).to_le_bytes());
        crc.update(source.as_str().as_bytes());
        crc.update(&millis(*age).to_le_bytes());
    }
    crc.finalize()
}

fn millis(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}
