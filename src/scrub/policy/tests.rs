//! What a policy promises.

use super::*;
use crate::event::Family;
use crate::scrub::table::WORDS;

fn with(text: &str) -> Policy {
    Policy::standard().with(text).unwrap_or_else(|flaws| panic!("{flaws:?}"))
}

/// The one flaw of a text.
fn flaw(text: &str) -> Flaw {
    let mut flaws = Policy::standard().with(text).expect_err(text);
    assert_eq!(flaws.len(), 1, "{flaws:?}");
    flaws.remove(0)
}

fn rule(fields: &str, more: &str) -> String {
    format!("[[rule]]\nfields = {fields}\nreason = \"a test\"\n{more}\n")
}

#[test]
fn every_field_and_kind_has_its_place_in_the_table() {
    for (place, word) in WORDS.iter().enumerate() {
        assert_eq!(*word as usize, place, "{word:?}");
    }
    for (place, kind) in Kind::ALL.iter().enumerate() {
        assert_eq!(*kind as usize, place, "{kind}");
    }
    let names: Vec<_> = (0..COLUMNS).map(column_name).collect();
    assert_eq!(
        names[WORDS.iter().position(|w| *w == Word::ParticipantId).unwrap()],
        "participant.ref"
    );
    assert_eq!(
        names[WORDS.iter().position(|w| *w == Word::FileKey).unwrap()],
        "files[].storage_key"
    );
    assert_eq!(names[COLUMNS - 2..], ["time", "receivedtime"]);
}

#[test]
fn the_standard_policy_has_no_flaw_and_every_field_leaves_with_some_kind() {
    let mut policy = Policy::nothing();
    assert_eq!(layer::apply(&mut policy, STANDARD, true), []);
    for column in 0..COLUMNS {
        let leaves = |kind: Kind| policy.cell(kind, column).action != Action::Unlisted;
        assert!(kinds().any(leaves), "{} leaves with no kind", column_name(column));
    }
    assert!(policy.accepted().is_empty());
}

#[test]
fn nothing_leaves_with_a_kind_whose_family_has_no_place_for_it() {
    let policy = Policy::standard();
    for (kind, column, cell) in policy.each().filter(|(_, column, _)| *column < TIME) {
        if cell.action != Action::Unlisted {
            assert!(FIELDS[column].fits(kind.family()), "{kind} {}", column_name(column));
        }
    }
    assert!(!FIELDS[Word::TrackId as usize].fits(Family::Lifecycle));
}

#[test]
fn with_our_own_events_nothing_of_a_provider_leaves() {
    for kind in [Kind::ParticipantErased, Kind::RoomErased] {
        for word in WORDS {
            assert_eq!(Policy::standard().action(kind, *word), Action::Unlisted);
        }
    }
}

#[test]
fn a_file_may_be_stricter_and_says_nothing_of_what_it_does_not_name() {
    let text = rule("[\"participant.region\", \"participant.*_at\"]", "action = \"drop\"");
    assert_eq!(flaw(&text).place, "rule[0].fields[1]");
    let policy = with(&rule("[\"participant.region\"]", "action = \"drop\""));
    let of = |kind, word| policy.action(kind, word);
    assert_eq!(of(Kind::ParticipantJoined, Word::ParticipantRegion), Action::Drop);
    assert_eq!(of(Kind::RoomStarted, Word::ParticipantRegion), Action::Unlisted);
    assert_eq!(of(Kind::ParticipantJoined, Word::ParticipantSession), Action::Pass);
    assert!(policy.accepted().is_empty());
    let all = with(&rule("[\"*\"]", "action = \"drop\""));
    assert!(all.each().all(|(_, column, cell)| {
        column >= TIME || matches!(cell.action, Action::Drop | Action::Unlisted)
    }));
}

#[test]
fn numbers_leave_by_the_lower_end_of_their_range_and_times_to_the_minute() {
    let ranges = "action = \"bucket\"\nranges = [0, 60, 300]\nkinds = [\"participant.left\"]";
    let policy = with(&rule("[\"participant.duration_seconds\"]", ranges));
    for (number, lower) in [(0.0, 0), (59.9, 0), (60.0, 60), (299.0, 60), (9e9, 300), (-1.0, 0)] {
        let kind = Kind::ParticipantLeft;
        assert_eq!(policy.in_range(kind, Word::ParticipantDuration, number), lower, "{number}");
    }
    let coarse = with(&rule("[\"time\"]", "action = \"bucket\"\nkinds = [\"participant.*\"]"));
    assert!(coarse.coarse_time(Kind::ParticipantLeft) && !coarse.coarse_time(Kind::RoomEnded));
    for (extra, says) in [
        ("action = \"bucket\"", "are missing"),
        ("action = \"bucket\"\nranges = [5, 5]", "rising"),
        ("action = \"bucket\"\nranges = []", "rising"),
        ("action = \"drop\"\nranges = [1]", "belong to a number"),
    ] {
        let flaw = flaw(&rule("[\"participant.duration_seconds\"]", extra));
        assert!(flaw.place == "rule[0].ranges" && flaw.text.contains(says), "{flaw:?}");
    }
}

