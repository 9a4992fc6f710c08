//! A canary in each place of a record: where the policy lets it stand, and where it is a leak.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::cli::policy::prove::canary::{Made, Origin};
use crate::cli::policy::prove::findings::{Allowed, Findings};
use crate::event::{Family, ProviderName, SourceName, TenantName};
use crate::scrub::policy::Policy;

const UUID: &str = "6497c79b-f326-4942-aef8-c36a29140ad1";

/// Canaries and who judges them.
struct Court {
    mint: Mint,
    finder: Finder,
    settings: Settings,
}

impl Court {
    fn of(made: &[&Made], settings: Settings) -> Self {
        let mut mint = Mint::new(1);
        for made in made {
            let origin = Origin { source: Some(0), fixture: Arc::from("f"), path: Arc::from("/p") };
            mint.put((*made).clone(), origin);
        }
        Self { finder: Finder::new(&mint).unwrap(), mint, settings }
    }

    fn judge(&self) -> Judge<'_> {
        Judge { finder: &self.finder, mint: &self.mint, boundaries: vec![&self.settings] }
    }

    /// The fields in which something passed, and the places of leaks.
    fn seen(&self, record: &Received) -> (Vec<String>, Vec<String>) {
        let (mut passed, mut leaked) = (Vec::new(), Vec::new());
        for seen in self.judge().record(record) {
            match seen {
                Seen::Passed { field, .. } => passed.push(field),
                Seen::Leaked { place, .. } => leaked.push(place),
            }
        }
        (passed, leaked)
    }
}

fn settings() -> Settings {
    let (source, tenant) = (SourceName::new("a"), TenantName::new("t"));
    Settings {
        room_name: Some(Regex::new("^consult-[0-9a-f]{8}$").unwrap()),
        artifact_key: Some(Regex::new("^recordings/[0-9a-f-]{36}/a.mp4$").unwrap()),
        ..Settings::new(source, tenant, ProviderName::new("daily"))
    }
}

fn record(kind: &str, data: &Value) -> Received {
    let value = json!({
        "specversion": "1.0", "id": "ev1_abc", "source": "/sources/a",
        "type": format!("video.{kind}"), "data": data,
    });
    received("t/ev1_abc", value.to_string())
}

fn received(key: &str, value: String) -> Received {
    Received {
        family: Family::Participant,
        partition: 0,
        offset: 0,
        key: key.as_bytes().to_vec(),
        value: value.into_bytes(),
        headers: vec![("hookgate-sequence".to_owned(), b"7".to_vec())],
        time: None,
    }
}

/// A record with a text put into one of its places.
fn with(kind: &str, pointer: &str, text: &str) -> Received {
    let steps: Vec<_> = pointer.split('/').skip(1).collect();
    let value = steps.iter().rev().fold(json!(text), |value, step| match *step {
        "0" => json!([value]),
        step => json!({ step: value }),
    });
    record(kind, &value)
}

fn alike(text: &str) -> Made {
    Mint::new(9).alike(text)
}

#[test]
fn what_a_field_takes_passes_in_its_form_and_no_other_does() {
    let moment = Mint::new(9).moment("1795168800412").unwrap();
    let room = Made::of("consult-9f8e7d6c".to_owned(), "room name");
    let name = Mint::new(8).name();
    let cases = [
        ("participant.joined", "/participant/session_id", alike(UUID)),
        ("participant.joined", "/participant/session_id", alike("PA_hycBMAjmt6Ub")),
        ("participant.joined", "/participant/region", alike("us-west-2")),
        ("participant.joined", "/participant/joined_at", moment),
        ("participant.joined", "/room/name", room),
        ("participant.joined", "/provider_event/type", alike("participant.joined")),
        ("participant.joined", "/provider_event/id", alike("EV_2zpNBTjYbC7B")),
        ("participant.joined", "/provider_event/version", alike("1.0.0")),
        ("dialin.ready", "/call/id", alike(UUID)),
        ("recording.ready", "/files/0/storage_key", alike(&format!("recordings/{UUID}/a.mp4"))),
    ];
    for (kind, pointer, made) in &cases {
        let court = Court::of(&[made, &name], settings());
        let text = made.forms.first().unwrap_or(&made.text);
        let (passed, leaked) = court.seen(&with(kind, pointer, text));
        assert_eq!((passed.len(), leaked.len()), (1, 0), "{pointer} {text}: {leaked:?}");
        for text in [format!("{text} "), format!("x{text}"), name.text.clone()] {
            let (passed, leaked) = court.seen(&with(kind, pointer, &text));
            assert_eq!((passed.len(), leaked.len()), (0, 1), "{pointer} {text}: {passed:?}");
        }
    }
}

