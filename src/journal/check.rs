//! The full check of a journal, by whoever wants to know: beside a running gateway, or on a stopped
//! one.
//!
//! Only reads, on a connection of its own, and takes no lock that a gateway needs. Rows are read in
//! slices with no view of the database held in between. Only the look at the file's pages needs one
//! view for all of its time, during which the write-ahead log of a running gateway cannot start
//! again; it gives up when that log has grown past [`bounds::CHECK_LOG_BYTES`].
//!
//! What it says carries counts and sequences, never content.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::Connection;

use super::disk::{self, Files};
use super::open::{Obstacle, OpenError};
use super::read::{self, Met};
use super::{Code, schema};
use crate::bounds;

type Id = [u8; 16];

/// What the check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The pages of the file and the trees they make.
    Pages,
    /// Head, rows and cursors: no number can be given twice.
    Order,
    /// Accepted + quarantined = published + pending + held + erased unpublished, for every source.
    Ledger,
    /// The checksum of every row.
    Rows,
    /// Every row's identity is known: the same event would be a duplicate.
    Identities,
}

impl Part {
    /// All, in the order they are shown.
    pub const ALL: [Self; 5] =
        [Self::Pages, Self::Order, Self::Ledger, Self::Rows, Self::Identities];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Order => "order",
            Self::Ledger => "ledger",
            Self::Rows => "rows",
            Self::Identities => "identities",
        }
    }
}

/// What was found of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part.
    pub part: Part,
    /// How many of its things were looked at.
    pub looked_at: u64,
    /// What is wrong, at most [`bounds::CHECK_FINDINGS`] of it in words.
    pub wrong: Vec<String>,
    /// How many things are wrong.
    pub wrong_count: u64,
    /// Why it was not looked at to its end. With nothing wrong: a busy gateway was in the way.
    pub unfinished: Option<String>,
}

impl Finding {
    const fn new(part: Part) -> Self {
        Self { part, looked_at: 0, wrong: Vec::new(), wrong_count: 0, unfinished: None }
    }

    fn wrong(&mut self, what: String) {
        self.wrong_count += 1;
        if self.wrong.len() < bounds::CHECK_FINDINGS {
            self.wrong.push(what);
        }
    }
}

/// How far the check has come.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// It begins with a part.
    Begins(Part),
    /// So many of so many sequences are seen.
    Rows {
        /// The last sequence that was seen.
        seen: u64,
        /// The last there is.
        of: u64,
    },
}

/// Checks the journal in a folder. Blocks, for minutes where there are millions of rows.
///
/// # Errors
/// Where there is no journal, or it cannot be opened at all; damage that lets it be opened is a
/// finding.
pub fn check(dir: &Path, tell: &mut dyn FnMut(Progress)) -> Result<Vec<Finding>, OpenError> {
    look(dir, tell).map_err(|why| OpenError::new(dir, why))
}

fn look(dir: &Path, tell: &mut dyn FnMut(Progress)) -> Result<Vec<Finding>, Obstacle> {
    let files = Files::within(dir);
    std::fs::metadata(&files.database).map_err(Obstacle::File)?;
    disk::refuse_foreign(&files.database)?;
    let mut connection = schema::open_reading(&files.database)?;
    schema::recognize(&connection)?;
    tell(Progress::Begins(Part::Pages));
    let pages = pages(&mut connection, &files)?;
    tell(Progress::Begins(Part::Order));
    let order = within(Part::Order, |finding| order(&connection, finding));
    let ledger = within(Part::Ledger, |finding| ledger(&connection, finding));
    tell(Progress::Begins(Part::Rows));
    let (rows, identities) = rows(&connection, tell)?;
    Ok(vec![pages, order, ledger, rows, identities])
}

/// Damage that keeps a part from being looked at is a finding of that part.
fn within(part: Part, look: impl FnOnce(&mut Finding) -> rusqlite::Result<()>) -> Finding {
    let mut finding = Finding::new(part);
    if let Err(error) = look(&mut finding) {
        finding.wrong(format!("cannot be read: {}", Code::of(&error)));
    }
    finding
}

fn pages(connection: &mut Connection, files: &Files) -> Result<Finding, Obstacle> {
    let mut finding = Finding::new(Part::Pages);
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    finding.looked_at = pages.cast_unsigned();
    let log = files.log.clone();
    let too_long =
        move || std::fs::metadata(&log).is_ok_and(|log| log.len() > bounds::CHECK_LOG_BYTES);
    connection.progress_handler(bounds::CHECK_LOOK_EVERY, Some(too_long))?;
    let looked = connection
        .prepare(&format!("PRAGMA quick_check({})", bounds::CHECK_FINDINGS))
        .and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.filter(|said| said.as_ref().map_or(true, |said| said != "ok")).try_for_each(
                |said| {
                    finding.wrong(said?);
                    Ok(())
                },
            )
        });
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match looked {
        Ok(()) => {}
        Err(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
        {
            finding.unfinished = Some(
                "the gateway beside it writes so much that its log could not start again; check a \
                 stopped journal or a copy"
                    .to_owned(),
            );
        }
        Err(error) => finding.wrong(format!("cannot be read: {}", Code::of(&error))),
    }
    Ok(finding)
}

