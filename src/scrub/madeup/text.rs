//! Made-up text of the shape of a given one.
//!
//! Known forms stay of their form: UUIDs, LiveKit's ids, e-mail addresses, URLs, addresses of
//! machines, moments, telephone numbers. Everything else keeps its words, their lengths and their
//! kinds of letters. What is made up belongs to nobody: hosts end with `.example.invalid`,
//! addresses of machines are those of documentation, telephone numbers begin with 555 01.

use std::net::IpAddr;

use super::draw::Draw;
use crate::clock::Timestamp;

const UUID_BYTES: usize = 36;
/// How LiveKit's ids begin; any other beginning may be a name.
const SID_PREFIXES: [&str; 17] = [
    "DTR", "AD", "AJ", "AW", "CO", "DJ", "EG", "EV", "IN", "JS", "ND", "PA", "RM", "SCL", "ST",
    "TR", "TRC",
];
const SCHEMES: [&str; 14] = [
    "gs", "http", "https", "mailto", "rtmp", "rtmps", "s3", "sip", "sips", "srt", "tel", "ws",
    "wss", "whip",
];
const CONSONANTS: [char; 12] = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'r', 's', 't', 'v'];
const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
const SMALL: [char; 26] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
    't', 'u', 'v', 'w', 'x', 'y', 'z',
];
const HEX: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
const LETTERS_OF_TWO_BYTES: [char; 8] = ['ä', 'ö', 'ü', 'é', 'è', 'ñ', 'ø', 'ž'];
const LETTERS_OF_THREE_BYTES: [char; 8] = ['山', '川', '田', '水', '木', '花', '雨', '空'];
const LETTERS_OF_FOUR_BYTES: [char; 4] = ['𐐨', '𐐩', '𐐪', '𐐫'];
const SIGNS_OF_TWO_BYTES: [char; 4] = ['§', '·', '«', '»'];
const SIGNS_OF_THREE_BYTES: [char; 4] = ['…', '–', '•', '→'];
const SIGNS_OF_FOUR_BYTES: [char; 4] = ['🌲', '🎈', '🚀', '🐟'];

/// Who draws: gives what is made of a value, again and again until it holds nothing of the
/// original.
pub(super) trait Drawn {
    /// A text of this sort for a value, made by `make`.
    fn drawn(&self, sort: &str, value: &str, make: impl Fn(&mut Draw) -> String) -> String;

    /// How far moments move.
    fn moved(&self, time: Timestamp) -> Timestamp;
}

/// Text of the same shape.
pub(super) fn alike(text: &str, by: &impl Drawn) -> String {
    let mut made = String::with_capacity(text.len());
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end_matches(char::is_whitespace);
        made.push_str(&token(word, by));
        made.push_str(part.get(word.len()..).unwrap_or_default());
    }
    made
}

fn token(word: &str, by: &impl Drawn) -> String {
    if let Some((scheme, rest)) = scheme(word) {
        return format!("{scheme}{}", address(rest, by));
    }
    if let Some((local, _)) = word.rsplit_once('@').filter(|(local, _)| !local.is_empty()) {
        return format!("{}@{}", who(local, by), host(word, by));
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return machine(address, word, by);
    }
    if let Some(time) = Timestamp::parse(word) {
        return moment(time, word, by);
    }
    if is_date(word) {
        return by.drawn("date", word, |draw| {
            let (year, month, day) = (draw.below(80), draw.below(12), draw.below(28));
            format!("{}-{:02}-{:02}", 1950 + year, month + 1, day + 1)
        });
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if word.starts_with('+') && digits >= 7 && !word.chars().any(char::is_alphabetic) {
        return telephone(word, by);
    }
    shape(word, by)
}

/// A known scheme with its sign behind it, and the rest.
fn scheme(word: &str) -> Option<(&str, &str)> {
    let (name, rest) = word.split_once(':')?;
    let known = SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(name));
    let slashes = rest.len() - rest.trim_start_matches('/').len();
    known.then(|| word.split_at_checked(name.len() + 1 + slashes.min(2)))?
}