#[test]
fn what_stops_is_told_by_the_stricter_of_its_own_rule_and_that_of_quarantine() {
    let length = |kind: &str, ranges: &str| {
        let more = format!(
            "kinds = [\"{kind}\"]\naction = \"bucket\"\nranges = {ranges}\naccept_risk = \"a test\""
        );
        rule("[\"participant.duration_seconds\"]", &more)
    };
    let dropped = "kinds = [\"participant.left\"]\naction = \"drop\"";
    let risky = "kinds = [\"quarantined\"]\naction = \"pass\"\naccept_risk = \"a test\"";
    let both = length("quarantined", "[0, 60, 300]") + &length("participant.left", "[0, 30, 300]");
    let one = rule("[\"participant.duration_seconds\"]", risky)
        + &length("participant.left", "[0, 60]")
        + &rule("[\"participant.session_id\"]", dropped);
    let (both, one) = (with(&both), with(&one));
    let told = As::Stopped(Kind::ParticipantLeft);
    for (policy, number, lower) in
        [(&both, 299.0, 0), (&both, 301.0, 300), (&one, 59.0, 0), (&one, 301.0, 60)]
    {
        let word = Word::ParticipantDuration;
        assert_eq!(policy.action(told, word), Action::Bucket);
        assert_eq!(policy.in_range(told, word, number), lower, "{number}");
    }
    assert_eq!(one.action(told, Word::ParticipantSession), Action::Drop);
    assert_eq!(one.action(told, Word::ParticipantJoinedAt), Action::Unlisted);
    assert_eq!(one.action(Kind::Quarantined, Word::ParticipantSession), Action::Pass);
}

#[test]
fn ranges_of_a_rule_with_a_star_are_of_numbers_alone() {
    let kinds = "kinds = [\"participant.left\"]\naction = \"bucket\"";
    let moments = with(&rule("[\"participant.joined_at\", \"participant.left_at\"]", kinds));
    let starred = rule("[\"participant.*\"]", &format!("{kinds}\nranges = [0, 60]"));
    let both = moments.with(&starred).unwrap_or_else(|flaws| panic!("{flaws:?}"));
    let row = |field: &str| {
        let rows = both.rows(Kind::ParticipantLeft);
        rows.into_iter().find(|row| row.field == field).unwrap().ranges
    };
    assert_eq!(row("participant.joined_at"), [0; 0]);
    assert_eq!(row("participant.duration_seconds"), [0, 60]);
    let differ = moments.differences(&both);
    assert!(differ.iter().all(|one| one.field != "participant.joined_at"), "{differ:?}");
}

#[test]
fn what_is_looser_needs_its_risk_accepted_and_is_listed() {
    let wider = "action = \"pass\"\nkinds = [\"recording.ready\"]";
    let looser = rule("[\"participant.region\"]", wider);
    let refused = flaw(&looser);
    assert_eq!(refused.code, Some(RISK_REQUIRED));
    assert!(refused.text.contains("accept_risk"), "{refused:?}");
    let policy = with(&format!("{looser}accept_risk = \"asked for by billing\"\n"));
    let accepted = &policy.accepted()[0];
    assert_eq!(accepted.kinds, [Kind::RecordingReady]);
    assert_eq!((accepted.before, accepted.now), (Action::Unlisted, Action::Pass));
    assert_eq!(accepted.why, "asked for by billing");
    assert_eq!(policy.action(Kind::RecordingReady, Word::ParticipantRegion), Action::Pass);
    // What a tenant made stricter, its source may not loosen in silence.
    let tenant = with(&rule("[\"participant.region\"]", "action = \"drop\""));
    let back =
        rule("[\"participant.region\"]", "action = \"pass\"\nkinds = [\"participant.left\"]");
    assert_eq!(tenant.with(&back).unwrap_err()[0].code, Some(RISK_REQUIRED));
    let range = |ranges: &str| {
        let more =
            format!("action = \"bucket\"\nranges = {ranges}\nkinds = [\"participant.left\"]");
        rule("[\"participant.duration_seconds\"]", &more)
    };
    let coarse = with(&range("[0, 60, 600]"));
    assert_eq!(coarse.with(&range("[0, 30, 60]")).unwrap_err()[0].code, Some(RISK_REQUIRED));
    assert!(coarse.with(&range("[0, 600]")).is_ok());
}

