//! The thread that keeps the search file: what is committed, what was noted, what is gone.
//!
//! It reads the newest rows from memory and older ones by a connection of its own, a page at a
//! time, and writes many in one transaction. Whatever goes wrong with the file is tried again or
//! begun anew; the journal never notices.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use super::super::fault::{Code, Fault};
use super::super::read::{self, Met};
use super::super::{ReadError, checkpoint, schema};
use super::fill::{self, Entry, Filler};
use super::notes::Note;
use super::place::Place;
use super::query::Question;
use super::state::Positions;
use super::wanted::Wanted;
use super::words::Term;
use super::{Followed, SearchError, Standing, file, gone};
use crate::bounds;
use crate::clock::Clock;

/// What the follower is told.
pub(super) enum Order {
    /// Take everything out that these could be found by.
    Forget(Vec<u64>, SyncSender<Result<bool, SearchError>>),
    /// The file is damaged.
    Anew,
    /// Take in what is there, and end.
    Stop,
}

/// See the header.
pub(super) struct Follower {
    of: Followed,
    tell: watch::Sender<Standing>,
    place: Place,
    clock: Clock,
    path: PathBuf,
    /// The head when notes began to be kept for us, until the first of them are taken.
    began_at: Option<u64>,
    /// The file is to be thrown away.
    anew: bool,
    complained: Option<Duration>,
}

/// Why the follower stops for a moment.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the search file cannot be used ({0})")]
    File(#[from] file::Trouble),
    #[error("{0}")]
    Journal(#[from] ReadError),
    #[error("the search file is damaged")]
    Damaged,
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match Code::of(&error).is_unreadable() {
            true => Self::Damaged,
            false => Self::File(error.into()),
        }
    }
}

/// The file in hand.
struct Hand {
    file: Connection,
    filler: Filler,
    journal: Connection,
    through: u64,
    /// Up to here it is being filled anew.
    anew_to: u64,
    looked: Option<Duration>,
}

impl Follower {
    /// One that has not begun.
    pub(super) fn new(
        of: Followed,
        tell: watch::Sender<Standing>,
        place: Place,
        clock: Clock,
    ) -> Self {
        let path = file::path(&of.dir);
        let began_at = Some(*of.shared.head.borrow());
        Self { of, tell, place, clock, path, began_at, anew: false, complained: None }
    }

