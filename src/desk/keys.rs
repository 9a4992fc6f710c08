//! How the keys stand against what the journal was written under.
//!
//! A start under another key is not refused: a gateway that is down loses more than the retries of
//! old events that are taken for new ones, and whoever is called at three in the morning must not
//! have to find a key first. So it is said at every start and by `status`, with what to do, until
//! the key is given or what was written under it is gone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parts;
use crate::clock::Timestamp;
use crate::journal::{Journal, KeyBefore, KeyNote, ReadError};
use crate::scrub::{KeyedNames, Mark};

/// A key that is given beside its successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyStatus {
    /// What it gives: `ids` (event ids and record keys), or `pseudonyms`.
    pub names: String,
    /// Whose pseudonyms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// The version that the pseudonyms of the key in force show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
    /// Since when the key in force is noted.
    pub since: Timestamp,
    /// The version that the pseudonyms of the key before show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_version: Option<u8>,
    /// The key before is needed until this moment at the least: something that was written under it
    /// is in the journal. Absent: nothing is, and it may be taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_needed_until: Option<Timestamp>,
}

/// Notes that differ by their tenants alone.
type Alike<'a> = BTreeMap<(bool, Mark, Option<Mark>), Vec<(&'a KeyedNames, &'a KeyNote)>>;

/// What the journal was written under and nothing that is given recognizes: a line for each key,
/// with what to do. Blocks.
pub fn key_alarms(journal: &Journal) -> Result<Vec<String>, ReadError> {
    Ok(alarms(&journal.keys()?))
}

impl Parts {
    /// The keys that are given beside their successors, and the alarms. Blocks.
    pub(super) fn keys_now(&self) -> Result<(Vec<KeyStatus>, Vec<String>), ReadError> {
        let notes = self.journal.keys()?;
        let (retention, now) = (self.instruments.retention.age, self.clock.now());
        let until =
            |names: &KeyedNames, before: &KeyBefore| before.gone_from(names, retention, now);
        Ok((standing(&notes, until), alarms(&notes)))
    }
}

fn standing(
    notes: &BTreeMap<KeyedNames, KeyNote>,
    until: impl Fn(&KeyedNames, &KeyBefore) -> Timestamp,
) -> Vec<KeyStatus> {
    let mut alike = Alike::new();
    for (names, note) in notes.iter().filter(|(_, note)| note.former.is_some()) {
        let place = (*names != KeyedNames::Ids, note.now, note.former);
        alike.entry(place).or_default().push((names, note));
    }
    let each = alike.into_iter().filter_map(|((versioned, now, former), notes)| {
        let needed = notes.iter().flat_map(|(names, note)| {
            let its = note.before.iter().filter(|b| b.mark.is_none() || b.mark == former);
            its.map(|before| until(names, before))
        });
        Some(KeyStatus {
            names: if versioned { "pseudonyms" } else { "ids" }.to_owned(),
            tenants: tenants(notes.iter().map(|(names, _)| *names)),
            version: versioned.then_some(now.version),
            since: notes.iter().map(|(_, note)| note.since).min()?,
            former_version: former.filter(|_| versioned).map(|former| former.version),
            former_needed_until: needed.max(),
        })
    });
    each.collect()
}

fn alarms(notes: &BTreeMap<KeyedNames, KeyNote>) -> Vec<String> {
    let mut alike = BTreeMap::<_, Vec<_>>::new();
    for (names, note) in notes {
        for before in &note.before {
            // What nobody knows raises no alarm.
            let Some(mark) = before.mark.filter(|mark| Some(*mark) != note.former) else {
                continue;
            };
            let place = (*names != KeyedNames::Ids, mark, note.now);
            alike.entry(place).or_default().push((names, before.until));
        }
    }
    let each = alike.into_iter().map(|((versioned, before, now), of)| {
        let until = of.iter().map(|(_, until)| *until).max().unwrap_or(Timestamp::from_millis(0));
        match versioned {
            true => changed(before, now, until, &tenants(of.iter().map(|(names, _)| *names))),
            false => replaced(until),
        }
    });
    each.collect()
}

fn tenants<'a>(of: impl Iterator<Item = &'a KeyedNames>) -> Vec<String> {
    let tenant = |names: &KeyedNames| match names {
        KeyedNames::Ids => None,
        KeyedNames::Pseudonyms(tenant) => Some(tenant.to_string()),
    };
    of.filter_map(tenant).collect()
}

fn replaced(until: Timestamp) -> String {
    format!(
        "keys.identity: until {until} the journal was written under another key, which is not \
         given beside this one: a retry of an event from before is taken for a new event; give \
         that key as keys.previous.identity, or set keys.identity back to it, and restart"
    )
}

