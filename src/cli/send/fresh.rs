//! Fresh ids and times in a stored body, found by their shape in the raw text.
//!
//! Nothing is parsed and written again: a signature is over bytes, and a body that is odd in some
//! way has to stay odd in that way. Four shapes are known: UUIDs, LiveKit's ids (`EV_…`, `RM_…`),
//! the running number that some of Daily's ids begin with (`"3602-dial-in-…`), and moments since
//! 1970 in seconds, milliseconds, microseconds or nanoseconds, as numbers, as text or inside an id.
//! Under one salt an id always becomes the same new id, and all moments move by the same time, so
//! that what belonged together still does. Room names stay.

use sha2::{Digest, Sha256};

const UUID_BYTES: usize = 36;
/// LiveKit's own alphabet for ids.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Moments that are taken for one: from 2008 to 2036. Other numbers of that length are left alone.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 1_200_000_000..2_100_000_000;
/// Digits of a moment, and its unit in parts of a second.
const UNITS: [(usize, i64); 4] = [(10, 1), (13, 1_000), (16, 1_000_000), (19, 1_000_000_000)];

/// How one repetition differs from what is stored.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Freshness {
    /// Makes new ids; the same salt makes the same ones.
    pub(in crate::cli) salt: [u8; 16],
    /// How far moments move, in seconds.
    pub(in crate::cli) seconds: i64,
}

/// The body with fresh ids and times.
pub(in crate::cli) fn freshen(body: &[u8], freshness: &Freshness) -> Vec<u8> {
    let mut fresh = Vec::with_capacity(body.len() + 8);
    walk(body, |piece| match piece {
        Piece::Other(byte) => fresh.push(byte),
        Piece::Uuid(old) => fresh.extend(uuid(old, &freshness.salt)),
        Piece::Id { prefix, old } => {
            fresh.extend_from_slice(prefix);
            fresh.extend(id(prefix, old, &freshness.salt));
        }
        Piece::Running(old) => {
            let [a, b, c, d, ..] = digest(&freshness.salt, old);
            let number = u32::from_be_bytes([a, b, c, d]) % 900_000_000 + 100_000_000;
            fresh.push(b'"');
            fresh.extend(number.to_string().into_bytes());
        }
        Piece::Moment { value, unit } => {
            let moved = value.saturating_add(freshness.seconds.saturating_mul(unit));
            fresh.extend(moved.to_string().into_bytes());
        }
    });
    fresh
}

/// The newest moment in a body, in whole seconds.
pub(in crate::cli) fn newest(body: &[u8]) -> Option<i64> {
    let mut newest = None;
    walk(body, |piece| {
        if let Piece::Moment { value, unit } = piece {
            newest = newest.max(Some(value / unit));
        }
    });
    newest
}

