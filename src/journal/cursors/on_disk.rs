//! The cursors and the notes of Kafka's cursors, as they lie on disk.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::super::Lane;
use super::Marked;
use crate::event::{Digest128, InstanceName};

/// What the note of a lane's cursor in Kafka stands under: `marked`, for others than live traffic
/// with their name.
pub(super) fn note_name(lane: &Lane) -> String {
    match lane {
        Lane::Live => "marked".to_owned(),
        Lane::Source { .. } | Lane::Replay(_) => format!("marked/{}", lane.name()),
    }
}

/// The notes of the cursors that Kafka has, on disk.
pub(in super::super) fn marks(connection: &Connection) -> rusqlite::Result<HashMap<Lane, Marked>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, value FROM meta WHERE name = 'marked' OR name GLOB 'marked/*'",
    )?;
    let mut rows = statement.query([])?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().unwrap_or_default();
        let lane = match name.strip_prefix("marked/") {
            Some(lane) => Lane::parse(lane),
            None => Some(Lane::Live),
        };
        let note = row.get_ref(1)?.as_blob().unwrap_or_default();
        let (sequence, digest) = note.split_at_checked(8).unwrap_or_default();
        let sequence = sequence.try_into().map(u64::from_le_bytes).unwrap_or_default();
        let digest = digest.try_into().ok().map(Digest128);
        found.extend(lane.map(|lane| (lane, Marked { sequence, digest })));
    }
    Ok(found)
}

/// Up to where every lane of the ledger has come, on disk: nobody needs those events any more.
/// Replays take what they find.
pub(in super::super) fn published(
    connection: &Connection,
    of: &InstanceName,
) -> rusqlite::Result<u64> {
    let mut statement =
        connection.prepare_cached("SELECT lane, through FROM cursor WHERE instance = ?1")?;
    let mut rows = statement.query([of.as_str()])?;
    let (mut live, mut least) = (0, u64::MAX);
    while let Some(row) = rows.next()? {
        let through = row.get::<_, i64>(1)?.cast_unsigned();
        match row.get_ref(0)?.as_str().ok().and_then(Lane::parse) {
            Some(Lane::Live) => live = through,
            Some(Lane::Replay(_)) => {}
            // What a newer version reads there is its own to say.
            Some(Lane::Source { .. }) | None => least = least.min(through),
        }
    }
    Ok(live.min(least))
}

/// The cursor of a lane on disk; 0 before its first event.
pub(in super::super) fn read(
    connection: &Connection,
    of: &InstanceName,
    lane: &Lane,
) -> rusqlite::Result<u64> {
    let mut statement = connection
        .prepare_cached("SELECT through FROM cursor WHERE instance = ?1 AND lane = ?2")?;
    let mut rows = statement.query(params![of.as_str(), lane.name()])?;
    match rows.next()? {
        Some(row) => Ok(row.get::<_, i64>(0)?.cast_unsigned()),
        None => Ok(0),
    }
}