fn order(connection: &Connection, finding: &mut Finding) -> rusqlite::Result<()> {
    let (head, last): (i64, i64) = connection.query_row(
        "SELECT value, (SELECT ifnull(max(sequence), 0) FROM event) FROM meta WHERE name = 'head'",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if last > head {
        finding.wrong(format!("the last row is {last}, beyond the head {head}"));
    }
    // The head goes first: a running gateway moves both.
    let mut statement = connection.prepare(
        "SELECT lane, through, (SELECT value FROM meta WHERE name = 'head') FROM cursor",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (lane, through, head): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        finding.looked_at += 1;
        if through > head {
            finding
                .wrong(format!("the cursor of lane {lane} is {through}, beyond the head {head}"));
        }
    }
    finding.looked_at += 1;
    Ok(())
}

fn ledger(connection: &Connection, finding: &mut Finding) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT name, accepted, quarantined, published, pending, held, erased_unpublished,
             accepted + quarantined - published - pending - held - erased_unpublished,
             min(accepted, quarantined, published, pending, held, erased_unpublished)
         FROM source ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (name, difference, least): (String, i64, i64) = (row.get(0)?, row.get(7)?, row.get(8)?);
        finding.looked_at += 1;
        if difference != 0 || least < 0 {
            let totals: Vec<i64> = (1..7).map(|at| row.get(at)).collect::<Result<_, _>>()?;
            finding.wrong(format!(
                "source {name} does not balance: accepted, quarantined, published, pending, held, \
                 erased unpublished are {totals:?}"
            ));
        }
    }
    Ok(())
}

/// Every row by its checksum, and its identity in the generations.
fn rows(
    connection: &Connection,
    tell: &mut dyn FnMut(Progress),
) -> Result<(Finding, Finding), Obstacle> {
    let (mut rows, mut identities) = (Finding::new(Part::Rows), Finding::new(Part::Identities));
    let head = schema::meta::<i64>(connection, "head")?.cast_unsigned();
    let mut generations = Generations::of(connection)?;
    let mut through = 0;
    while through < head {
        let mut seen = 0;
        let mut met_through = head;
        let mut ids = Vec::with_capacity(bounds::JOURNAL_READ_EVENTS);
        let scanned = read::scan(connection, through, head, |met| {
            let sequence = match met {
                // A tombstone keeps its identity.
                Met::Whole(stored) | Met::Erased(stored) => {
                    ids.push((stored.sequence, stored.id.0.0));
                    stored.sequence
                }
                Met::Newer(sequence) => {
                    rows.wrong(format!("event {sequence} was written by a newer hookgate"));
                    sequence
                }
                Met::Damaged(row) => {
                    rows.wrong(format!("event {} is damaged", row.last));
                    row.last
                }
            };
            rows.looked_at += 1;
            seen += 1;
            if seen < bounds::JOURNAL_READ_EVENTS {
                return ControlFlow::Continue(());
            }
            met_through = sequence.max(through + 1);
            ControlFlow::Break(())
        });
        if let Err(error) = scanned {
            rows.wrong(format!("rows after event {through}: {error}"));
            rows.unfinished = Some("the rest cannot be read".to_owned());
            identities.unfinished = Some("the rows could not all be read".to_owned());
            break;
        }
        for (sequence, id) in ids {
            identities.looked_at += 1;
            if generations.know(connection, &id) {
                continue;
            }
            match is_there(connection, sequence) {
                Ok(false) => {}
                Ok(true) => {
                    identities.wrong(format!("the identity of event {sequence} is missing"));
                }
                Err(error) => {
                    identities.wrong(format!("event {sequence}: {}", Code::of(&error)));
                }
            }
        }
        through = met_through;
        tell(Progress::Rows { seen: through, of: head });
    }
    Ok((rows, identities))
}

/// Every identity that was known when the head was read.
struct Generations {
    /// Of the generations that are sealed, the one that knew the last row first: rows are in their
    /// order.
    sealed: Vec<String>,
    /// Of those that are not.
    arrivals: HashSet<Id>,
}

impl Generations {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        // One view of all tables: a running gateway settles and drops them.
        let view = connection.unchecked_transaction()?;
        let mut statement = view.prepare("SELECT number, sealed_at IS NULL FROM generation")?;
        let mut generations = Self { sealed: Vec::new(), arrivals: HashSet::new() };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            if row.get(1)? {
                let mut ids = view.prepare(&format!("SELECT id FROM arrival_{number}"))?;
                for id in ids.query_map([], |row| row.get(0))? {
                    generations.arrivals.insert(id?);
                }
            } else {
                let lookup = format!("SELECT 1 FROM identity_{number} WHERE id = ?1");
                generations.sealed.push(lookup);
            }
        }
        Ok(generations)
    }

    fn know(&mut self, connection: &Connection, id: &Id) -> bool {
        let knows = |lookup: &String| {
            // A table that a running gateway has dropped meanwhile knows nothing.
            let statement = connection.prepare_cached(lookup);
            statement.and_then(|mut statement| statement.exists([&id[..]])).unwrap_or(false)
        };
        let found = self.sealed.iter().position(knows);
        if let Some(at) = found {
            self.sealed.swap(0, at);
        }
        found.is_some() || self.arrivals.contains(id)
    }
}

/// Whether a row is still there: a running gateway lets rows go before their identities.
fn is_there(connection: &Connection, sequence: u64) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM event WHERE sequence = ?1")?;
    statement.exists([sequence.cast_signed()])
}
