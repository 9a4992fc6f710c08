//! Under which keys the journal is written, and was.
//!
//! One row of `meta` with the marks of keys, never a key (see [`Mark`]). Whatever was written under
//! an earlier key is told of as long as something of it is there: identities, of a key of ids;
//! rows, of a key of pseudonyms. So it is known at every start whether the keys that are given
//! still recognize what the journal holds, and from when on an earlier one is needed no more.
//!
//! What was written before such notes were kept was written under a key that nobody knows; no
//! alarm is raised about it.

use std::collections::BTreeMap;
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::writer::{Aside, Order};
use super::{AppendError, Journal, ReadError, schema};
use crate::bounds;
use crate::clock::Timestamp;
use crate::scrub::{InUse, KeyedNames, Mark};

/// What is noted of the keys behind one kind of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNote {
    /// The key it is written under.
    pub now: Mark,
    /// Since when, as far as is noted.
    pub since: Timestamp,
    /// The one before that was given beside it.
    pub former: Option<Mark>,
    /// Those it was written under, as long as something of it is there, the earliest first.
    pub before: Vec<KeyBefore>,
}

/// A key that the journal was written under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyBefore {
    /// The key; `None`: from before it was noted.
    pub mark: Option<Mark>,
    /// Until when.
    pub until: Timestamp,
    /// When the last identities under it were sealed, if they are.
    #[serde(skip)]
    pub sealed: Option<Timestamp>,
    /// The last generation of identities, or the last row, that was written under it.
    through: i64,
}

/// The keys that are in use from now on, for the writer.
pub(super) struct Keying {
    pub(super) in_use: Vec<InUse>,
    pub(super) reply: oneshot::Sender<Result<(), AppendError>>,
}

impl Journal {
    /// Notes the keys that are in use from now on; to be said before the first event under them.
    /// Only a change is written. While it could not be, an id under the key before is looked for
    /// everywhere.
    pub async fn written_under(&self, in_use: Vec<InUse>) -> Result<(), AppendError> {
        let shared = &self.inner.shared;
        shared.admits()?;
        let (reply, answer) = oneshot::channel();
        match self.inner.queue.try_send(Order::Aside(Aside::Keys(Keying { in_use, reply }))) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(shared.ended())),
            Err(TrySendError::Full(_)) => Err(AppendError::QueueFull),
            Err(TrySendError::Disconnected(_)) => Err(shared.ended()),
        }
    }

    /// What is noted of keys, without those of which nothing is left. Blocks.
    pub fn keys(&self) -> Result<BTreeMap<KeyedNames, KeyNote>, ReadError> {
        self.inner.readers.with(|connection| Ok(standing(connection)?))
    }
}

impl KeyBefore {
    /// Not before this moment the last of it is gone, where published events are kept so long.
    pub fn gone_from(&self, names: &KeyedNames, retention: Duration, now: Timestamp) -> Timestamp {
        match names {
            KeyedNames::Ids => {
                self.sealed.unwrap_or(now).plus(retention.max(bounds::IDENTITIES_KEPT))
            }
            KeyedNames::Pseudonyms(_) => self.until.plus(retention),
        }
    }
}

impl KeyNote {
    /// The last generation that can hold an identity under the key before, where one is given; 0:
    /// none can.
    pub(super) fn former_through(&self) -> Option<i64> {
        let former = self.former?;
        let is_its = |before: &&KeyBefore| before.mark.is_none_or(|mark| mark == former);
        let its = self.before.iter().filter(is_its).map(|before| before.through);
        Some(its.max().unwrap_or(0))
    }

    /// The last generation that is to take no more: with those under the key now it would be kept
    /// for longer.
    pub(super) fn full_through(&self) -> i64 {
        let ends = |before: &&KeyBefore| before.mark.is_some() || self.former.is_some();
        self.before.iter().filter(ends).map(|before| before.through).max().unwrap_or(0)
    }