#[test]
fn a_number_passes_where_numbers_do_and_digits_as_text_do_not() {
    let phone = Mint::new(9).digits(11);
    let court = Court::of(&[&phone], settings());
    let number: u64 = phone.text.parse().unwrap();
    let sizes =
        |value: Value| record("recording.ready", &json!({"files": [{"size_bytes": value}]}));
    assert_eq!(court.seen(&sizes(json!(number))).0, ["files[].size_bytes"]);
    let scaled = json!({"files": [{"duration_seconds": number as f64 / 1e9}]});
    let (passed, _) = court.seen(&record("recording.ready", &scaled));
    assert_eq!(passed, ["files[].duration_seconds"]);
    assert_eq!(court.seen(&sizes(json!(phone.text))).1.len(), 1);
    let elsewhere = json!({"participant": {"session_id": number}});
    assert_eq!(court.seen(&record("participant.joined", &elsewhere)).1.len(), 1);
}

#[test]
fn a_canary_leaks_wherever_the_policy_says_nothing_or_something_else() {
    let id = alike(UUID);
    let court = Court::of(&[&id], settings());
    let id = id.text.as_str();
    let nowhere = [
        // Pseudonyms, labels and words of ours.
        with("participant.joined", "/participant/ref", id),
        with("participant.joined", "/participant/previous_ref", id),
        with("participant.joined", "/participant/role", id),
        with("participant.joined", "/participant/state", id),
        with("participant.joined", "/room/ref", id),
        // A room's name that its pattern does not let out.
        with("participant.joined", "/room/name", id),
        // Fields that are not known, or not with this kind.
        with("participant.joined", "/participant/user_name", id),
        with("participant.joined", "/recording/id", id),
        with("participant.erased", "/participant/session_id", id),
        with("made.up", "/participant/session_id", id),
        // What was removed, and why it stopped.
        with("participant.joined", "/removed/0", &format!("/payload/{id}")),
        with("quarantined", "/reason", id),
        with("participant.joined", "/violations/0/path", id),
        // The name of a field.
        record("participant.joined", &json!({"participant": {id: 1}})),
        record("participant.joined", &json!({id: {}})),
        // The envelope.
        received("t/k", json!({"id": id, "type": "video.room.started"}).to_string()),
        received("t/k", json!({"source": format!("/sources/{id}")}).to_string()),
        received("t/k", json!({"subject": id, "source": "/sources/a"}).to_string()),
        // No event at all.
        received("t/k", id.to_owned()),
        received("t/k", format!("{{\"a\":\"{id}")),
        // The record key, alone.
        received(&format!("t/{id}"), record("participant.joined", &json!({})).value_text()),
    ];
    for record in &nowhere {
        let (passed, leaked) = court.seen(record);
        assert!(passed.is_empty() && !leaked.is_empty(), "{passed:?} {}", record.value_text());
    }
    let mut headers = [(); 2].map(|()| record("participant.joined", &json!({})));
    headers[0].headers.push(("hookgate-instance".to_owned(), id.as_bytes().to_vec()));
    headers[1].headers.push((id.to_owned(), Vec::new()));
    for record in &headers {
        assert_eq!(court.seen(record).1, ["a header in video.participant"]);
    }
    let foreign = with("participant.joined", "/participant/session_id", id);
    let foreign = foreign.value_text().replace("/sources/a", "/sources/b");
    assert_eq!(court.seen(&received("t/k", foreign)).1.len(), 1);
}

