//! What the journal keeps of replays: what each was asked, how far it has come, how it ended.
//!
//! Their totals ride in the transactions of their cursors, so that both speak of the same events
//! after any end of the process. What was asked is the text of whoever began it; nothing here reads
//! it.

use std::sync::mpsc::TrySendError;

use rusqlite::{Connection, Row, params};
use tokio::sync::oneshot;

use super::writer::Order;
use super::{AppendError, Journal, Lane, ReadError, holds};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{InstanceName, ReplayId};

/// The table.
pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS replay(
        id TEXT PRIMARY KEY, asked TEXT NOT NULL, after INTEGER NOT NULL,
        through INTEGER NOT NULL, total INTEGER NOT NULL, started INTEGER NOT NULL,
        published INTEGER NOT NULL DEFAULT 0, passed_over INTEGER NOT NULL DEFAULT 0,
        ended INTEGER, ending TEXT, detail TEXT, position INTEGER) WITHOUT ROWID;
";

/// A replay, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Its name.
    pub id: ReplayId,
    /// What was asked, in the words of whoever keeps it here.
    pub asked: String,
    /// It begins after this sequence.
    pub after: u64,
    /// It ends with this one.
    pub through: u64,
    /// How many events it was to publish.
    pub total: u64,
    /// When it began.
    pub started: Timestamp,
    /// How many the brokers have, as far as is on disk.
    pub published: u64,
    /// How many were given up, as far as is on disk.
    pub passed_over: u64,
    /// How it ended, if it has.
    pub ending: Option<Ending>,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: How,
    /// Why, where that needs words.
    pub detail: Option<String>,
    /// Every event up to this sequence was dealt with.
    pub position: u64,
}

/// See [`Ending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It came to its end.
    Done,
    /// Somebody ended it.
    Cancelled,
    /// It could not go on.
    Failed,
}

impl How {
    const ALL: [Self; 3] = [Self::Done, Self::Cancelled, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// A change of what is kept, for the writer.
pub(super) struct Note {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<(), AppendError>>,
}

/// See [`Note`].
pub(super) enum Change {
    Begin(Replay),
    End(ReplayId, Ending),
    /// Of the sources on hold.
    Hold(holds::Change),
}

impl Journal {
    /// Keeps a replay that begins. The oldest that have ended go, beyond
    /// [`bounds::REPLAYS_KEPT`].
    pub async fn begin_replay(&self, replay: Replay) -> Result<(), AppendError> {
        self.note(Change::Begin(replay)).await
    }

    /// Notes how a replay ended, and forgets its lane. What its cursor moved over before is counted
    /// first.
    pub async fn end_replay(&self, id: &ReplayId, ending: Ending) -> Result<(), AppendError> {
        self.note(Change::End(id.clone(), ending)).await?;
        self.end_lane(&Lane::Replay(id.clone()));
        Ok(())
    }

    /// All that are kept, the newest first. Blocks.
    pub fn replays(&self) -> Result<Vec<Replay>, ReadError> {
        self.inner.readers.with(|connection| Ok(all(connection)?))
    }

    /// Counts an event that a replay gave up; on disk with its cursor. Never waits.
    pub fn pass_over(&self, id: &ReplayId, count: u64) {
        self.inner.shared.cursors().pass_over(id, count);
    }

    pub(super) async fn note(&self, change: Change) -> Result<(), AppendError> {
        let shared = &self.inner.shared;
        shared.admits()?;
        let (reply, answer) = oneshot::channel();
        match self.inner.queue.try_send(Order::Note(Note { change, reply })) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(shared.ended())),
            Err(TrySendError::Full(_)) => Err(AppendError::QueueFull),
            Err(TrySendError::Disconnected(_)) => Err(shared.ended()),
        }
    }
}

impl Change {
    /// Writes it, within the caller's transaction.
    pub(super) fn write(&self, connection: &Connection, of: &InstanceName) -> rusqlite::Result<()> {
        match self {
            Self::Hold(change) => change.write(connection, of)?,
            Self::Begin(replay) => {
                connection.execute(
                    "INSERT INTO replay(id, asked, after, through, total, started)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        replay.id.as_str(),
                        replay.asked,
                        replay.after.cast_signed(),
                        replay.through.cast_signed(),
                        replay.total.cast_signed(),
                        replay.started.millis(),
                    ],
                )?;
                connection.execute(
                    "DELETE FROM replay WHERE id IN (SELECT id FROM replay WHERE ended NOT NULL
                         ORDER BY started DESC LIMIT -1 OFFSET ?1)",
                    [bounds::REPLAYS_KEPT],
                )?;
            }
            Self::End(id, Ending { at, how, detail, position }) => {
                connection.execute(
                    "UPDATE replay SET ended = ?2, ending = ?3, detail = ?4, position = ?5
                     WHERE id = ?1 AND ended IS NULL",
                    params![id.as_str(), at.millis(), how.as_str(), detail, position.cast_signed()],
                )?;
            }
        }
        Ok(())
    }
}

/// Adds to the totals of a replay, within the transaction of its cursor.
pub(super) fn count(
    connection: &Connection,
    id: &ReplayId,
    published: u64,
    passed_over: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE replay SET published = published + ?2, passed_over = passed_over + ?3
             WHERE id = ?1",
        )?
        .execute(params![id.as_str(), published.cast_signed(), passed_over.cast_signed()])?;
    Ok(())
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<Replay>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, asked, after, through, total, started, published, passed_over, ended, ending,
             detail, position
         FROM replay ORDER BY started DESC, id",
    )?;
    let rows = statement.query_map([], decode)?;
    rows.filter_map(Result::transpose).collect()
}

/// One row; `None` where it is not what this version writes.
fn decode(row: &Row<'_>) -> rusqlite::Result<Option<Replay>> {
    let number = |column: usize| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let Some(id) = ReplayId::parse(row.get_ref(0)?.as_str()?) else { return Ok(None) };
    let how = row.get::<_, Option<String>>(9)?;
    let how = how.and_then(|how| How::ALL.into_iter().find(|known| known.as_str() == how));
    let ending = match (row.get::<_, Option<i64>>(8)?, how) {
        (Some(at), Some(how)) => Some(Ending {
            at: Timestamp::from_millis(at),
            how,
            detail: row.get(10)?,
            position: number(11)?,
        }),
        _ => None,
    };
    Ok(Some(Replay {
        id,
        asked: row.get(1)?,
        after: number(2)?,
        through: number(3)?,
        total: number(4)?,
        started: Timestamp::from_millis(row.get(5)?),
        published: number(6)?,
        passed_over: number(7)?,
        ending,
    }))
}
