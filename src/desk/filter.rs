//! From what an operator writes to what is searched.
//!
//! Each field is judged by itself; what is not as it must be is refused by the field's name and its
//! rule, never by its value. Where a raw room name or a provider's id may stand, it is turned into
//! the names that left the boundary here, under every key there is, and goes no further.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Desk, Filter, Refusal};
use crate::bounds;
use crate::clock::{Clock, Timestamp};
use crate::event::{EventId, Family, Kind, QuarantineReason};
use crate::intake::Source;
use crate::journal::search::{Term, Wanted};
use crate::normalize::Personal;
use crate::scrub::names::is_name;

/// A filter that was judged.
#[derive(Debug)]
pub(super) struct Meant {
    /// Which events.
    pub(super) wanted: Wanted,
    /// Only those below this sequence.
    pub(super) before: u64,
    /// How many at the most.
    pub(super) limit: usize,
}

impl Desk {
    /// Judges a filter.
    pub(super) fn meant(&self, filter: &Filter, bare: bool) -> Result<Meant, Refusal> {
        let clock = &self.inner.clock;
        let scope = self.scope(filter);
        let mut terms = Vec::new();
        if let Some(room) = &filter.room {
            terms.push(rooms(room, &scope, bare)?);
        }
        if let Some(person) = &filter.participant {
            terms.push(persons(person, &scope, bare)?);
        }
        if let Some(id) = &filter.event_id {
            let rule = "must be an event's id: ev1_ and 26 letters";
            let id = EventId::parse(id).ok_or_else(|| invalid("event_id", rule))?;
            terms.push(vec![Term::Id(id)]);
        }
        Ok(Meant {
            wanted: Wanted {
                since: moment("since", filter.since.as_deref(), clock)?,
                until: moment("until", filter.until.as_deref(), clock)?,
                source: name("source", filter.source.as_deref())?,
                tenant: name("tenant", filter.tenant.as_deref())?,
                kinds: kinds(filter)?,
                reason: reason(filter.reason.as_deref())?,
                state: filter.state.map(Into::into),
                terms,
            },
            before: before(filter.cursor.as_deref())?,
            limit: limit(filter.limit)?,
        })
    }

    /// The sources whose names for rooms and persons count.
    fn scope(&self, filter: &Filter) -> Vec<Arc<Source>> {
        let fits = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == name)
        };
        let sources = self.inner.sources.now();
        let within = |source: &&Arc<Source>| {
            fits(&filter.source, source.name.as_str())
                && fits(&filter.tenant, source.boundary().settings().tenant.as_str())
        };
        sources.iter().filter(within).cloned().collect()
    }
}

/// The cursor of the page that begins below a sequence.
pub(super) fn cursor(below: u64) -> String {
    URL_SAFE_NO_PAD.encode([&[CURSOR_VERSION][..], &below.to_be_bytes()].concat())
}

const CURSOR_VERSION: u8 = 1;

fn before(cursor: Option<&str>) -> Result<u64, Refusal> {
    let Some(cursor) = cursor else { return Ok(u64::MAX) };
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (version, below) = bytes.split_first()?;
        let below = below.try_into().ok().map(u64::from_be_bytes)?;
        (*version == CURSOR_VERSION).then_some(below)
    };
    read().ok_or_else(|| invalid("cursor", "must be the next_cursor of an earlier page"))
}

fn limit(asked: Option<usize>) -> Result<usize, Refusal> {
    let most = bounds::EVENTS_PAGE_MAX;
    match asked.unwrap_or(bounds::EVENTS_PAGE_DEFAULT) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(invalid("limit", &format!("must be 1 to {most}"))),
    }
}

/// A moment, or so long before now.
fn moment(
    field: &'static str,
    text: Option<&str>,
    clock: &Clock,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let found = Timestamp::parse(text).or_else(|| back(text).map(|back| clock.now().minus(back)));
    let rule = "must be a moment in RFC 3339 with its zone, such as 2026-11-20T10:00:00Z, or a \
                duration back from now: a whole number and one of s, m, h, d, such as 2h";
    found.map(Some).ok_or_else(|| invalid(field, rule))
}