#[test]
fn an_encoded_canary_leaks_in_a_field_that_takes_words() {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let name = Mint::new(8).name();
    let court = Court::of(&[&name], settings());
    let encoded = BASE64_STANDARD.encode(&name.text);
    for pointer in ["/participant/session_id", "/anything"] {
        let (passed, leaked) = court.seen(&with("participant.joined", pointer, &encoded));
        assert_eq!((passed.len(), leaked.len()), (0, 1), "{pointer}");
    }
}

#[test]
fn a_record_key_is_what_its_record_shows_of_the_room_or_of_the_best_identity() {
    let (id, room) = (alike(UUID), Made::of("consult-9f8e7d6c".to_owned(), "room name"));
    let court = Court::of(&[&id, &room], settings());
    let keyed = |key: &str, record: &Received| received(key, record.value_text());
    let session = with("participant.joined", "/participant/session_id", &id.text);
    let (passed, leaked) = court.seen(&keyed(&format!("t/{}", id.text), &session));
    assert_eq!((passed.len(), leaked), (2, Vec::new()));
    let (_, leaked) = court.seen(&keyed(&format!("t/x{}", id.text), &session));
    assert_eq!(leaked, ["the record key in video.participant"]);
    let named = with("participant.joined", "/room/name", &room.text);
    assert!(court.seen(&keyed("t/consult-9f8e7d6c", &named)).1.is_empty());
    // A field that no key is made of.
    let job = with("processing.finished", "/processing/id", &id.text);
    assert_eq!(court.seen(&keyed(&format!("t/{}", id.text), &job)).1.len(), 1);
    // What was stopped shows less than its key, which the event behind it has.
    let stopped = with("quarantined", "/reason", "pii_violation");
    assert!(court.seen(&keyed(&format!("t/{}", id.text), &stopped)).1.is_empty());
    let unknown = with("quarantined", "/reason", "unknown_kind");
    assert_eq!(court.seen(&keyed(&format!("t/{}", id.text), &unknown)).1.len(), 1);
}

fn laid(rule: &str) -> Settings {
    let policy = Policy::standard().with(rule).unwrap_or_else(|flaws| panic!("{flaws:?}"));
    Settings { policy: Arc::new(policy), ..settings() }
}

#[test]
fn a_stricter_policy_makes_a_leak_of_what_passed() {
    let id = alike(UUID);
    let session = with("participant.joined", "/participant/session_id", &id.text);
    assert!(Court::of(&[&id], settings()).seen(&session).1.is_empty());
    let strict = laid(
        "[[rule]]\nfields = [\"participant.session_id\"]\nkinds = [\"*\"]\naction = \"drop\"\n\
         reason = \"nobody needs it\"\n",
    );
    assert_eq!(Court::of(&[&id], strict).seen(&session).1.len(), 1);
}

#[test]
fn what_was_recorded_leaks_where_recordings_are_forbidden() {
    let (file, region, id) = (format!("recordings/{UUID}/a.mp4"), "us-west-2", UUID);
    let cases = [
        ("recording.ready", "/files/0/storage_key", &*file, true),
        ("recording.ready", "/recording/storage_key", &*file, true),
        ("transcript.ready", "/transcript/storage_key", &*file, true),
        ("transcript.ready", "/transcript/region", region, true),
        ("processing.finished", "/files/0/region", region, true),
        // Whoever must act on it has to find it.
        ("recording.ready", "/recording/id", id, false),
        ("participant.joined", "/participant/region", region, false),
    ];
    for (kind, pointer, text, leaks) in cases {
        let made = alike(text);
        let record = with(kind, pointer, made.forms.first().unwrap_or(&made.text));
        for recording in [Recording::Allowed, Recording::Forbidden] {
            let court = Court::of(&[&made], Settings { recording, ..settings() });
            let (passed, leaked) = court.seen(&record);
            let expected = leaks && recording == Recording::Forbidden;
            assert_eq!((passed.len(), leaked.len()), (!expected as usize, expected as usize));
        }
    }
}

