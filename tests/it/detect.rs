//! How often the detectors are wrong, in both directions, on `fixtures/pii/`.
//!
//! A false alarm is an ordinary value on which a detector fires. Missed is a personal value on which
//! its own detector does not; unseen, one on which none does; left over, one that is seen and not
//! covered whole, so that masking leaves a part of it. [`BOUNDS`] is what was measured, rounded up:
//! a change that makes a rate worse fails here, and one that makes it better moves its bound.
//! The table is printed with `-- detect --nocapture`.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use hookgate::cli::fixture::Fixture;
use hookgate::scrub::detect::{Detector, Detectors, Finding};
use regex::Regex;
use serde_json::Value;

use super::fixtures::{bodies, fixtures};

/// What may go wrong at most.
struct Bound {
    detector: Detector,
    /// False alarms in 10,000 ordinary values.
    alarms: f64,
    /// Of 100 personal values: missed by its own detector, by all, and covered in part.
    missed: f64,
    unseen: f64,
    left_over: f64,
}

const fn bound(detector: Detector, [alarms, missed, unseen, left_over]: [f64; 4]) -> Bound {
    Bound { detector, alarms, missed, unseen, left_over }
}

#[rustfmt::skip]
const BOUNDS: [Bound; 9] = [
    //                             alarms missed unseen left over
    bound(Detector::Email,        [  0.0,   9.0,   7.0,  1.0]),
    bound(Detector::Phone,        [ 45.0,   8.5,   8.5,  0.0]),
    bound(Detector::BirthDate,    [ 10.0,  17.5,  17.5,  0.0]),
    bound(Detector::IpAddress,    [ 10.0,  14.5,  13.5,  2.0]),
    bound(Detector::Url,          [  0.0,  10.0,  10.0,  0.0]),
    bound(Detector::Token,        [  0.0,  12.0,  12.0,  0.0]),
    bound(Detector::PaymentCard,  [  0.0,   9.5,   9.0,  1.0]),
    bound(Detector::NationalId,   [ 55.0,  10.0,  10.0,  0.0]),
    bound(Detector::Secret,       [ 36.0,  15.0,  15.0,  1.5]),
];

/// Fields of the providers' requests that name no person and hold no free text.
const PLAIN_FIELDS: [&str; 44] = [
    "type",
    "event",
    "id",
    "version",
    "event_ts",
    "meeting_id",
    "session_id",
    "recording_id",
    "instance_id",
    "domain_id",
    "mtg_session_id",
    "transcript_id",
    "start_ts",
    "end_ts",
    "joined_at",
    "will_eject_at",
    "duration",
    "status",
    "layout",
    "max_participants",
    "size",
    "timestamp",
    "sid",
    "roomId",
    "egressId",
    "ingressId",
    "createdAt",
    "creationTime",
    "creationTimeMs",
    "joinedAt",
    "joinedAtMs",
    "startedAt",
    "endedAt",
    "updatedAt",
    "mimeType",
    "mime",
    "mid",
    "width",
    "height",
    "region",
    "kind",
    "state",
    "source",
    "disconnectReason",
];

#[test]
fn no_detector_is_wrong_more_often_than_its_bound_says() {
    let ordinary = ordinary();
    assert!(ordinary.len() >= 3_000, "only {} ordinary values", ordinary.len());
    let (bare, national) = (Detectors::new(Vec::new()), national());
    let mut worse = Vec::new();
    println!("\n{} ordinary values", ordinary.len());
    println!("detector      | false alarms | personal values | missed | unseen | left over");
    println!("--------------|-------------:|----------------:|-------:|-------:|---------:");
    for bound in &BOUNDS {
        let is_national = bound.detector == Detector::NationalId;
        let detectors = if is_national { &national } else { &bare };
        let fires = |value: &&String| seen(detectors, value).contains(&bound.detector);
        let alarms: Vec<_> = ordinary.iter().filter(fires).collect();
        let count = Count::of(bound.detector, detectors);
        assert!(count.values >= 100, "{:?}: only {} values", bound.detector, count.values);
        let rate = alarms.len() as f64 * 10_000.0 / ordinary.len() as f64;
        let [missed, unseen, left_over] = [&count.missed, &count.unseen, &count.left_over]
            .map(|lines| lines.len() as f64 * 100.0 / count.values as f64);
        println!(
            "{:13} | {:4} = {:4.2} % | {:15} | {missed:4.1} % | {unseen:4.1} % | {left_over:4.1} %",
            bound.detector.as_str(),
            alarms.len(),
            rate / 100.0,
            count.values,
        );
        let rates = [
            ("false alarms in 10,000", rate, bound.alarms, alarms.into_iter().cloned().collect()),
            ("missed of 100", missed, bound.missed, count.missed),
            ("unseen of 100", unseen, bound.unseen, count.unseen),
            ("left over of 100", left_over, bound.left_over, count.left_over),
        ];
        for (what, rate, most, values) in rates {
            if rate > most {
                worse.push(format!(
                    "{}: {rate:.2} {what}, at most {most}:\n  {}",
                    bound.detector.as_str(),
                    values.join("\n  ")
                ));
            }
        }
    }
    let any = ordinary.iter().filter(|value| bare.finds(value)).count();
    println!("any of them   | {any:4} = {:4.2} %", any as f64 * 100.0 / ordinary.len() as f64);
    assert!(worse.is_empty(), "{}", worse.join("\n"));
}