enum Piece<'a> {
    Other(u8),
    Uuid(&'a [u8]),
    Id {
        prefix: &'a [u8],
        old: &'a [u8],
    },
    /// With the quote before it.
    Running(&'a [u8]),
    Moment {
        value: i64,
        unit: i64,
    },
}

fn walk<'a>(body: &'a [u8], mut each: impl FnMut(Piece<'a>)) {
    let mut rest = body;
    // Whether a token may begin here: not in the middle of a word or behind a decimal point.
    let mut open = true;
    while let Some((&byte, after)) = rest.split_first() {
        let found = if open { token(rest) } else { None };
        if let Some((piece, length)) = found {
            let uuid = matches!(piece, Piece::Uuid(_));
            each(piece);
            rest = rest.get(length..).unwrap_or_default();
            // Daily writes a UUID and a moment behind each other, with nothing in between.
            open = uuid;
            continue;
        }
        each(Piece::Other(byte));
        open = !byte.is_ascii_alphanumeric() && byte != b'.' && byte != b'+';
        rest = after;
    }
}

fn token(rest: &[u8]) -> Option<(Piece<'_>, usize)> {
    uuid_at(rest).or_else(|| id_at(rest)).or_else(|| running_at(rest)).or_else(|| moment_at(rest))
}

fn uuid_at(rest: &[u8]) -> Option<(Piece<'_>, usize)> {
    let text = rest.get(..UUID_BYTES)?;
    let fits = text.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some((Piece::Uuid(text), UUID_BYTES))
}

fn id_at(rest: &[u8]) -> Option<(Piece<'_>, usize)> {
    let letters = run(rest, u8::is_ascii_uppercase);
    if !(2..=3).contains(&letters) || rest.get(letters) != Some(&b'_') {
        return None;
    }
    let (prefix, behind) = rest.split_at_checked(letters + 1)?;
    let length = run(behind, u8::is_ascii_alphanumeric);
    let old = behind.get(..length)?;
    let ends = behind.get(length).is_none_or(|byte| *byte != b'_');
    // Names of states (`JS_SUCCESS`, `SIP_TRUNK_FAILURE`) are capitals throughout.
    let mixed = old.iter().any(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let fits = (8..=32).contains(&length) && ends && mixed;
    fits.then_some((Piece::Id { prefix, old }, prefix.len() + length))
}

fn running_at(rest: &[u8]) -> Option<(Piece<'_>, usize)> {
    let behind = rest.strip_prefix(b"\"")?;
    // The first part of a UUID may be digits alone.
    if uuid_at(behind).is_some() {
        return None;
    }
    let length = run(behind, u8::is_ascii_digit);
    let words = behind.get(length..)?.strip_prefix(b"-")?;
    let fits = (1..=9).contains(&length) && words.first().is_some_and(u8::is_ascii_lowercase);
    let old = behind.get(..length)?;
    fits.then_some((Piece::Running(old), length + 1))
}

fn moment_at(rest: &[u8]) -> Option<(Piece<'_>, usize)> {
    let length = run(rest, u8::is_ascii_digit);
    let (_, unit) = UNITS.into_iter().find(|(digits, _)| *digits == length)?;
    let follows = rest.get(length);
    if follows.is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let digits = std::str::from_utf8(rest.get(..length)?).ok()?;
    let value: i64 = digits.parse().ok()?;
    let plausible = PLAUSIBLE_SECONDS.contains(&(value / unit));
    plausible.then_some((Piece::Moment { value, unit }, length))
}

fn run(bytes: &[u8], fits: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| fits(byte)).count()
}

fn uuid(old: &[u8], salt: &[u8]) -> Vec<u8> {
    let digest = digest(salt, &old.to_ascii_lowercase());
    let mut nibbles = digest
        .into_iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8));
    let each = old.iter().enumerate().map(|(place, byte)| match byte {
        b'-' => b'-',
        // The version and variant of a UUID are kept.
        _ if place == 14 || place == 19 => *byte,
        _ => nibbles.next().unwrap_or(b'0'),
    });
    each.collect()
}

fn id(prefix: &[u8], old: &[u8], salt: &[u8]) -> Vec<u8> {
    let digest = digest(salt, &[prefix, old].concat());
    let each = digest.into_iter().cycle().take(old.len()).map(|byte| {
        let place = usize::from(byte) % ALPHABET.len();
        ALPHABET.get(place).copied().unwrap_or(b'2')
    });
    each.collect()
}