fn back(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse::<u64>().ok().filter(|_| digits)?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A name as a configuration has it. One that is not configured now may have been.
fn name(field: &'static str, text: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = !text.is_empty() && text.len() <= bounds::SEARCH_NAME_BYTES_MAX;
    match good && text.bytes().all(known) {
        true => Ok(Some(text.to_owned())),
        false => Err(invalid(field, "must be a name as the configuration writes it")),
    }
}

fn kinds(filter: &Filter) -> Result<Option<Vec<Kind>>, Refusal> {
    let mut kinds = Kind::ALL.to_vec();
    if let Some(text) = &filter.kind {
        let prefix = text.strip_suffix('*').filter(|prefix| prefix.ends_with('.'));
        let fits = |kind: &Kind| match prefix {
            Some(prefix) => kind.as_str().starts_with(prefix),
            None => kind.as_str() == text,
        };
        kinds.retain(fits);
        if kinds.is_empty() {
            let rule = "must be a kind such as recording.ready, or recording.* for all that begin \
                        so";
            return Err(invalid("kind", rule));
        }
    }
    if let Some(text) = &filter.family {
        let families = Family::ALL.map(Family::as_str).join(", ");
        let family = Family::parse(text);
        let family =
            family.ok_or_else(|| invalid("family", &format!("must be one of {families}")))?;
        kinds.retain(|kind| kind.family() == family);
    }
    Ok((kinds.len() < Kind::ALL.len()).then_some(kinds))
}

fn reason(text: Option<&str>) -> Result<Option<QuarantineReason>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let all = QuarantineReason::ALL.map(QuarantineReason::as_str).join(", ");
    let found = QuarantineReason::parse(text);
    found.map(Some).ok_or_else(|| invalid("reason", &format!("must be one of {all}")))
}

/// A room by every name under which its events may have left.
fn rooms(text: &str, scope: &[Arc<Source>], bare: bool) -> Result<Vec<Term>, Refusal> {
    sized("room", text)?;
    let lets_out = |source: &Arc<Source>| source.boundary().lets_out(Personal::new(text));
    let is_name = is_name(text, 'r') || is_name(text, 'k');
    let mut terms = Vec::new();
    if is_name || scope.iter().any(lets_out) {
        terms.push(Term::Room(text.to_owned()));
    }
    if bare && !is_name {
        for source in scope {
            let (boundary, name) = (source.boundary(), Personal::new(text));
            let (rooms, keys) = (boundary.rooms(name), boundary.room_keys(name));
            terms.extend(rooms.iter().map(|room| Term::Room(room.to_string())));
            terms.extend(keys.iter().map(|key| Term::Room(key.to_string())));
        }
    }
    if terms.is_empty() && !bare {
        let rule = "must be a room as it may be seen: such as r1_ or k1_ and 26 letters, or a \
             name that matches room_name of a configured source; a room's own name may stand in \
             the body of a search";
        return Err(invalid("room", rule));
    }
    terms.sort();
    terms.dedup();
    Ok(terms)
}

/// A person by every pseudonym.
fn persons(text: &str, scope: &[Arc<Source>], bare: bool) -> Result<Vec<Term>, Refusal> {
    sized("participant", text)?;
    if is_name(text, 'p') {
        return Ok(vec![Term::Person(text.to_owned())]);
    }
    if !bare {
        let rule = "must be a person's pseudonym: such as p1_ and 26 letters; a provider's id \
                    may stand in the body of a search";
        return Err(invalid("participant", rule));
    }
    let persons = |source: &Arc<Source>| source.boundary().persons(Personal::new(text));
    let mut terms: Vec<Term> =
        scope.iter().flat_map(persons).map(|person| Term::Person(person.to_string())).collect();
    terms.sort();
    terms.dedup();
    Ok(terms)
}

fn sized(field: &'static str, text: &str) -> Result<(), Refusal> {
    let most = bounds::PSEUDONYM_ID_BYTES_MAX;
    match (1..=most).contains(&text.len()) {
        true => Ok(()),
        false => Err(invalid(field, &format!("must be 1 to {most} bytes"))),
    }
}

fn invalid(field: &'static str, rule: &str) -> Refusal {
    Refusal::Invalid { field, rule: rule.to_owned() }
}