/// What stands behind a scheme: who, where, and the way there.
fn address(rest: &str, by: &impl Drawn) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, way) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let place = match place.rsplit_once('@') {
        Some((local, _)) => format!("{}@{}", who(local, by), host(place, by)),
        None if place.starts_with('+') => telephone(place, by),
        None if place.is_empty() => String::new(),
        None => host(place, by),
    };
    place + &shape(way, by)
}

fn who(local: &str, by: &impl Drawn) -> String {
    if local.starts_with('+') { telephone(local, by) } else { shape(local, by) }
}

/// A host that belongs to nobody; the port of the given one stays.
fn host(of: &str, by: &impl Drawn) -> String {
    let of = of.rsplit_once('@').map_or(of, |(_, host)| host);
    let port = of.rsplit_once(':').map(|(_, port)| port);
    let port = port.filter(|port| port.len() <= 5 && port.parse::<u16>().is_ok());
    let name = by.drawn("host", of, |draw| syllables(draw, 6));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{name}.example.invalid{port}")
}

fn machine(address: IpAddr, word: &str, by: &impl Drawn) -> String {
    by.drawn("machine", word, |draw| match address {
        IpAddr::V4(_) => format!("192.0.2.{}", draw.below(254) + 1),
        IpAddr::V6(_) => format!("2001:db8::{:x}", draw.below(0xffff) + 1),
    })
}

/// A moment in the same form, in UTC.
fn moment(time: Timestamp, word: &str, by: &impl Drawn) -> String {
    let moved = by.moved(time).to_string();
    let whole = moved.get(..19).unwrap_or_default().to_owned();
    let fraction = word.split_once('.').map(|(_, behind)| behind);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = fraction.map(|behind| {
        let drawn = by.drawn("fraction", word, |draw| figures(draw, digits(behind)));
        format!(".{drawn}")
    });
    let zone = if word.ends_with(['Z', 'z']) { "Z" } else { "+00:00" };
    format!("{whole}{}{zone}", fraction.unwrap_or_default())
}

/// Whether it is a day alone. One of these may be a birthday: it does not move, it becomes another.
fn is_date(word: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    word.len() == 10 && word.bytes().enumerate().all(fits)
}

fn telephone(word: &str, by: &impl Drawn) -> String {
    by.drawn("telephone", word, |draw| {
        let mut given = "155501".chars();
        let each = word.chars().map(|letter| match letter {
            '0'..='9' => given.next().unwrap_or_else(|| draw.letter(&HEX[..10])),
            '+' | '-' | '(' | ')' | '.' | ';' | '=' | '/' => letter,
            _ => '-',
        });
        each.collect()
    })
}

/// Word by word and sign by sign; ids of known form stay of it.
pub(super) fn shape(text: &str, by: &impl Drawn) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    let mut open = true;
    while let Some(first) = rest.chars().next() {
        let uuid = uuid_at(rest);
        let id = if open && uuid.is_none() { sid_at(rest) } else { None };
        let length = if let Some(uuid) = uuid {
            made.push_str(&by.drawn("uuid", &uuid.to_ascii_lowercase(), |draw| hex(draw, uuid)));
            uuid.len()
        } else if let Some((prefix, id)) = id {
            made.push_str(prefix);
            made.push_str(&by.drawn("id", id, |draw| mixed(draw, id)));
            prefix.len() + id.len()
        } else if first.is_alphanumeric() {
            let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            let run = rest.get(..end).unwrap_or(rest);
            made.push_str(&by.drawn("word", run, |draw| word(draw, run)));
            run.len()
        } else {
            made.push_str(&sign(first, by));
            first.len_utf8()
        };
        // Daily writes a UUID and a number behind each other, with nothing in between.
        open = uuid.is_some() || !first.is_alphanumeric();
        rest = rest.get(length..).unwrap_or_default();
    }
    made
}

/// The UUID that a text begins with.
pub(super) fn uuid_at(text: &str) -> Option<&str> {
    let uuid = text.get(..UUID_BYTES)?;
    let fits = uuid.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(uuid)
}