fn digest(salt: &[u8], old: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(old).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(body: &str, salt: u8, seconds: i64) -> String {
        let salt = [salt; 16];
        let freshness = Freshness { salt, seconds };
        String::from_utf8(freshen(body.as_bytes(), &freshness)).unwrap()
    }

    #[test]
    fn an_id_becomes_the_same_new_id_wherever_it_stands() {
        let uuid = "6497c79b-f326-4942-aef8-c36a29140ad1";
        let body = format!(r#"{{"id":"ptcpt-join-{uuid}-1708972279961","user_id":"{uuid}","#)
            + r#""sid":"PA_hycBMAjmt6Ub","x":"PA_hycBMAjmt6Ub"}"#;
        let one = fresh(&body, 1, 0);
        assert_eq!(one.len(), body.len());
        assert!(!one.contains(uuid) && !one.contains("hycBMAjmt6Ub"));
        let value: serde_json::Value = serde_json::from_str(&one).unwrap();
        let user = value["user_id"].as_str().unwrap();
        assert_eq!(value["id"], format!("ptcpt-join-{user}-1708972279961"));
        assert_eq!(user.as_bytes()[14], b'4');
        assert_eq!(value["sid"], value["x"]);
        assert!(value["sid"].as_str().unwrap().starts_with("PA_"));
        assert_eq!(one, fresh(&body, 1, 0));
        assert_ne!(one, fresh(&body, 2, 0));
    }

    #[test]
    fn all_moments_move_by_the_same_time_and_keep_their_form() {
        let body = [
            r#"{"s":1708972280,"f":1708972279.961,"t":"1795211116","ms":"1795211116439","#,
            r#""us":1795211116439001,"ns":1790000031000000000,"file":"rec/a-1708972279961.mp4"}"#,
        ];
        let moved = [
            r#"{"s":1708972290,"f":1708972289.961,"t":"1795211126","ms":"1795211126439","#,
            r#""us":1795211126439001,"ns":1790000041000000000,"file":"rec/a-1708972289961.mp4"}"#,
        ];
        let (body, moved) = (body.concat(), moved.concat());
        assert_eq!(fresh(&body, 1, 10), moved);
        assert_eq!(newest(body.as_bytes()), Some(1_795_211_116));
    }

    #[test]
    fn a_moment_right_behind_a_uuid_moves_too() {
        let body = "1-call-transfer-init-6497c79b-f326-4942-aef8-c36a29140ad11708972280";
        assert!(fresh(body, 1, 10).ends_with("1708972290"));
    }

    #[test]
    fn a_running_number_at_the_head_of_an_id_becomes_another() {
        let body = r#"{"id":"3602-dial-in-ready-1790000050","date":"2026-11-20","n":3602}"#;
        let (one, two) = (fresh(body, 1, 0), fresh(body, 2, 0));
        assert!(one != two && one.len() == body.len() + 5, "{one}");
        assert!(one.ends_with(r#"-dial-in-ready-1790000050","date":"2026-11-20","n":3602}"#));
    }

    #[test]
    fn a_uuid_that_begins_with_digits_alone_is_no_running_number() {
        let body = r#"{"recording_id":"55555555-eeee-4eee-8eee-555555555555","n":1}"#;
        let one = fresh(body, 1, 0);
        let (id, _) = uuid_at(one.split('"').nth(3).unwrap().as_bytes()).unwrap();
        assert!(matches!(id, Piece::Uuid(_)) && one.len() == body.len() && one != body, "{one}");
    }

    #[test]
    fn what_only_looks_similar_is_left_alone() {
        for same in [
            r#"{"state":"EGRESS_COMPLETE","reason":"SIP_TRUNK_FAILURE","s":"JS_SUCCESSFUL"}"#,
            r#"{"phone":"+1555010012","room":"consult-0a1b2c3d","size":"15728640"}"#,
            r#"{"duration":"60000000000","n":0.1708972280,"hex":"a1708972280","h":"1708972280f"}"#,
            r#"{"far":9708972280,"old":1008972280,"name":"Zoë ✓","seconds":12345678901}"#,
            "not json at all \u{1}",
        ] {
            assert_eq!(fresh(same, 1, 10), same);
        }
        let bytes = [0xff, b'{', 0xfe];
        let freshness = Freshness { salt: [0; 16], seconds: 1 };
        assert_eq!(freshen(&bytes, &freshness), bytes);
    }

    #[test]
    fn a_body_without_a_moment_has_no_newest() {
        assert_eq!(newest(br#"{"test":"test"}"#), None);
    }
}
