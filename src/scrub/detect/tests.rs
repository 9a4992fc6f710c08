//! What holds for every text, and the helpers of the detectors' own tests.

use proptest::prelude::*;

use super::text::tests::reads_of;
use super::*;

/// Reads for each byte of a text, at most: where every second byte begins a number, all the groups
/// that may follow are read again.
const READS_PER_BYTE_MAX: usize = 128;

/// All pieces of a text, without patterns of a customer.
pub(super) fn found(text: &str) -> Vec<(Detector, &str)> {
    found_by(&Detectors::new(Vec::new()), text)
}

fn found_by<'t>(detectors: &Detectors, text: &'t str) -> Vec<(Detector, &'t str)> {
    let mut pieces = Vec::new();
    detectors.look(text, &mut |one| {
        pieces.push((one.detector, &text[one.at..one.at + one.bytes]));
    });
    pieces
}

/// Each text is one piece of this detector, whole.
pub(super) fn assert_whole(detector: Detector, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(text), [(detector, *text)], "{text}");
    }
}

/// Each text holds one piece of this detector, the one beside it.
pub(super) fn assert_within(detector: Detector, texts: &[(&str, &str)]) {
    for (text, piece) in texts {
        assert_eq!(found(text), [(detector, *piece)], "{text}");
    }
}

