//! What is asked of the file, and the answer: a page, newest first.
//!
//! Every filter becomes a stream of sequences from an index, from the newest down; a page is what
//! they have in common, and each row is looked at once more before it is given out. So nothing is
//! read that an index could pass over, and no filter depends on how many events there are.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use super::super::schema;
use super::fill;
use super::runs::{InTerms, Run, Runs, Stream};
use super::state::{Positions, State, state_of};
use super::wanted::{Page, Row, Span, Wanted};
use super::words::Term;
use crate::clock::Timestamp;
use crate::event::{Digest128, EventId, Kind, QuarantineReason};

/// Marks an event whose content is gone.
pub(super) const ERASED: i64 = 1;
/// Marks an event that Kafka found too large.
pub(super) const OVERSIZED: i64 = 2;

/// A question to the file, in one view of it.
pub(super) struct Question<'a> {
    connection: &'a Connection,
    wanted: &'a Wanted,
    at: &'a Positions,
    classes: HashMap<i64, ClassOf>,
    first: u64,
    last: u64,
    through: u64,
}

struct ClassOf {
    source: String,
    tenant: Option<String>,
    kind: Kind,
    reason: Option<QuarantineReason>,
    events: u64,
}

impl<'a> Question<'a> {
    /// About events below a sequence.
    pub(super) fn new(
        connection: &'a Connection,
        wanted: &'a Wanted,
        at: &'a Positions,
        before: u64,
    ) -> rusqlite::Result<Self> {
        let through = schema::meta::<i64>(connection, "through")?.cast_unsigned();
        let classes = classes(connection)?;
        let mut question =
            Self { connection, wanted, at, classes, first: 1, last: through, through };
        question.last = through.min(before.saturating_sub(1));
        question.narrow()?;
        Ok(question)
    }