    /// Follows until it is told to stop, or nobody could tell it any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let trouble = match self.follow(orders) {
                Ok(()) => return,
                Err(trouble) => trouble,
            };
            self.anew |= matches!(trouble, Trouble::Damaged);
            self.complain(&trouble);
            match orders.recv_timeout(bounds::SEARCH_RETRY) {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Order::Forget(_, reply)) => {
                    reply.try_send(Err(SearchError::Unusable(Code::DEFECT))).ok();
                }
                Ok(Order::Anew) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn follow(&mut self, orders: &Receiver<Order>) -> Result<(), Trouble> {
        let mut hand = self.begin()?;
        loop {
            let busy = self.catch_up(&mut hand)? | self.write_notes(&mut hand)?;
            let busy = busy | self.let_go(&mut hand)?;
            let wait = if busy { Duration::ZERO } else { bounds::SEARCH_EVERY };
            match orders.recv_timeout(wait) {
                Ok(Order::Forget(sequences, reply)) => {
                    self.write_notes(&mut hand)?;
                    let done = forget(&mut hand.file, &sequences);
                    let told =
                        done.as_ref().copied().map_err(|_| SearchError::Unusable(Code::DEFECT));
                    reply.try_send(told).ok();
                    done?;
                }
                Ok(Order::Anew) => return Err(Trouble::Damaged),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.catch_up(&mut hand)?;
                    self.write_notes(&mut hand)?;
                    // Else notes still wait, which nobody will write down.
                    let is_whole = self.knows_all(&hand);
                    file::set(&hand.file, "closed", &i64::from(is_whole))?;
                    return Ok(checkpoint::when_free(checkpoint::truncate(&hand.file))?);
                }
            }
        }
    }

    /// The file that is there, if it is this journal's, or a new one.
    fn begin(&mut self) -> Result<Hand, Trouble> {
        let journal = schema::open_reading(&self.of.database).map_err(ReadError::from)?;
        let head = *self.of.shared.head.borrow();
        // Notes that were taken before may not be in the file.
        let counted_after = self.began_at.take().unwrap_or(head);
        let found = match self.anew {
            true => None,
            false => self.found(&journal, head, counted_after)?,
        };
        let is_new = found.is_none();
        let (file, through) = match found {
            Some(found) => found,
            None => {
                self.place.close();
                let file = file::make(&self.path, self.of.epoch, counted_after)?;
                file::set(&file, "anew_to", &head.cast_signed())?;
                self.anew = false;
                (file, 0)
            }
        };
        self.place.open(self.path.clone());
        file::set(&file, "closed", &0_i64)?;
        let filler = Filler::load(&file)?;
        let anew_to = schema::meta::<i64>(&file, "anew_to")?.cast_unsigned();
        if is_new && head > 0 {
            tracing::info!(head, "the search file is filled anew; older events are found first");
        }
        let hand = Hand { file, filler, journal, through, anew_to, looked: None };
        self.say(&hand);
        Ok(hand)
    }

    fn found(
        &self,
        journal: &Connection,
        head: u64,
        counted_after: u64,
    ) -> Result<Option<(Connection, u64)>, Trouble> {
        let opened = match file::open(&self.path) {
            Ok(opened) => opened,
            // Held by somebody, or the disk is full: it may still be the right one.
            Err(error) if Fault::of(&error) != Fault::Broken => return Err(error.into()),
            Err(_) => None,
        };
        let Some((file, origin)) = opened else { return Ok(None) };
        let last = read::row(journal, origin.through, |row, _| row.id);
        let same = match (last.map_err(ReadError::from)?, origin.last) {
            (Some(id), Some(last)) => id == last.0,
            (None, _) | (_, None) => true,
        };
        if origin.epoch != self.of.epoch || origin.through > head || !same {
            return Ok(None);
        }
        if !origin.closed {
            // What was on its way to the file when the process ended is not known.
            file::set(&file, "counted_after", &counted_after.cast_signed())?;
        }
        Ok(Some((file, origin.through)))
    }

    /// Takes in the next events; whether there were any.
    fn catch_up(&mut self, hand: &mut Hand) -> Result<bool, Trouble> {
        let head = *self.of.shared.head.borrow();
        if hand.through >= head {
            return Ok(false);
        }
        let (entries, through) = self.read(hand, head)?;
        if through == hand.through {
            return Ok(false);
        }
        let transaction = hand.file.transaction()?;
        hand.filler.add(&transaction, entries, through)?;
        transaction.commit()?;
        hand.through = through;
        self.say(hand);
        Ok(true)
    }

    /// The next events, and the sequence up to which they are all.
    fn read(&self, hand: &Hand, head: u64) -> Result<(Vec<Entry>, u64), Trouble> {
        let newest = self.of.shared.tail().after(hand.through);
        if let Some(rows) = newest {
            let through = rows.last().map_or(hand.through, |row| row.sequence);
            return Ok((rows.iter().map(Entry::of).collect(), through));
        }
        let mut entries = Vec::new();
        let mut through = hand.through;
        while through < head && entries.len() < bounds::SEARCH_BATCH_EVENTS {
            // A page at a time: no view of the journal is held for long.
            let (mut met, after) = (0, through);
            through = head;
            read::scan(&hand.journal, after, head, |row| {
                met += 1;
                let sequence = match row {
                    Met::Whole(event) => {
                        entries.push(Entry::of(&event));
                        event.sequence
                    }
                    Met::Erased(event) => {
                        entries.push(Entry::erased(&event));
                        event.sequence
                    }
                    Met::Damaged(row) => row.last,
                    Met::Newer(sequence) => sequence,
                };
                if met < bounds::JOURNAL_READ_EVENTS {
                    return ControlFlow::Continue(());
                }
                through = sequence;
                ControlFlow::Break(())
            })?;
        }
        Ok((entries, through))
    }

    fn knows_all(&self, hand: &Hand) -> bool {
        hand.through >= *self.of.shared.head.borrow()
    }

    /// Writes down what was noted; whether there was anything. While the file is far behind, notes
    /// wait: what is noted of an event that it does not know would come to nothing.
    fn write_notes(&mut self, hand: &mut Hand) -> Result<bool, Trouble> {
        if !self.knows_all(hand) {
            return Ok(false);
        }
        let (notes, lost) = self.of.noted.take();
        if notes.is_empty() && !lost {
            return Ok(false);
        }
        // Who notes something of an event has seen it committed: it is below this head.
        let head = *self.of.shared.head.borrow();
        while hand.through < head && self.catch_up(hand)? {}
        let transaction = hand.file.transaction()?;
        if lost {
            file::set(&transaction, "counted_after", &head.cast_signed())?;
        }
        for note in &notes {
            match *note {
                Note::Published { sequence, family, partition, offset } => {
                    fill::receipt(&transaction, sequence, family, partition, offset)?;
                }
                Note::Again(id) => {
                    let wanted = Wanted { terms: vec![vec![Term::Id(id)]], ..Wanted::default() };
                    let at = Positions::default();
                    let page =
                        Question::new(&transaction, &wanted, &at, u64::MAX)?.page(1, &|| true)?;
                    for row in page.unwrap_or_default().rows {
                        transaction
                            .prepare_cached(
                                "INSERT INTO again(sequence, times) VALUES (?1, 1)
                                 ON CONFLICT DO UPDATE SET times = times + 1",
                            )?
                            .execute([row.sequence.cast_signed()])?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Follows what retention did, a step at a time; whether there may be more to do.
    fn let_go(&mut self, hand: &mut Hand) -> Result<bool, Trouble> {
        let now = self.clock.steady();
        let due = hand.looked.is_none_or(|last| now.saturating_sub(last) >= bounds::RETENTION_LOOK);
        if !due {
            return Ok(false);
        }
        let head = *self.of.shared.head.borrow();
        let oldest = hand
            .journal
            .prepare_cached("SELECT min(sequence) FROM event")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, Option<i64>>(0)))
            .optional()
            .map_err(ReadError::from)?
            .flatten();
        let oldest = oldest.map_or(head.saturating_add(1), i64::cast_unsigned);
        let more = gone::step(&mut hand.file, oldest)?;
        hand.looked = (!more).then_some(now);
        Ok(more)
    }

    fn say(&self, hand: &Hand) {
        let rebuilding = hand.through < hand.anew_to;
        self.tell.send_replace(Standing { through: hand.through, rebuilding });
    }

    fn complain(&mut self, trouble: &Trouble) {
        let now = self.clock.steady();
        let silent = |last: Duration| now.saturating_sub(last) < bounds::TROUBLE_REMINDER;
        if self.complained.is_some_and(silent) {
            return;
        }
        self.complained = Some(now);
        tracing::warn!(
            %trouble, "searching waits; events are taken and published as ever"
        );
    }
}

/// Takes it out, and out of the log; whether the log could be emptied.
fn forget(file: &mut Connection, sequences: &[u64]) -> Result<bool, Trouble> {
    gone::forget(file, sequences)?;
    match checkpoint::truncate(file) {
        Ok(()) => Ok(true),
        Err(error) if Fault::of(&error) == Fault::Busy => Ok(false),
        Err(error) => Err(error.into()),
    }
}