/// No text holds anything.
pub(super) fn assert_silent(texts: &[&str]) {
    for text in texts {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn a_detector_is_known_by_its_name() {
    for detector in Detector::ALL {
        assert_eq!(Detector::parse(detector.as_str()), Some(detector));
    }
    assert_eq!(Detector::ALL.map(Detector::as_str)[3], "birth_date");
    for unknown in ["", "E-mail", "email ", "EMAIL"] {
        assert_eq!(Detector::parse(unknown), None);
    }
}

#[test]
fn what_the_providers_send_about_a_call_is_nothing() {
    assert_silent(&[
        "",
        "Patient",
        "consult-0a1b2c3d",
        "participant.joined",
        "room_composite",
        "us-west-2",
        "video/VP8",
        "1.0.0",
        "RM_wjY5hazbpMRz",
        "TR_AMoX2ZC3hfVXSe",
        "EG_2zpNBTjYbC7B.mp4",
        "ev1_gzxaggvckzgpztn3y4pdjj574u",
        "tenant-a/k1_x3rstvvnc5d4etpacnqskf6zm4",
        "33333333-cccc-4ccc-8ccc-333333333333",
        "11111111-1111-4111-8111-111111111111",
        "44444444-4242-4242-8424-424242424242",
        "1-call-transfer-init-33333333-1111-4111-8111-3333333333331790000010",
        "recordings/3f2b8a1e-5c4d-4e6f-8a9b-0c1d2e3f4a5b/1790000010000-cam-audio.webm",
        "recordings/11111111-2222-4333-8444-555555555555/1790000010028-\
         01701234-5678-4901-8234-567890123456-cam-audio-1790000010543",
        "rec/RM_wjY5hazbpMRz/TR_AMoX2ZC3hfVXSe-EG_2zpNBTjYbC7B.ogg",
        "2026-11-20T10:04:36.620Z",
        "1790000001.961",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/131.0.0.0 Safari/537.36",
    ]);
}

#[test]
fn of_two_detectors_the_first_in_order_has_the_piece() {
    let both = [
        ("https://zoe:hunter2@192.0.2.44/", Detector::Url),
        (
            "https://x.example.invalid/?token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6b2UifQ.x",
            Detector::Url,
        ),
        ("+15550100003@carrier.example.invalid", Detector::Email),
        ("1985-02-14@example.invalid", Detector::Email),
        ("4242424242424242@example.invalid", Detector::Email),
        ("Bearer Ab3dEf6hIj9kLm2n", Detector::Token),
        ("378282246310005", Detector::PaymentCard),
        ("01.02.1985", Detector::BirthDate),
    ];
    for (text, detector) in both {
        assert_eq!(found(text), [(detector, text)]);
    }
}

#[test]
fn the_pieces_of_a_text_are_all_told_in_their_order() {
    let text = "zoe@example.invalid, born 1985-02-14, +1 555 0100003 or 020 7946 0018 \
                from 192.0.2.44 paid 4242 4242 4242 4242";
    let pieces = [
        (Detector::Email, "zoe@example.invalid"),
        (Detector::BirthDate, "1985-02-14"),
        (Detector::Phone, "+1 555 0100003"),
        (Detector::Phone, "020 7946 0018"),
        (Detector::IpAddress, "192.0.2.44"),
        (Detector::PaymentCard, "4242 4242 4242 4242"),
    ];
    assert_eq!(found(text), pieces);
}

#[test]
fn a_national_id_is_what_the_customers_patterns_say_before_anything_else() {
    let patterns = [r"\b\d{3} \d{3} \d{4}\b", r"\bQQ\d{6}[A-D]\b", r"\b\d{4}-\d{2}-\d{2}\b"];
    let detectors = Detectors::new(patterns.map(|one| Regex::new(one).unwrap()).to_vec());
    let text = "QQ123456C zoe@example.invalid 999 000 0017 1985-02-14 QQ000000A";
    let pieces = [
        (Detector::NationalId, "QQ123456C"),
        (Detector::Email, "zoe@example.invalid"),
        (Detector::NationalId, "999 000 0017"),
        (Detector::NationalId, "1985-02-14"),
        (Detector::NationalId, "QQ000000A"),
    ];
    assert_eq!(found_by(&detectors, text), pieces);
    assert!(detectors.finds("QQ123456C") && !detectors.finds("QQ12345C"));
    assert_silent(&["QQ123456C"]);
}

#[test]
fn patterns_of_a_customer_that_meet_are_one_piece() {
    let patterns = ["ab+", "b+c", "x*"];
    let detectors = Detectors::new(patterns.map(|one| Regex::new(one).unwrap()).to_vec());
    let pieces = [(Detector::NationalId, "abbbc"), (Detector::NationalId, "bc")];
    assert_eq!(found_by(&detectors, "abbbc bc"), pieces);
}

#[test]
fn digits_of_a_uuid_are_no_national_id() {
    let detectors = Detectors::new(vec![Regex::new(r"\b(\d{6}|\d{4})-\d{4}\b").unwrap()]);
    let uuid = "11111111-1111-4111-8111-111111111111";
    for text in [uuid, &format!("recordings/{uuid}/a"), &format!("{uuid}-1790")] {
        assert_eq!(found_by(&detectors, text), [], "{text}");
    }
    let text = format!("850214-0000 {uuid} 850214-9999");
    let pieces = [(Detector::NationalId, "850214-0000"), (Detector::NationalId, "850214-9999")];
    assert_eq!(found_by(&detectors, &text), pieces);
}

#[test]
fn behind_many_national_ids_all_of_the_text_is_one() {
    let detectors = Detectors::new(vec![Regex::new(r"\d{3}").unwrap()]);
    let text = "123 ".repeat(100);
    let pieces = found_by(&detectors, &text);
    assert_eq!(pieces.len(), NATIONAL_IDS_MAX);
    assert_eq!(pieces.last().unwrap().1.len(), text.len() - (NATIONAL_IDS_MAX - 1) * 4);
}

/// Text in which something may begin at every place, and always does not.
const HOSTILE: [&str; 35] = [
    "a",
    "1",
    "1-",
    "1.",
    "1 ",
    "1/",
    "1(",
    "(1)",
    "+1",
    "0-1.2_",
    "01 ",
    "00-",
    "12345678-",
    "@",
    "a@",
    "a@b.",
    "a%40",
    "a%40b.c",
    "\"a@",
    "%",
    "%2b1",
    ":",
    "a:",
    "::",
    "://",
    "http://",
    "a=",
    "token=a&",
    "eyJaaaaaaaaaaa-",
    "sk-ant-",
    "basic ",
    "basic+",
    "-BEGIN ",
    "aB1-",
    "may 1 ",
];

#[test]
fn no_text_is_read_more_often_than_a_number_of_times() {
    for unit in HOSTILE {
        for bytes in [100, 20_000] {
            // A text without a digit or a sign is not walked at all.
            let text = format!("1: {}", unit.repeat(bytes / unit.len()));
            let reads = reads_of(|| Detectors::new(Vec::new()).look(&text, &mut |_| {}));
            let most = READS_PER_BYTE_MAX * (text.len() + 1);
            assert!(reads <= most, "{unit:?}: {reads} reads of {} bytes", text.len());
        }
    }
}

/// Text made of what detectors look for, of their signs, and of anything.
fn texts() -> impl Strategy<Value = String> {
    let sign = proptest::sample::select(
        "@%40+()-./_ :=?&#,;\"'<>[]{}0123456789abcdefABCDEFxyzXYZäЖ山🌲\u{a0}\u{2013}\u{202f}（＠"
            .chars()
            .collect::<Vec<_>>(),
    );
    let piece = prop_oneof![
        4 => sign.prop_map(String::from),
        2 => proptest::sample::select(&PERSONAL[..]).prop_map(|(_, text)| text.to_owned()),
        2 => proptest::sample::select(&HOSTILE[..]).prop_map(str::to_owned),
        1 => "[0-9]{1,20}",
        1 => ".{0,8}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Words without anything personal.
fn ordinary() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "consult",
        "room",
        "recordings",
        "a.mp4",
        "EG_2zpNBTjYbC7B",
        "3f2b8a1e-5c4d-4e6f-8a9b-0c1d2e3f4a5b",
        "11111111-1111-4111-8111-111111111111",
        "participant.joined",
        "üben",
        "会議室",
        "video/VP8",
        "1.13.5",
    ]);
    proptest::collection::vec(word, 1..6).prop_map(|words| words.join(" / "))
}

/// One of each detector.
const PERSONAL: [(Detector, &str); 22] = [
    (Detector::Email, "zoe.canary@example.invalid"),
    (Detector::Email, "zoë@bücher.example.invalid"),
    (Detector::Email, "zoe%40example.invalid"),
    (Detector::Phone, "+15550100003"),
    (Detector::Phone, "+44 20 7946 0018"),
    (Detector::Phone, "0172 9925904"),
    (Detector::Phone, "(212) 555-0123"),
    (Detector::Phone, "06.39.98.12.34"),
    (Detector::BirthDate, "1985-02-14"),
    (Detector::BirthDate, "14.02.1985"),
    (Detector::BirthDate, "19850214"),
    (Detector::BirthDate, "14 Feb 1985"),
    (Detector::IpAddress, "192.0.2.44"),
    (Detector::IpAddress, "2001:db8::44"),
    (Detector::Url, "https://zoe:hunter2@example.invalid/a"),
    (Detector::Url, "https://example.invalid/a.mp4?token=Ab3dEf6hIj9k"),
    (Detector::Token, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6b2UifQ.c2lnbmF0dXJl"),
    (Detector::Token, concat!("AKIA", "ABCDEFGHIJKLMNO7")),
    (Detector::PaymentCard, "4242 4242 4242 4242"),
    (Detector::PaymentCard, "378282246310005"),
    (Detector::Secret, "cR0xocJXAg53MKgBFQXnnEPwvrXTPPVhehv5Fzp2nxc="),
    (Detector::Secret, "e54c77a465bc0bd7646a71787615f80ebe9b26f55a25ff84c46040959e3a05f0"),
];

#[test]
fn each_of_the_personal_values_here_is_a_whole_piece() {
    for (detector, text) in PERSONAL {
        assert_whole(detector, &[text]);
    }
}

proptest! {
    #[test]
    fn pieces_lie_within_the_text_between_letters_in_order_and_apart(text in texts()) {
        let national = Regex::new(r"\d{3}|ä").unwrap();
        for detectors in [Detectors::new(Vec::new()), Detectors::new(vec![national])] {
            let mut end = 0;
            let mut any = false;
            detectors.look(&text, &mut |one| {
                assert!(one.at >= end && one.bytes > 0, "{text:?}: {one:?} after {end}");
                end = one.at + one.bytes;
                assert!(text.get(one.at..end).is_some(), "{text:?}: {one:?}");
                any = true;
            });
            prop_assert_eq!(detectors.finds(&text), any);
        }
    }

    #[test]
    fn a_text_is_read_in_time_that_grows_with_its_length_alone(
        text in texts(),
        times in 1..40_usize,
    ) {
        let text = text.repeat(times);
        let reads = reads_of(|| Detectors::new(Vec::new()).look(&text, &mut |_| {}));
        prop_assert!(reads <= READS_PER_BYTE_MAX * (text.len() + 1), "{text:?}: {reads}");
    }

    #[test]
    fn any_text_at_all_is_looked_at(text in "\\PC*|[\\s\\S]*") {
        found(&text);
    }

    #[test]
    fn a_personal_value_between_separators_is_found_wherever_it_stands(
        before in ordinary(),
        behind in ordinary(),
        separators in (
            proptest::sample::select(&[" ", ", ", "\"", "|", "\t", " → ", "<"][..]),
            proptest::sample::select(&[" ", ", ", "\"", "|", "\t", " → ", ">"][..]),
        ),
        which in 0..PERSONAL.len(),
    ) {
        let (detector, value) = PERSONAL[which];
        let text = [&before, separators.0, value, separators.1, &behind].concat();
        let pieces = found(&text);
        let holds = |(by, piece): &(Detector, &str)| *by == detector && piece.contains(value);
        prop_assert!(pieces.len() == 1 && pieces.iter().any(holds), "{}: {:?}", text, pieces);
    }
}