    /// The sequences between which the moments asked for lie, and those that are still there.
    fn narrow(&mut self) -> rusqlite::Result<()> {
        let oldest: Option<i64> =
            self.connection.query_row("SELECT min(sequence) FROM row", [], |row| row.get(0))?;
        self.first = oldest.map_or(self.last.saturating_add(1), i64::cast_unsigned);
        if self.wanted.since.is_none() && self.wanted.until.is_none() {
            return Ok(());
        }
        let millis = |moment: Option<Timestamp>, or| moment.map_or(or, Timestamp::millis);
        let mut statement = self.connection.prepare_cached(
            "SELECT min(number), max(number) FROM stretch WHERE latest >= ?1 AND earliest < ?2",
        )?;
        let (since, until) =
            (millis(self.wanted.since, i64::MIN), millis(self.wanted.until, i64::MAX));
        let found: (Option<i64>, Option<i64>) =
            statement.query_row([since, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(lowest), Some(highest)) = found else {
            self.last = 0;
            return Ok(());
        };
        let bits = crate::bounds::SEARCH_STRETCH_BITS;
        self.first = self.first.max(lowest.cast_unsigned() << bits);
        self.last = self.last.min(((highest.cast_unsigned() + 1) << bits) - 1);
        Ok(())
    }

    /// Between which sequences the events lie.
    pub(super) fn span(&self) -> Span {
        Span { first: self.first, last: self.last, through: self.through }
    }

    /// At most so many rows, the newest first. `in_time` says whether there is time left.
    pub(super) fn page(
        &self,
        limit: usize,
        in_time: &dyn Fn() -> bool,
    ) -> rusqlite::Result<Option<Page>> {
        let mut page = Page { through: self.through, ..Page::default() };
        let whole = self.walk(in_time, |row| {
            page.more = page.rows.len() >= limit;
            if !page.more {
                page.rows.push(row);
            }
            !page.more
        })?;
        Ok(whole.then_some(page))
    }

    /// How many events there are, by reason of quarantine.
    pub(super) fn reasons(
        &self,
        in_time: &dyn Fn() -> bool,
    ) -> rusqlite::Result<Option<BTreeMap<QuarantineReason, u64>>> {
        let mut counts = BTreeMap::new();
        if self.wanted.since.is_some()
            || self.wanted.until.is_some()
            || !self.wanted.terms.is_empty()
        {
            let whole = self.walk(in_time, |row| {
                if let Some(reason) = row.reason {
                    *counts.entry(reason).or_default() += 1;
                }
                true
            })?;
            return Ok(whole.then_some(counts));
        }
        for (_, class) in self.base() {
            if let Some(reason) = class.reason.filter(|_| class.kind == Kind::Quarantined)
                && class.events > 0
            {
                *counts.entry(reason).or_default() += class.events;
            }
        }
        let large = QuarantineReason::TooLargeForKafka;
        if self.wanted.reason.is_none_or(|reason| reason == large) {
            let only = Wanted { reason: Some(large), ..self.wanted.clone() };
            let question = Question::new(self.connection, &only, self.at, u64::MAX)?;
            let mut found = 0;
            let whole = question.walk(in_time, |_| {
                found += 1;
                true
            })?;
            if !whole {
                return Ok(None);
            }
            if found > 0 {
                counts.insert(large, found);
            }
        }
        Ok(Some(counts))
    }

    /// Meets every row that is meant, until the visitor has enough. `false`: time ran out.
    fn walk(
        &self,
        in_time: &dyn Fn() -> bool,
        mut visit: impl FnMut(Row) -> bool,
    ) -> rusqlite::Result<bool> {
        if self.first > self.last {
            return Ok(true);
        }
        let mut streams = self.streams()?;
        let mut high = self.last;
        loop {
            if !in_time() {
                return Ok(false);
            }
            let Some(found) = common(self.connection, &mut streams, high, in_time)? else {
                return Ok(true);
            };
            let Some(sequence) = found else { return Ok(false) };
            if let Some(row) = self.row(sequence)?
                && self.means(&row)
                && !visit(row)
            {
                return Ok(true);
            }
            match sequence.checked_sub(1).filter(|next| *next >= self.first) {
                Some(next) => high = next,
                None => return Ok(true),
            }
        }
    }

    /// Classes of the source, tenant, kinds and reason that are asked for.
    fn base(&self) -> impl Iterator<Item = (i64, &ClassOf)> {
        let wanted = self.wanted;
        // What was too large was understood: its class has no reason.
        let large = wanted.reason == Some(QuarantineReason::TooLargeForKafka);
        let fits = move |class: &ClassOf| {
            wanted.fits_class(&class.source, class.tenant.as_deref(), class.kind)
                && (large || wanted.reason.is_none_or(|reason| class.reason == Some(reason)))
        };
        self.classes.iter().filter(move |(_, class)| fits(class)).map(|(n, class)| (*n, class))
    }

    /// One stream for each thing that is asked for.
    fn streams(&self) -> rusqlite::Result<Vec<Stream>> {
        let whole = (self.first, self.last);
        let wanted = self.wanted;
        let in_quarantine = |class: &ClassOf| class.kind == Kind::Quarantined;
        let ranges = |class: &ClassOf| -> Vec<(u64, u64)> {
            match wanted.state {
                None | Some(State::Quarantined | State::Erased) => vec![whole],
                Some(_) if in_quarantine(class) => Vec::new(),
                Some(state) => {
                    let clip = |(first, last): (u64, u64)| (first.max(whole.0), last.min(whole.1));
                    self.at.ranges(state, &class.source).into_iter().map(clip).collect()
                }
            }
        };
        let classes: Vec<_> = self.base().map(|(number, class)| (number, ranges(class))).collect();
        let mut streams = Vec::new();
        if wanted.reason == Some(QuarantineReason::TooLargeForKafka) {
            streams.push(Stream::Runs(Runs(vec![Run::marked(OVERSIZED, whole)])));
        } else if wanted.state == Some(State::Erased) {
            streams.push(Stream::Runs(Runs(vec![Run::marked(ERASED, whole)])));
        } else if wanted.state == Some(State::Quarantined) {
            let base = self.base().filter(|(_, class)| in_quarantine(class));
            let runs = base.map(|(number, _)| Run::class(number, whole));
            let large = wanted.reason.is_none().then(|| Run::marked(OVERSIZED, whole));
            streams.push(Stream::Runs(Runs(runs.chain(large).collect())));
        }
        for terms in &wanted.terms {
            streams.push(self.with_terms(terms, classes.clone())?);
        }
        if streams.is_empty() {
            let all = classes.len() == self.classes.len()
                && classes.iter().all(|(_, ranges)| *ranges == [whole]);
            let runs = match all {
                true => vec![Run::all(whole.0, whole.1)],
                false => classes
                    .iter()
                    .flat_map(|(number, ranges)| ranges.iter().map(|r| Run::class(*number, *r)))
                    .collect(),
            };
            streams.push(Stream::Runs(Runs(runs)));
        }
        Ok(streams)
    }

    fn with_terms(
        &self,
        terms: &[Term],
        classes: Vec<(i64, Vec<(u64, u64)>)>,
    ) -> rusqlite::Result<Stream> {
        let salt = schema::meta(self.connection, "salt")?;
        let hashes: Vec<i64> = terms.iter().map(|term| term.hash(&salt)).collect();
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, hashes FROM recent WHERE sequence BETWEEN ?1 AND ?2
             ORDER BY sequence DESC",
        )?;
        let mut rows = statement.query([self.first.cast_signed(), self.last.cast_signed()])?;
        let mut recent = Vec::new();
        while let Some(row) = rows.next()? {
            let any = fill::hashes(row.get_ref(1)?.as_blob()?).any(|hash| hashes.contains(&hash));
            if any {
                recent.push(row.get::<_, i64>(0)?.cast_unsigned());
            }
        }
        let (recent, first) = (Run::listed(recent), self.first);
        Ok(Stream::Terms(Box::new(InTerms { hashes, classes, recent, first, at: None })))
    }