    /// What is to be noted from now on. `reach` is what is there: what lies before it is gone, and
    /// with its end what was written so far ends.
    fn next(was: Option<&Self>, one: &InUse, reach: (i64, i64), at: Timestamp) -> Self {
        let (first, through) = reach;
        let mut before = was.map(|was| was.before.clone()).unwrap_or_default();
        let is_same = was.is_some_and(|was| was.now == one.now);
        if !is_same {
            let mark = was.map(|was| was.now);
            before.push(KeyBefore { mark, until: at, sealed: None, through });
        }
        before.retain(|before| before.through >= first && before.mark != Some(one.now));
        if before.len() > bounds::KEYS_NOTED {
            before.remove(0);
            before.iter_mut().take(1).for_each(|first| first.mark = None);
        }
        let since = was.filter(|_| is_same).map_or(at, |was| was.since);
        Self { now: one.now, since, former: one.former, before }
    }
}

type Notes = BTreeMap<String, KeyNote>;

/// Notes these keys where they are others than before, within the caller's transaction. `last` is
/// the newest generation with an identity. What is noted of the key of ids, and whether anything
/// was written.
pub(super) fn note(
    connection: &Connection,
    in_use: &[InUse],
    last: i64,
    at: Timestamp,
) -> rusqlite::Result<(Option<KeyNote>, bool)> {
    let was = read(connection)?;
    let generations = (first(connection, OLDEST_GENERATION)?, last);
    let rows = (first(connection, OLDEST_ROW)?, schema::meta(connection, "head")?);
    let mut now = was.clone();
    for one in in_use {
        let reach = match one.names {
            KeyedNames::Ids => generations,
            KeyedNames::Pseudonyms(_) => rows,
        };
        let name = one.names.to_string();
        let next = KeyNote::next(was.get(&name), one, reach, at);
        now.insert(name, next);
    }
    // Of tenants that have left nothing is there one day, and nobody says when.
    let has_left = |name: &String| !in_use.iter().any(|one| one.names.to_string() == *name);
    while now.len() > in_use.len() + bounds::SOURCES_MAX
        && let Some(left) = now.keys().find(|name| has_left(name)).cloned()
    {
        now.remove(&left);
    }
    let changed = now != was;
    if changed {
        write(connection, &now)?;
    }
    Ok((now.remove(&KeyedNames::Ids.to_string()), changed))
}

const OLDEST_GENERATION: &str = "SELECT min(number) FROM generation";
const OLDEST_ROW: &str = "SELECT min(sequence) FROM event";

/// The first that is there; beyond all where none is.
fn first(connection: &Connection, oldest: &str) -> rusqlite::Result<i64> {
    let first: Option<i64> = connection.query_row(oldest, [], |row| row.get(0))?;
    Ok(first.unwrap_or(i64::MAX))
}

fn read(connection: &Connection) -> rusqlite::Result<Notes> {
    let text: Option<String> = schema::meta(connection, "keys").optional()?;
    // What another version wrote there it will write again.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

fn write(connection: &Connection, notes: &Notes) -> rusqlite::Result<()> {
    let text = serde_json::to_string(notes)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql = "INSERT OR REPLACE INTO meta(name, value) VALUES ('keys', ?1)";
    connection.execute(sql, [text]).map(|_| ())
}

fn standing(connection: &Connection) -> rusqlite::Result<BTreeMap<KeyedNames, KeyNote>> {
    let generation = first(connection, OLDEST_GENERATION)?;
    let row = first(connection, OLDEST_ROW)?;
    let mut sealed =
        connection.prepare_cached("SELECT sealed_at FROM generation WHERE number = ?1")?;
    let mut standing = BTreeMap::new();
    for (name, mut note) in read(connection)? {
        let Some(names) = KeyedNames::parse(&name) else { continue };
        let is_of_ids = names == KeyedNames::Ids;
        let from = if is_of_ids { generation } else { row };
        note.before.retain(|before| before.through >= from);
        for before in note.before.iter_mut().filter(|_| is_of_ids) {
            let at: Option<Option<i64>> =
                sealed.query_row([before.through], |row| row.get(0)).optional()?;
            before.sealed = at.flatten().map(Timestamp::from_millis);
        }
        standing.insert(names, note);
    }
    Ok(standing)
}