#[test]
fn a_risk_is_listed_with_its_ranges_once_for_each_way_in_which_it_was_kept() {
    let of = |kinds: &str, action: &str, more: &str| {
        let more = format!("action = {action}\nkinds = {kinds}\n{more}");
        rule("[\"participant.duration_seconds\"]", &more)
    };
    let (left, aborted) = ("[\"participant.left\"]", "[\"participant.aborted\"]");
    let kept = with(&(of(left, "\"bucket\"\nranges = [0, 60]", "") + &of(aborted, "\"drop\"", "")));
    let both = "[\"participant.left\", \"participant.aborted\"]";
    let why = "accept_risk = \"billing\"";
    let risky = kept.with(&of(both, "\"bucket\"\nranges = [0, 30, 60]", why)).unwrap();
    let [one, other] = risky.accepted() else { panic!("{:?}", risky.accepted()) };
    assert_eq!(
        (&one.kinds[..], &other.kinds[..]),
        (&[Kind::ParticipantLeft][..], &[Kind::ParticipantAborted][..])
    );
    assert_eq!((one.before, &one.before_ranges[..]), (Action::Bucket, &[0, 60][..]));
    assert_eq!((other.before, &other.before_ranges[..]), (Action::Drop, &[][..]));
    assert!([one, other].iter().all(|risk| risk.now_ranges == [0, 30, 60]));
    assert_eq!(risky.without_risks().hash(), kept.hash());
}

#[test]
fn a_risk_ends_where_a_rule_above_keeps_what_was_kept_before() {
    let of = |action: &str, more: &str| {
        let more = format!("action = \"{action}\"\nkinds = [\"recording.ready\"]\n{more}");
        rule("[\"participant.duration_seconds\"]", &more)
    };
    let risky = with(&of("pass", "accept_risk = \"billing\""));
    assert_eq!(risky.accepted().len(), 1);
    assert!(risky.with(&of("drop", "")).unwrap().accepted().is_empty());
    // Halfway: less leaves than was accepted, and more than before it was.
    let coarse = risky.with(&of("bucket", "ranges = [0, 60]")).unwrap();
    assert_eq!(coarse.accepted(), risky.accepted());
    let other = rule("[\"participant.region\"]", "action = \"drop\"");
    assert_eq!(risky.with(&other).unwrap().accepted(), risky.accepted());
}

#[test]
fn without_its_risks_a_policy_lets_out_what_it_did_before_them() {
    let of = |field: &str, action: &str, more: &str| {
        let more = format!("action = \"{action}\"\nkinds = [\"recording.ready\"]\n{more}");
        rule(&format!("[\"{field}\"]"), &more)
    };
    let strict = of("recording.duration_seconds", "bucket", "ranges = [0, 60]");
    let strict = with(&strict);
    let why = "accept_risk = \"billing\"";
    let steps = [
        of("participant.duration_seconds", "bucket", &format!("ranges = [0, 300]\n{why}")),
        of("participant.duration_seconds", "bucket", &format!("ranges = [0, 60]\n{why}")),
        of("recording.duration_seconds", "pass", why),
        of("participant.region", "pass", why),
    ];
    let risky = strict.with(&steps.concat()).unwrap();
    assert_eq!(risky.accepted().len(), 4);
    let cautious = risky.without_risks();
    assert_eq!(cautious.accepted(), []);
    assert_eq!(cautious.hash(), strict.hash());
    assert!(strict.differences(&cautious).is_empty());
    assert_ne!(risky.hash(), strict.hash());
}

#[test]
fn a_person_leaves_as_they_are_under_no_risk() {
    for field in ["participant.ref", "participant.role"] {
        let risky = "action = \"pass\"\naccept_risk = \"why not\"";
        let flaw = flaw(&rule(&format!("[{field:?}]"), risky));
        assert_eq!(flaw.code, Some(REFUSED), "{flaw:?}");
    }
    let starred = rule("[\"participant.*\"]", "action = \"pass\"\naccept_risk = \"why not\"");
    let policy = with(&starred);
    let kind = Kind::ParticipantJoined;
    assert_eq!(policy.action(kind, Word::ParticipantId), Action::Pseudonym);
    assert_eq!(policy.action(kind, Word::ParticipantLabel), Action::Role);
}