#[test]
fn a_looser_policy_lists_what_it_lets_out() {
    let name = Mint::new(8).name();
    let loose = laid(
        "[[rule]]\nfields = [\"room.name\"]\nkinds = [\"*\"]\naction = \"pass\"\n\
         reason = \"rooms are numbers here\"\naccept_risk = \"signed off\"\n",
    );
    let court = Court::of(&[&name], loose);
    let mut findings = Findings::new(&court.finder, &court.mint);
    let named = with("room.started", "/room/name", &name.text);
    findings.record(&court.judge(), &named);
    let passes = findings.passes(0);
    assert_eq!((passes.len(), &*passes[0].field, passes[0].count), (1, "room.name", 1));
    assert_eq!((&passes[0].shapes, &passes[0].from), (&vec!["name"], &vec!["/p".to_owned()]));
    assert_eq!(passes[0].kinds, ["room.started"]);
    assert!(findings.leaks(&["a".to_owned()]).is_empty());
    // The journal keeps what passes; the log does not.
    findings.bytes("the journal's files", Allowed::ByPolicy, name.text.as_bytes());
    assert!(findings.leaks(&["a".to_owned()]).is_empty());
    findings.bytes("the log", Allowed::Nothing, name.text.as_bytes());
    assert_eq!(findings.leaks(&["a".to_owned()]).len(), 1);
}

#[test]
fn the_log_names_the_session_of_a_room_that_a_record_shows_and_no_other_canary() {
    let (of_room, of_person) = (alike(UUID), Mint::new(10).alike(UUID));
    let court = Court::of(&[&of_room, &of_person], settings());
    let mut findings = Findings::new(&court.finder, &court.mint);
    let shown = with("room.started", "/room/session_id", &of_room.text);
    findings.bytes("the log", Allowed::Session, of_room.text.as_bytes());
    assert_eq!(findings.leaks(&[]).len(), 1, "before a record shows it");
    let mut findings = Findings::new(&court.finder, &court.mint);
    findings.record(&court.judge(), &shown);
    let joined = with("participant.joined", "/participant/session_id", &of_person.text);
    findings.record(&court.judge(), &joined);
    findings.bytes("the log", Allowed::Session, of_room.text.as_bytes());
    assert!(findings.leaks(&[]).is_empty());
    findings.bytes("the log", Allowed::Session, of_person.text.as_bytes());
    assert_eq!(findings.leaks(&[]).len(), 1);
}

#[test]
fn a_canary_leaks_in_a_log_line_a_metric_an_answer_a_file_and_its_name() {
    let name = Mint::new(8).name();
    let court = Court::of(&[&name], settings());
    let word = name.needles[0].text().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(folder.path().join("deep/core"), format!("\0\u{1}{word}\0")).unwrap();
    std::fs::write(folder.path().join(format!("{word}.tmp")), "").unwrap();
    let mut findings = Findings::new(&court.finder, &court.mint);
    for (place, said) in [
        ("the log", format!("{{\"level\":\"TRACE\",\"message\":\"joined {word}\"}}\n")),
        ("/metrics", format!("hookgate_deliveries_total{{room=\"{word}\"}} 1\n")),
        ("problem details", json!({ "detail": name.text }).to_string()),
    ] {
        findings.bytes(place, Allowed::Nothing, said.as_bytes());
    }
    findings.folder("its working folder", Allowed::Nothing, folder.path()).unwrap();
    findings.folder("the journal's files", Allowed::ByPolicy, folder.path()).unwrap();
    let leaks = findings.leaks(&["a".to_owned()]);
    let places: Vec<_> = leaks.iter().map(|leak| (leak.place.as_str(), leak.count)).collect();
    let expected = [
        ("/metrics", 1),
        ("its working folder", 2),
        ("problem details", 2),
        ("the journal's files", 2),
        ("the log", 1),
    ];
    assert_eq!(places, expected);
    let told = serde_json::to_string(&leaks).unwrap();
    assert!(!told.contains(word), "the paper holds no canary: {told}");
}

trait ValueText {
    fn value_text(&self) -> String;
}

impl ValueText for Received {
    fn value_text(&self) -> String {
        String::from_utf8(self.value.clone()).unwrap()
    }
}
