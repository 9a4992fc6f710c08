//! Says what is wrong with a consumer: with what it said of the records, and with its work.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a consumer says of one record.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) replay: Option<String>,
    pub(crate) action: String,
}

impl Told {
    /// Reads a line; what is missing in it is said.
    pub(crate) fn read(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|_| format!("no JSON: {line}"))?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let read = || {
            let replay = value.get("replay")?;
            let replay = if replay.is_null() { None } else { Some(replay.as_str()?.to_owned()) };
            Some(Self { id: text("id")?, kind: text("type")?, replay, action: text("action")? })
        };
        read().ok_or_else(|| format!("not as agreed: {line}"))
    }
}

/// An event that is worked on, and for which replay (none: live).
pub(crate) type Worked = (String, String);

/// Each of these said the same.
pub(crate) fn all_are(said: &[Told], replay: Option<&str>, action: &str) -> Result<(), String> {
    let odd = said.iter().find(|told| told.replay.as_deref() != replay || told.action != action);
    odd.map_or(Ok(()), |odd| Err(format!("should be {action} of replay {replay:?}: {odd:?}")))
}

/// It spoke of these events, of each once.
pub(crate) fn are_of(said: &[Told], ids: &BTreeSet<String>) -> Result<(), String> {
    let of: BTreeSet<_> = said.iter().map(|told| told.id.clone()).collect();
    if of.len() != said.len() {
        return Err("one record is told of twice".to_owned());
    }
    let odd = of.symmetric_difference(ids).next();
    odd.map_or(Ok(()), |odd| Err(format!("{odd} is told of and should not be, or the other way")))
}

/// Its work is this and nothing else, each piece done once.
pub(crate) fn work_is(work: &[Worked], should: &BTreeSet<Worked>) -> Result<(), String> {
    let mut times: BTreeMap<&Worked, u32> = BTreeMap::new();
    for worked in work {
        *times.entry(worked).or_default() += 1;
    }
    if let Some((worked, times)) = times.iter().find(|(_, times)| **times > 1) {
        return Err(format!("worked on twice: {worked:?}, {times} times"));
    }
    if let Some(lost) = should.iter().find(|worked| !times.contains_key(worked)) {
        return Err(format!("lost: {lost:?}"));
    }
    let odd = times.keys().find(|worked| !should.contains(**worked));
    odd.map_or(Ok(()), |odd| Err(format!("kept, though it was forgotten or never came: {odd:?}")))
}

fn told(id: &str, action: &str) -> Told {
    let kind = "video.room.started".to_owned();
    Told { id: id.to_owned(), kind, replay: None, action: action.to_owned() }
}

#[test]
fn a_line_that_is_not_as_agreed_is_refused() {
    let line =
        r#"{"id": "ev1_a", "type": "video.room.started", "replay": null, "action": "handled"}"#;
    assert_eq!(Told::read(line).unwrap(), told("ev1_a", "handled"));
    for wrong in [
        "handled",
        r#"{"id": "ev1_a", "type": "t", "action": "handled"}"#,
        r#"{"id": "ev1_a", "type": "t", "replay": 1, "action": "handled"}"#,
        r#"{"type": "t", "replay": null, "action": "handled"}"#,
    ] {
        assert!(Told::read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn words_that_are_wrong_are_found() {
    let said = [told("a", "skipped"), told("b", "skipped")];
    let ids: BTreeSet<_> = ["a".to_owned(), "b".to_owned()].into();
    assert!(all_are(&said, None, "skipped").is_ok() && are_of(&said, &ids).is_ok());
    assert!(all_are(&said, None, "handled").is_err());
    assert!(all_are(&said, Some("rp1"), "skipped").is_err());
    assert!(are_of(&said[..1], &ids).is_err());
    assert!(are_of(&[told("a", "x"), told("a", "x"), told("b", "x")], &ids).is_err());
    assert!(are_of(&[told("a", "x"), told("c", "x")], &ids).is_err());
}

#[test]
fn work_that_is_lost_doubled_or_should_be_gone_is_found() {
    let piece = |id: &str| (id.to_owned(), String::new());
    let should: BTreeSet<_> = [piece("a"), piece("b")].into();
    let is = |work: &[Worked]| work_is(work, &should);
    assert_eq!(is(&[piece("b"), piece("a")]), Ok(()));
    assert!(is(&[piece("a")]).unwrap_err().contains("lost"));
    assert!(is(&[piece("a"), piece("b"), piece("a")]).unwrap_err().contains("twice"));
    assert!(is(&[piece("a"), piece("b"), piece("c")]).unwrap_err().contains("forgotten"));
}
