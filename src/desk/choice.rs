//! From what an operator writes to which events are meant.
//!
//! A filter is relative and may hold what must not be kept: a duration back from now, a room as the
//! provider names it, a provider's id of a person. A [`Choice`] is absolute and holds only what may
//! be seen, so it may be kept, shown and asked again; written back as a filter it means the same.

use std::time::Duration;

use super::{Desk, EventState, Filter, Refusal};
use crate::bounds;
use crate::clock::{Clock, Timestamp};
use crate::event::{EventId, QuarantineReason};
use crate::normalize::Personal;
use crate::replay::{self, Choice};
use crate::scrub::names::{RoomKey, is_name};
use crate::scrub::{Boundary, Settings};

impl Desk {
    /// Which events a filter of a replay means. `limit` and `cursor` mean nothing here.
    pub(super) fn choice(&self, filter: &Filter) -> Result<Choice, Refusal> {
        let sources = self.inner.sources.now();
        let meant = |boundary: &&Boundary| {
            let Settings { source, tenant, .. } = boundary.settings();
            filter.source.as_deref().is_none_or(|wanted| wanted == source.as_str())
                && filter.tenant.as_deref().is_none_or(|wanted| wanted == tenant.as_str())
        };
        let boundaries = sources.iter().map(|source| source.boundary());
        let boundaries: Vec<&Boundary> = boundaries.filter(meant).collect();
        let clock = &self.inner.clock;
        let choice = Choice {
            since: moment("since", filter.since.as_deref(), clock)?,
            until: moment("until", filter.until.as_deref(), clock)?,
            source: name("source", filter.source.as_deref())?,
            tenant: name("tenant", filter.tenant.as_deref())?,
            kind: kind(filter.kind.as_deref())?,
            family: family(filter.family.as_deref())?,
            rooms: rooms(filter.room.as_deref(), &boundaries)?,
            participants: participants(filter.participant.as_deref(), &boundaries)?,
            event_id: event_id(filter.event_id.as_deref())?,
            quarantined: quarantined(filter.state)?,
            reason: reason(filter.reason.as_deref())?,
        };
        if let (Some(since), Some(until)) = (choice.since, choice.until)
            && since >= until
        {
            return Err(invalid("until", "must be later than since"));
        }
        Ok(choice)
    }
}

/// A choice as a filter that means the same.
pub(super) fn filter(choice: &Choice) -> Filter {
    let listed = |parts: &[String]| (!parts.is_empty()).then(|| parts.join(","));
    let state = |quarantined| match quarantined {
        true => EventState::Quarantined,
        false => EventState::Published,
    };
    Filter {
        since: choice.since.map(|moment| moment.to_string()),
        until: choice.until.map(|moment| moment.to_string()),
        source: choice.source.clone(),
        tenant: choice.tenant.clone(),
        kind: choice.kind.clone(),
        family: choice.family.clone(),
        room: listed(&choice.rooms),
        participant: listed(&choice.participants),
        event_id: choice.event_id.clone(),
        state: choice.quarantined.map(state),
        reason: choice.reason.map(|reason| reason.as_str().to_owned()),
        limit: None,
        cursor: None,
    }
}

fn invalid(field: &'static str, rule: &str) -> Refusal {
    Refusal::Invalid { field, rule: rule.to_owned() }
}

/// RFC 3339, or a duration back from now.
fn moment(
    field: &'static str,
    text: Option<&str>,
    clock: &Clock,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let back = || back(text).map(|back| clock.now().minus(back));
    Timestamp::parse(text).or_else(back).map(Some).ok_or_else(|| {
        let rule = "must be a moment in RFC 3339 such as 2026-11-20T10:00:00Z, or a duration back \
             from now such as 2h (s, m, h, d)";
        invalid(field, rule)
    })
}