    /// The last word on a row that the indexes found.
    fn means(&self, row: &Row) -> bool {
        let state = || state_of(row, self.at);
        self.wanted.fits_class(&row.source, row.tenant.as_deref(), row.kind)
            && self.wanted.fits_rest(row)
            && self.wanted.state.is_none_or(|wanted| wanted == state())
    }

    /// One row of the file.
    pub(super) fn row(&self, sequence: u64) -> rusqlite::Result<Option<Row>> {
        let mut statement = self.connection.prepare_cached(ROW)?;
        let mut rows = statement.query(params![sequence.cast_signed(), ERASED, OVERSIZED])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let Some(class) = self.classes.get(&row.get(1)?) else { return Ok(None) };
        let received: i64 = row.get(2)?;
        let later: Option<i64> = row.get(3)?;
        let oversized = row.get(6)?;
        Ok(Some(Row {
            sequence,
            id: EventId(Digest128(row.get(0)?)),
            source: class.source.clone(),
            tenant: class.tenant.clone(),
            kind: class.kind,
            room: row.get(4)?,
            received: Timestamp::from_millis(received),
            time: later.map(|later| Timestamp::from_millis(received.saturating_add(later))),
            reason: match oversized {
                true => Some(QuarantineReason::TooLargeForKafka),
                false => class.reason,
            },
            oversized,
            erased: row.get(5)?,
        }))
    }
}

/// One row, with its marks.
pub(super) const ROW: &str = "
    SELECT id, class, received, later, room,
        EXISTS(SELECT 1 FROM mark WHERE what = ?2 AND mark.sequence = ?1),
        EXISTS(SELECT 1 FROM mark WHERE what = ?3 AND mark.sequence = ?1)
    FROM row WHERE sequence = ?1";

/// The newest that all streams have: `None` when there is no more, `Some(None)` out of time.
fn common(
    connection: &Connection,
    streams: &mut [Stream],
    from: u64,
    in_time: &dyn Fn() -> bool,
) -> rusqlite::Result<Option<Option<u64>>> {
    let mut high = from;
    loop {
        let before = high;
        for stream in &mut *streams {
            match stream.at_most(connection, high)? {
                Some(found) => high = found,
                None => return Ok(None),
            }
        }
        if high == before || streams.len() == 1 {
            return Ok(Some(Some(high)));
        }
        if !in_time() {
            return Ok(Some(None));
        }
    }
}

fn classes(connection: &Connection) -> rusqlite::Result<HashMap<i64, ClassOf>> {
    let mut statement = connection
        .prepare_cached("SELECT number, source, tenant, kind, reason, events FROM class")?;
    let mut rows = statement.query([])?;
    let mut classes = HashMap::new();
    while let Some(row) = rows.next()? {
        let Some(kind) = Kind::parse(row.get_ref(3)?.as_str()?) else { continue };
        let class = ClassOf {
            source: row.get(1)?,
            tenant: row.get(2)?,
            kind,
            reason: row.get_ref(4)?.as_str_or_null()?.and_then(QuarantineReason::parse),
            events: row.get::<_, i64>(5)?.max(0).cast_unsigned(),
        };
        classes.insert(row.get(0)?, class);
    }
    Ok(classes)
}