/// An id of LiveKit's that a text begins with: its beginning with the `_`, and what follows.
fn sid_at(text: &str) -> Option<(&str, &str)> {
    let (prefix, behind) = text.split_once('_').filter(|(p, _)| SID_PREFIXES.contains(p))?;
    let length = behind.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let id = behind.get(..length).filter(|id| (8..=24).contains(&id.len()))?;
    Some((text.get(..=prefix.len())?, id))
}

fn word(draw: &mut Draw, run: &str) -> String {
    let has = |fits: fn(&char) -> bool| run.chars().any(|letter| fits(&letter));
    let digits = has(char::is_ascii_digit);
    if !has(|letter| letter.is_alphabetic()) {
        return run.chars().enumerate().map(|(place, c)| figure(draw, c, place)).collect();
    }
    let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if digits && run.len() >= 8 && run.chars().all(is_hex) {
        return hex(draw, run);
    }
    if digits || run.len() > 20 {
        let kept = if run.len() > 10 && run.starts_with("eyJ") { "eyJ" } else { "" };
        return kept.to_owned() + &mixed(draw, run.get(kept.len()..).unwrap_or_default());
    }
    let spoken: Vec<char> = syllables(draw, run.chars().count()).chars().collect();
    let each = run.chars().zip(spoken).map(|(letter, said)| match letter {
        'A'..='Z' => said.to_ascii_uppercase(),
        'a'..='z' => said,
        _ => foreign(draw, letter),
    });
    each.collect()
}

/// Letters one can say, all small.
fn syllables(draw: &mut Draw, letters: usize) -> String {
    let each = (0..letters).map(|place| match place % 2 {
        0 => draw.letter(&CONSONANTS),
        _ => draw.letter(&VOWELS),
    });
    each.collect()
}

/// Letters and digits in the places of letters and digits.
fn mixed(draw: &mut Draw, run: &str) -> String {
    let each = run.chars().enumerate().map(|(place, letter)| match letter {
        'A'..='Z' => draw.letter(&SMALL).to_ascii_uppercase(),
        'a'..='z' => draw.letter(&SMALL),
        _ if letter.is_alphabetic() => foreign(draw, letter),
        _ => figure(draw, letter, place.max(1)),
    });
    each.collect()
}

/// Hexadecimal in the same places; the version and variant of a UUID stay.
fn hex(draw: &mut Draw, run: &str) -> String {
    let is_uuid = run.len() == UUID_BYTES;
    let capitals = run.bytes().any(|byte| byte.is_ascii_uppercase());
    let each = run.chars().enumerate().map(|(place, letter)| match letter {
        '-' => '-',
        _ if is_uuid && (place == 14 || place == 19) => letter,
        _ if capitals => draw.letter(&HEX).to_ascii_uppercase(),
        _ => draw.letter(&HEX),
    });
    each.collect()
}

/// Digits; a number does not begin with a 0 that it did not begin with.
pub(super) fn figures(draw: &mut Draw, many: usize) -> String {
    (0..many).map(|_| draw.letter(&HEX[..10])).collect()
}

/// One digit for another.
pub(super) fn figure(draw: &mut Draw, digit: char, place: usize) -> char {
    match (digit, place) {
        ('0', 0) => '0',
        ('0'..='9', 0) => draw.letter(&HEX[1..9]),
        ('0'..='9', _) => draw.letter(&HEX[..10]),
        _ => foreign(draw, digit),
    }
}

fn foreign(draw: &mut Draw, letter: char) -> char {
    match letter.len_utf8() {
        1 => draw.letter(&SMALL),
        2 => draw.letter(&LETTERS_OF_TWO_BYTES),
        3 => draw.letter(&LETTERS_OF_THREE_BYTES),
        _ => draw.letter(&LETTERS_OF_FOUR_BYTES),
    }
}

/// Signs of ASCII give a text its structure and stay; of all others there are too many to know
/// what they say.
fn sign(of: char, by: &impl Drawn) -> String {
    let among = match of.len_utf8() {
        1 => return of.to_string(),
        2 => &SIGNS_OF_TWO_BYTES,
        3 => &SIGNS_OF_THREE_BYTES,
        _ => &SIGNS_OF_FOUR_BYTES,
    };
    by.drawn("sign", of.encode_utf8(&mut [0; 4]), |draw| draw.letter(among).to_string())
}