/// A whole number and its unit.
fn back(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// A name as configurations have them: nothing else can be one, and nothing else is kept.
fn name(field: &'static str, text: Option<&str>) -> Result<Option<String>, Refusal> {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    match text {
        Some(text) if text.is_empty() || text.len() > 128 || !text.chars().all(fine) => {
            Err(invalid(field, "must be a name as the configuration has it"))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn kind(text: Option<&str>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if !replay::is_a_kind(text) => {
            let rule = "must be a kind such as recording.ready, or how some begin, such as \
                 recording.*";
            Err(invalid("kind", rule))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn family(text: Option<&str>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if !replay::families().split(", ").any(|family| family == text) => {
            let rule = format!("must be one of {}", replay::families());
            Err(Refusal::Invalid { field: "family", rule })
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// A room as events show it: as it is written where it is a pseudonym or its name may leave, and as
/// record keys show it, under every key there is.
fn rooms(text: Option<&str>, boundaries: &[&Boundary]) -> Result<Vec<String>, Refusal> {
    let shown = |part: &str, shown: &mut Vec<String>| {
        if is_room(part) {
            return shown.push(part.to_owned());
        }
        for boundary in boundaries {
            let name = Personal::new(part);
            if boundary.lets_out(name) {
                shown.push(part.to_owned());
            }
            // Events from before its name might leave, and those that may not tell it.
            shown.extend(boundary.room_keys(name).iter().map(RoomKey::to_string));
        }
    };
    each("room", text, is_room, shown)
}

/// A person as events show them, under every key there is.
fn participants(text: Option<&str>, boundaries: &[&Boundary]) -> Result<Vec<String>, Refusal> {
    let shown = |part: &str, shown: &mut Vec<String>| {
        if is_person(part) {
            return shown.push(part.to_owned());
        }
        let persons = |boundary: &&Boundary| boundary.persons(Personal::new(part));
        shown.extend(boundaries.iter().flat_map(persons).map(|person| person.to_string()));
    };
    each("participant", text, is_person, shown)
}

/// What is written, or each part of what a plan wrote as a list. Bounded.
fn each(
    field: &'static str,
    text: Option<&str>,
    is_name: fn(&str) -> bool,
    show: impl Fn(&str, &mut Vec<String>),
) -> Result<Vec<String>, Refusal> {
    let Some(text) = text else { return Ok(Vec::new()) };
    if text.is_empty() || text.len() > bounds::CHOICE_TEXT_BYTES_MAX {
        let most = bounds::CHOICE_TEXT_BYTES_MAX;
        let rule = format!("must be 1 to {most} bytes");
        return Err(Refusal::Invalid { field, rule });
    }
    let mut all = Vec::new();
    if text.split(',').any(is_name) {
        text.split(',').for_each(|part| show(part, &mut all));
    } else {
        show(text, &mut all);
    }
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        return Err(invalid(
            field,
            "needs a configured source to be looked up under: there is none",
        ));
    }
    Ok(all)
}

fn event_id(text: Option<&str>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if EventId::parse(text).is_none() => {
            Err(invalid("event_id", "must be ev1_ and 26 letters, as events have it"))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn quarantined(state: Option<EventState>) -> Result<Option<bool>, Refusal> {
    match state {
        None => Ok(None),
        Some(EventState::Published) => Ok(Some(false)),
        Some(EventState::Quarantined) => Ok(Some(true)),
        Some(EventState::Pending | EventState::Held | EventState::Erased) => {
            let rule = "must be published or quarantined: only what was published can be again";
            Err(invalid("state", rule))
        }
    }
}

fn reason(text: Option<&str>) -> Result<Option<QuarantineReason>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let known = serde_json::from_value(text.into());
    known.map(Some).map_err(|_| {
        let rule = "must be unknown_kind, malformed, pii_violation or too_large_for_kafka";
        invalid("reason", rule)
    })
}

fn is_room(text: &str) -> bool {
    is_name(text, 'r') || is_name(text, 'k')
}

fn is_person(text: &str) -> bool {
    is_name(text, 'p')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ProviderName, SourceName, TenantName};
    use crate::scrub::{FormerKey, Keys, PseudonymKey};
    use crate::secret::Secret;

    #[test]
    fn moments_are_absolute_or_a_duration_back() {
        let now = Timestamp::parse("2026-11-20T10:00:00Z").unwrap();
        let clock = Clock::manual(now);
        let read = |text| moment("since", Some(text), &clock);
        assert_eq!(read("2h").unwrap(), Timestamp::parse("2026-11-20T08:00:00Z"));
        assert_eq!(read("2026-11-20T09:00:00+01:00").unwrap(), read("2h").unwrap());
        for text in ["", "2", "h", "2 h", "-2h", "2w", "yesterday", "99999999999999999999d"] {
            assert!(matches!(read(text), Err(Refusal::Invalid { field: "since", .. })), "{text}");
        }
        assert_eq!(moment("since", None, &clock), Ok(None));
    }

    #[test]
    fn only_what_may_be_kept_is_taken() {
        assert!(name("source", Some("daily-1")).is_ok() && name("source", None).is_ok());
        assert!(name("tenant", Some("Erika Muster")).is_err());
        let id = format!("ev1_{}", "a".repeat(26));
        assert_eq!(event_id(Some(&id)), Ok(Some(id.clone())));
        assert!(event_id(Some("ev1_a")).is_err() && event_id(Some("erika@example.org")).is_err());
        assert!(kind(Some("recording.*")).is_ok() && kind(Some("recordings")).is_err());
        assert!(family(Some("lifecycle")).is_ok() && family(Some("video.lifecycle")).is_err());
        assert_eq!(reason(Some("malformed")), Ok(Some(QuarantineReason::Malformed)));
        assert!(reason(Some("odd")).is_err());
        assert!(quarantined(Some(EventState::Pending)).is_err());
        assert!(rooms(Some("consult-1"), &[]).is_err());
    }

    #[test]
    fn who_is_given_by_id_or_name_is_meant_by_every_name_there_is_a_key_for() {
        let secret = |byte| Secret::new(vec![byte; 32]);
        let mut keys = Keys::new(secret(1), secret(2));
        keys.former_identity = Some(secret(3));
        let former = FormerKey { key: secret(4), version: 1, until: Timestamp::from_millis(0) };
        keys.pseudonym = PseudonymKey { version: 2, former: Some(former), ..keys.pseudonym };
        let (source, tenant) = (SourceName::new("a"), TenantName::new("t"));
        let settings = Settings::new(source, tenant, ProviderName::new("daily"));
        let boundary = Boundary::new(settings, &keys);
        let persons = participants(Some("zoe"), &[&boundary, &boundary]).unwrap();
        let begins = |names: &[String], with: [&str; 2]| {
            names.len() == 2 && names.iter().zip(with).all(|(name, with)| name.starts_with(with))
        };
        assert!(begins(&persons, ["p1_", "p2_"]), "{persons:?}");
        let rooms = super::rooms(Some("Zoe's room"), &[&boundary]).unwrap();
        assert!(begins(&rooms, ["k1_", "k1_"]), "{rooms:?}");
        let again = persons.join(",");
        assert_eq!(participants(Some(&again), &[]), Ok(persons));
    }

    #[test]
    fn a_choice_written_as_a_filter_names_every_room_and_reads_back() {
        let rooms = ["k1_", "r1_", "r2_"].map(|prefix| format!("{prefix}{}", "a".repeat(26)));
        let choice = Choice {
            rooms: rooms.to_vec(),
            quarantined: Some(true),
            reason: Some(QuarantineReason::PiiViolation),
            ..Choice::default()
        };
        let filter = filter(&choice);
        assert_eq!(super::rooms(filter.room.as_deref(), &[]), Ok(choice.rooms));
        assert_eq!(filter.state, Some(EventState::Quarantined));
        assert_eq!(reason(filter.reason.as_deref()), Ok(choice.reason));
    }
}