#[test]
fn every_bound_is_near_what_is_measured() {
    let (bare, national) = (Detectors::new(Vec::new()), national());
    for bound in &BOUNDS {
        let is_national = bound.detector == Detector::NationalId;
        let count = Count::of(bound.detector, if is_national { &national } else { &bare });
        let missed = count.missed.len() as f64 * 100.0 / count.values as f64;
        assert!(bound.missed - missed < 2.0, "{:?}: {missed:.1} is better", bound.detector);
    }
}

#[test]
fn nothing_that_is_published_of_a_stored_request_looks_personal() {
    let bare = Detectors::new(Vec::new());
    let mut alarms = Vec::new();
    for value in events() {
        for detector in seen(&bare, &value) {
            alarms.push(format!("{}: {value}", detector.as_str()));
        }
    }
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}

/// What went wrong with the personal values of one detector.
#[derive(Default)]
struct Count {
    values: usize,
    missed: Vec<String>,
    unseen: Vec<String>,
    left_over: Vec<String>,
}

impl Count {
    fn of(detector: Detector, detectors: &Detectors) -> Self {
        let mut count = Self::default();
        for line in lines(&pii().join("personal").join(format!("{}.txt", detector.as_str()))) {
            let (text, pieces) = taken_out(&line);
            assert!(!pieces.is_empty(), "nothing is marked in {line}");
            let found = found(detectors, &text);
            let meets = |one: &Finding, piece: &Range<usize>| {
                one.at < piece.end && piece.start < one.at + one.bytes
            };
            let each = |holds: &dyn Fn(&Range<usize>) -> bool| pieces.iter().all(holds);
            let own = |one: &&Finding| one.detector == detector;
            let by = |piece: &Range<usize>| found.iter().filter(own).any(|one| meets(one, piece));
            let by_any = |piece: &Range<usize>| found.iter().any(|one| meets(one, piece));
            let covered = |piece: &Range<usize>| {
                let within =
                    |place| found.iter().any(|one| (one.at..one.at + one.bytes).contains(&place));
                piece.clone().all(within)
            };
            count.values += 1;
            let missed = if each(&by) { None } else { Some(&mut count.missed) };
            missed.into_iter().for_each(|lines| lines.push(line.clone()));
            if !each(&by_any) {
                count.unseen.push(line);
            } else if !each(&covered) {
                count.left_over.push(line);
            }
        }
        count
    }
}

/// A line without its marks, and where the pieces are that stood between them.
fn taken_out(line: &str) -> (String, Vec<Range<usize>>) {
    let (mut text, mut pieces, mut from) = (String::new(), Vec::new(), 0);
    for letter in line.chars() {
        match letter {
            '⟦' => from = text.len(),
            '⟧' => pieces.push(from..text.len()),
            '⁞' => {}
            letter => text.push(letter),
        }
    }
    (text, pieces)
}

fn found(detectors: &Detectors, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    detectors.look(text, &mut |one| found.push(one));
    found
}

fn seen(detectors: &Detectors, text: &str) -> BTreeSet<Detector> {
    found(detectors, text).into_iter().map(|one| one.detector).collect()
}

/// Detectors with the patterns of a customer.
fn national() -> Detectors {
    let patterns = lines(&pii().join("national_patterns.txt"));
    Detectors::new(patterns.iter().map(|pattern| Regex::new(pattern).unwrap()).collect())
}

/// Every ordinary value once.
fn ordinary() -> Vec<String> {
    let mut values = BTreeMap::new();
    for file in fs::read_dir(pii().join("ordinary")).unwrap() {
        for line in lines(&file.unwrap().path()) {
            values.insert(line, ());
        }
    }
    values.extend(events().into_iter().chain(requests()).map(|value| (value, ())));
    values.into_keys().collect()
}

/// Every text and number of the stored events.
fn events() -> Vec<String> {
    let mut values = Vec::new();
    for provider in ["daily", "livekit"] {
        for folder in fs::read_dir(fixtures(provider)).unwrap() {
            let event = fs::read(folder.unwrap().path().join("event.json")).unwrap();
            let event: Value = serde_json::from_slice(&event).unwrap();
            gather(&event, None, &mut values);
        }
    }
    assert!(values.len() > 1_000, "only {} values", values.len());
    values
}

/// Every text and number of the stored requests in a field that names no person.
fn requests() -> Vec<String> {
    let mut values = Vec::new();
    for folder in ["daily", "livekit", "livekit-call"] {
        let requests = Fixture::read_all(&[fixtures(folder)]).unwrap();
        for (_, body) in bodies(&requests) {
            gather(&body, Some(&PLAIN_FIELDS), &mut values);
        }
    }
    assert!(values.len() > 500, "only {} values", values.len());
    values
}

/// The texts and numbers of a value, of all fields or of some.
fn gather(value: &Value, fields: Option<&[&str]>, values: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let wanted = fields.is_none_or(|fields| fields.contains(&key.as_str()));
                let holds_objects = value.is_object() || value[0].is_object();
                if wanted || holds_objects {
                    gather(value, fields, values);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, fields, values)),
        Value::String(text) => values.push(text.clone()),
        Value::Number(number) => values.push(number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

fn pii() -> std::path::PathBuf {
    fixtures("pii")
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines().map(str::to_owned).collect()
}