fn changed(before: Mark, now: Mark, until: Timestamp, tenants: &[String]) -> String {
    let (was, is, whose) = (before.version, now.version, tenants.join(", "));
    let what = format!("the pseudonyms of {whose} changed at {until}");
    match (before.fingerprint == now.fingerprint, was == is) {
        (true, _) => format!(
            "{what}, though the key is the same: its version was {was} and is {is}, and \
             events from before are found by it no more; set the version back to {was}"
        ),
        (false, true) => format!(
            "{what}, and show the same version {is} as before, though the key is another: nobody \
             can tell p{is}_… of the one from p{is}_… of the other; raise the version, and give \
             the key before as the previous one"
        ),
        (false, false) => format!(
            "{what}, and the key before (version {was}) is not given: in events from before \
             nobody is found, or forgotten, by a provider's id; give that key as the previous one, \
             unless it was destroyed for just that"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Digest128, TenantName};

    const MOMENT: &str = "2026-11-20T10:00:00Z";

    fn mark(key: u8, version: u8) -> Mark {
        Mark { fingerprint: Digest128([key; 16]), version }
    }

    fn note(now: Mark, former: Option<Mark>, before: &[Option<Mark>]) -> KeyNote {
        let before = before
            .iter()
            .map(|mark| serde_json::json!({"mark": mark, "until": MOMENT, "through": 7}));
        let before: Vec<_> = before.collect();
        let note = serde_json::json!({
            "now": now, "since": MOMENT, "former": former, "before": before,
        });
        serde_json::from_value(note).unwrap()
    }

    fn of(tenant: &str) -> KeyedNames {
        KeyedNames::Pseudonyms(TenantName::new(tenant))
    }

    fn one_alarm(names: KeyedNames, note: KeyNote) -> String {
        let mut alarms = alarms(&BTreeMap::from([(names, note)]));
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        alarms.remove(0)
    }

    #[test]
    fn what_nothing_that_is_given_recognizes_is_an_alarm_with_what_to_do() {
        let (a, b) = (mark(1, 1), mark(2, 2));
        let ids = one_alarm(KeyedNames::Ids, note(mark(2, 1), None, &[Some(a)]));
        assert!(ids.contains("keys.previous.identity") && ids.contains("taken for a new event"));
        let other = Some(mark(3, 1));
        assert_eq!(one_alarm(KeyedNames::Ids, note(mark(2, 1), other, &[Some(a)])), ids);
        let told = |before| one_alarm(of("t"), note(b, None, &[Some(before)]));
        assert!(
            told(mark(2, 1)).contains("though the key is the same: its version was 1 and is 2")
        );
        assert!(told(mark(1, 2)).contains("show the same version 2"));
        assert!(told(a).contains("the key before (version 1) is not given"));
    }

    #[test]
    fn a_key_that_is_given_or_that_nobody_knows_is_no_alarm() {
        let (a, b) = (mark(1, 1), mark(2, 2));
        for note in [note(b, Some(a), &[Some(a)]), note(b, None, &[None]), note(b, None, &[])] {
            assert_eq!(alarms(&BTreeMap::from([(of("t"), note)])), [""; 0]);
        }
    }

    #[test]
    fn tenants_of_one_key_are_told_together() {
        let (a, b) = (mark(1, 1), mark(2, 2));
        let notes = |former| {
            let note = note(b, former, &[Some(a)]);
            BTreeMap::from(["s", "t"].map(|tenant| (of(tenant), note.clone())))
        };
        let alarms = alarms(&notes(None));
        assert_eq!(alarms.len(), 1);
        assert!(alarms[0].starts_with("the pseudonyms of s, t changed at 2026"), "{alarms:?}");
        let later = Timestamp::from_millis(9);
        let standing = standing(&notes(Some(a)), |_, _| later);
        assert_eq!(standing.len(), 1);
        let KeyStatus { tenants, version, former_version, former_needed_until, .. } = &standing[0];
        assert_eq!(tenants, &["s", "t"]);
        assert_eq!(
            (*version, *former_version, *former_needed_until),
            (Some(2), Some(1), Some(later))
        );
    }

    #[test]
    fn a_key_before_of_which_nothing_is_left_may_be_taken_out() {
        let (a, b) = (mark(1, 1), mark(2, 1));
        let later = Timestamp::from_millis(9);
        for (before, until) in [(&[][..], None), (&[None], Some(later)), (&[Some(b)], None)] {
            let notes = BTreeMap::from([(KeyedNames::Ids, note(b, Some(a), before))]);
            let standing = standing(&notes, |_, _| later);
            assert_eq!((standing[0].names.as_str(), standing[0].version), ("ids", None));
            assert_eq!(standing[0].former_needed_until, until, "{before:?}");
        }
    }
}