#[test]
fn every_flaw_of_a_file_is_told_with_its_place() {
    let text = "[[rule]]\nfields = [\"room.nam\"]\naction = \"drop\"\nreason = \"\"\n\
        [[rule]]\nfields = []\naction = \"drop\"\nreason = \"x\"\nkinds = [\"rooms.*\"]\n\
        [[rule]]\nfields = [\"room.nam\"]\naction = \"drop\"\nreason = \"x\"\n\
        [[rule]]\nfields = [\"track.id\"]\nkinds = [\"room.started\"]\naction = \"drop\"\n\
        reason = \"x\"\n";
    let flaws = Policy::standard().with(text).unwrap_err();
    let places: Vec<_> = flaws.iter().map(|flaw| flaw.place.as_str()).collect();
    let expected = [
        "rule[0].reason",
        "rule[1].fields",
        "rule[1].kinds[0]",
        "rule[2].fields[0]",
        "rule[3].fields[0]",
    ];
    assert_eq!(places, expected, "{flaws:?}");
    for broken in ["[[rule]]\nfield = 1", "x", "rule = 7", "[[rule]]\naction = \"let\""] {
        assert!(flaw(broken).place.starts_with("line "), "{broken}");
    }
    let many = rule("[\"track.id\"]", "action = \"drop\"").repeat(1_001);
    assert_eq!(flaw(&many).place, "rule");
}

#[test]
fn a_hash_is_of_what_leaves_and_not_of_its_reasons() {
    let one = with(&rule("[\"participant.region\"]", "action = \"drop\""));
    let other = rule("[\"participant.region\"]", "action = \"drop\"").replace("a test", "else");
    assert_eq!(one.hash(), with(&other).hash());
    assert_ne!(one.hash(), Policy::standard().hash());
    assert_eq!(one.hash().len(), 64);
}

#[test]
fn a_difference_names_field_kinds_and_direction() {
    let text = rule("[\"participant.region\"]", "action = \"drop\"\nkinds = [\"track.*\"]");
    let (before, now) = (Policy::standard(), with(&text));
    let [one] = &before.differences(&now)[..] else { panic!() };
    assert_eq!((one.field.as_str(), one.is_looser()), ("participant.region", false));
    assert_eq!(one.kinds, [Kind::TrackPublished, Kind::TrackUnpublished]);
    assert!(now.differences(&before)[0].is_looser());
    assert!(now.differences(&now).is_empty());
}

#[test]
fn rows_tell_field_action_and_reason_of_a_kind() {
    let rows = Policy::standard().rows(Kind::RoomEnded);
    let name = rows.iter().find(|row| row.field == "room.name").unwrap();
    assert_eq!(name.action, Action::Pseudonym);
    assert!(name.reason.contains("chosen by users"));
    assert!(!rows.iter().any(|row| row.field.starts_with("participant.role")));
}

#[test]
fn what_is_held_back_in_one_field_and_told_by_another_is_cautioned_against() {
    assert_eq!(Policy::standard().cautions(), Vec::<String>::new());
    let coarse = "action = \"bucket\"\nkinds = [\"participant.*\"]";
    let joined = rule("[\"participant.joined_at\"]", coarse);
    let told = with(&joined).cautions();
    let others = ["time", "receivedtime", "provider_event.sent_at"];
    assert_eq!(told.len(), others.len(), "{told:?}");
    for (one, other) in told.iter().zip(others) {
        let says = format!("participant.joined_at leaves to the minute, but {other}, ");
        assert!(one.starts_with(&says), "{one}");
    }
    let all = format!("{others:?}");
    assert!(with(&(joined + &rule(&all, coarse))).cautions().is_empty());
    let length = rule("[\"recording.duration_seconds\"]", "action = \"drop\"");
    let [one] = &with(&length).cautions()[..] else { panic!() };
    assert!(one.contains("recording.started_at and recording.ended_at leave exactly"), "{one}");
    // Dropped, a moment is told no less than to the minute; and where something ends, its own time
    // is the end.
    let times = "kinds = [\"participant.*\"]\naction = \"drop\"";
    let told = with(&rule("[\"participant.joined_at\"]", times)).cautions();
    assert_eq!(told.len(), others.len(), "{told:?}");
    assert!(told[0].starts_with("participant.joined_at does not leave, but time, "), "{told:?}");
    let end = rule("[\"participant.left_at\", \"participant.duration_seconds\"]", times);
    let told = with(&end).cautions();
    let says = "participant.joined_at and time leave exactly";
    assert!(told.iter().any(|one| one.contains(says)), "{told:?}");
}
