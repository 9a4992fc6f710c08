//! A canary in the place of a text: made up, and of the same shape.
//!
//! What a boundary lets out hangs on the shape of a value, so a canary has to have it: an id of the
//! same form, a number of the same length, a path with the same ending. Where a text has parts that
//! a machine made, those are replaced and the words around them stay; else the words are.

use rand::Rng;

use super::canary::{LETTERS, Made, Mint, Needle};
use crate::clock::Timestamp;

const UUID_BYTES: usize = 36;
/// Parts of a text that are shorter cannot be told from others: then the whole is looked for.
const NEEDLE_BYTES_MIN: usize = 10;
/// How the names of regions begin.
const AREAS: [&str; 10] = ["us", "eu", "ap", "af", "sa", "ca", "me", "asia", "europe", "australia"];

impl Mint {
    /// A canary of the shape of a text.
    pub(super) fn alike(&mut self, text: &str) -> Made {
        let all_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if uuid_at(text).is_some_and(|uuid| uuid.len() == text.len()) {
            return self.uuid();
        }
        if all_digits {
            let usual = if (7..=19).contains(&text.len()) { text.len() } else { 11 };
            return self.digits(usual);
        }
        if let Some(zone) = Timestamp::parse(text).and(text.get(19..)) {
            return self.time(zone);
        }
        if is_dotted(text) {
            return self.dotted(text);
        }
        if is_date(text) {
            return self.date();
        }
        if let Some((area, _)) = text.split_once('-').filter(|(area, _)| AREAS.contains(area)) {
            let region = format!("{area}-{}-1", self.letters(LETTERS));
            return Made::of(region, "region");
        }
        if is_phone(text) {
            return self.phone(text);
        }
        if is_email(text) {
            return self.email();
        }
        let plain = text.is_ascii() && !text.contains(char::is_whitespace);
        if plain && !text.is_empty() { self.compound(text) } else { self.name() }
    }

    fn uuid(&mut self) -> Made {
        let mut bytes: [u8; 16] = self.rng().random();
        if let Some(byte) = bytes.get_mut(6) {
            *byte = *byte & 0x0f | 0x40;
        }
        if let Some(byte) = bytes.get_mut(8) {
            *byte = *byte & 0x3f | 0x80;
        }
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or(""));
        let tail = parts.last().map(|tail| (*tail).to_owned()).unwrap_or_default();
        let needles = vec![Needle::Text(tail), Needle::Bytes(bytes.to_vec())];
        Made { needles, ..Made::of(parts.join("-"), "uuid") }
    }

    fn time(&mut self, zone: &str) -> Made {
        let told = Timestamp::from_millis(self.next_seconds() * 1_000).to_string();
        let second = told.get(..19).unwrap_or(&told).to_owned();
        let zone = if zone.contains('.') { ".000Z" } else { zone };
        let needles = vec![Needle::Text(second.clone())];
        Made { needles, forms: vec![told], ..Made::of(second + zone, "time") }
    }

    fn date(&mut self) -> Made {
        let date = self.unlike_any(|rng| {
            let (year, month) = (rng.random_range(1920..1990), rng.random_range(1..=12));
            format!("{year}-{month:02}-{:02}", rng.random_range(1..=28))
        });
        Made::of(date, "date")
    }

    fn dotted(&mut self, text: &str) -> Made {
        let groups = text.split('.').count();
        let made = self.unlike_any(|rng| {
            let groups = (0..groups).map(|_| rng.random_range(100..=254).to_string());
            groups.collect::<Vec<_>>().join(".")
        });
        Made { needles: vec![Needle::Digits(made.clone())], ..Made::of(made, "numbers and dots") }
    }

    /// The signs of a telephone number stay; it has eleven digits at least.
    fn phone(&mut self, text: &str) -> Made {
        let many = text.bytes().filter(u8::is_ascii_digit).count();
        let digits = self.digits(many.max(11)).text;
        let mut given = digits.chars();
        let mut made: String = text
            .chars()
            .map(|c| if c.is_ascii_digit() { given.next().unwrap_or('5') } else { c })
            .collect();
        made.extend(given);
        let needles = vec![Needle::Text(made.clone()), Needle::Digits(digits)];
        Made { needles, ..Made::of(made, "phone") }
    }

    fn email(&mut self) -> Made {
        let [first, last, host] = [(); 3].map(|()| self.letters(LETTERS));
        let text = format!("{first}.{last}@{host}.example.invalid");
        let needles = [first, last, host].map(Needle::Text).into();
        Made { needles, ..Made::of(text, "e-mail") }
    }

    fn compound(&mut self, text: &str) -> Made {
        let parts = parts(text);
        if parts.iter().any(|part| part.is_machine()) {
            return self.machine_made(&parts);
        }
        let last = parts.iter().rposition(|part| matches!(part, Part::Run(_)));
        let mut letters = 0;
        let mut made = String::new();
        for (place, part) in parts.iter().enumerate() {
            // A folder, scheme or medium says what the rest is.
            let leads = place == 0 && matches!(parts.get(1), Some(Part::Sign('/' | ':')));
            let run = match part {
                Part::Run(run) if !(leads && last != Some(0)) => self.same(run),
                Part::Run(run) => (*run).to_owned(),
                Part::Sign(sign) => sign.to_string(),
                Part::Uuid(known) | Part::Sid(_, known) => (*known).to_owned(),
            };
            letters += if matches!(part, Part::Run(_)) && !leads { run.len() } else { 0 };
            made.push_str(&run);
            if last == Some(place) && letters < LETTERS {
                let more = self.letters(LETTERS - letters);
                let capitals = !run.bytes().any(|b| b.is_ascii_lowercase());
                made.push_str(&if capitals { more.to_ascii_uppercase() } else { more });
            }
        }
        if last.is_none() {
            return self.name();
        }
        Made::of(made, "word")
    }

    fn machine_made(&mut self, parts: &[Part<'_>]) -> Made {
        let (mut text, mut needles) = (String::new(), Vec::new());
        for part in parts {
            match part {
                Part::Uuid(_) => {
                    let made = self.uuid();
                    text.push_str(&made.text);
                    needles.extend(made.needles);
                }
                Part::Sid(prefix, id) => {
                    let id = self.same(id);
                    text.push_str(prefix);
                    text.push_str(&id);
                    needles.push(Needle::Text(id));
                }
                Part::Run(run) if part.is_machine() => {
                    let all_digits = run.bytes().all(|b| b.is_ascii_digit());
                    let made = match all_digits {
                        true => self.digits(run.len()).text,
                        false => self.same(run),
                    };
                    text.push_str(&made);
                    let needle = if all_digits { Needle::Digits } else { Needle::Text };
                    needles.push(needle(made));
                }
                Part::Run(run) => text.push_str(run),
                Part::Sign(sign) => text.push(*sign),
            }
        }
        let long = |needle: &Needle| match needle {
            Needle::Text(text) | Needle::Digits(text) => text.len() >= NEEDLE_BYTES_MIN,
            Needle::Bytes(_) => true,
        };
        needles.retain(long);
        if needles.is_empty() {
            needles.push(Needle::Text(text.clone()));
        }
        let shape = if parts.len() == 1 { "id" } else { "text with ids" };
        Made { needles, ..Made::of(text, shape) }
    }

    /// Letters for letters and digits for digits, of the same kind.
    fn same(&mut self, run: &str) -> String {
        let hex = run.len() >= 8 && run.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let each = run.bytes().map(|byte| match byte {
            b'a'..=b'z' if hex => self.rng().random_range(b'a'..=b'f'),
            b'a'..=b'z' => self.rng().random_range(b'a'..=b'z'),
            b'A'..=b'Z' => self.rng().random_range(b'A'..=b'Z'),
            _ => self.rng().random_range(b'0'..=b'9'),
        });
        each.map(char::from).collect()
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug)]
enum Part<'t> {
    Uuid(&'t str),
    /// An id of LiveKit's: its beginning with the `_`, and what follows.
    Sid(&'t str, &'t str),
    Run(&'t str),
    Sign(char),
}

impl Part<'_> {
    /// Whether a machine made it.
    fn is_machine(&self) -> bool {
        match self {
            Self::Uuid(_) | Self::Sid(..) => true,
            Self::Run(run) => {
                run.len() > 20 || run.len() >= 8 && run.bytes().any(|b| b.is_ascii_digit())
            }
            Self::Sign(_) => false,
        }
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let run = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let part = match (uuid_at(rest), sid_at(rest)) {
            (Some(uuid), _) => Part::Uuid(uuid),
            (None, Some((prefix, id))) => Part::Sid(prefix, id),
            (None, None) if run > 0 => Part::Run(rest.get(..run).unwrap_or(rest)),
            (None, None) => Part::Sign(first),
        };
        let length = match part {
            Part::Uuid(text) | Part::Run(text) => text.len(),
            Part::Sid(prefix, id) => prefix.len() + id.len(),
            Part::Sign(sign) => sign.len_utf8(),
        };
        parts.push(part);
        rest = rest.get(length..).unwrap_or_default();
    }
    parts
}

fn uuid_at(text: &str) -> Option<&str> {
    let uuid = text.get(..UUID_BYTES)?;
    let fits = uuid.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(uuid)
}

/// Names of states (`JS_SUCCESSFUL`) are capitals throughout and no ids.
fn sid_at(text: &str) -> Option<(&str, &str)> {
    let (prefix, behind) = text.split_once('_')?;
    let capitals =
        (2..=4).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_uppercase());
    let length = behind.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let id = behind.get(..length).filter(|id| (8..=24).contains(&id.len()))?;
    let mixed = id.bytes().any(|b| !b.is_ascii_uppercase());
    (capitals && mixed).then_some((text.get(..=prefix.len())?, id))
}

fn is_dotted(text: &str) -> bool {
    let number = |part: &str| (1..=3).contains(&part.len()) && part.parse::<u16>().is_ok();
    (3..=4).contains(&text.split('.').count()) && text.split('.').all(number)
}

fn is_date(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

fn is_phone(text: &str) -> bool {
    let signs = |b: u8| matches!(b, b'+' | b' ' | b'-' | b'(' | b')' | b'.' | b'0'..=b'9');
    let many = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&many) && text.bytes().all(signs)
}

fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let signs = ['/', ':', ' ', '@'];
    !local.is_empty() && host.contains('.') && !text.replacen('@', "", 1).contains(signs)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn a_canary_has_the_shape_of_what_it_stands_for() {
        let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
        let of = "6497c79b-f326-4942-aef8-c36a29140ad1";
        for (text, shape) in [
            (of.to_owned(), uuid.to_owned()),
            ("RM_wjY5hazbpMRz".to_owned(), "RM_[A-Za-z0-9]{12}".to_owned()),
            (format!("ptcpt-join-{of}-1708972279961"), format!("ptcpt-join-{uuid}-[0-9]{{13}}")),
            // Daily writes an id and a moment behind each other.
            (format!("3602-call-{of}1790000074"), format!("3602-call-{uuid}[0-9]{{10}}")),
            ("consult-0a1b2c3d".into(), "consult-[0-9a-f]{8}".into()),
            (format!("recordings/{of}/a.mp4"), format!("recordings/{uuid}/a.mp4")),
            (
                "recordings/zoe/a.mp4".into(),
                "recordings/[a-z]{3}/[a-z]{1}[.][a-z]{2}[0-9].{5}".into(),
            ),
            ("EGRESS_COMPLETE".into(), "[A-Z]{6}_[A-Z]{8}".into()),
            ("video/VP8".into(), "video/[A-Z]{2}[0-9][A-Z]{9}".into()),
            ("whiteboard.saved".into(), "[a-z]{10}[.][a-z]{5}".into()),
            ("x".into(), "[a-z]{12}".into()),
            ("zoe@example.invalid".into(), "[a-z.]+@[a-z]+.example.invalid".into()),
            ("+1 555 0100 23".into(), "[+][0-9] [0-9]{3} [0-9]{4} [0-9]{3}".into()),
            ("sip:+15550100003@h.invalid".into(), "sip:[+][0-9]{11}@h.invalid".into()),
            ("1795168800".into(), "555[0-9]{7}".into()),
            ("7".into(), "1555[0-9]{7}".into()),
            ("1.0.0".into(), "[0-9]{3}[.][0-9]{3}[.][0-9]{3}".into()),
            ("us-west-2".into(), "us-[a-z]+-1".into()),
            ("1970-01-02".into(), "19[0-9]{2}-[0-9]{2}-[0-9]{2}".into()),
            ("2026-11-20T10:00:00Z".into(), "[0-9-]{10}T[0-9:]{8}Z".into()),
            ("Zoë's room".into(), "(?s)[A-Z][a-z]{11} .*Zoë.* [a-z]{12}".into()),
            (String::new(), "(?s)[A-Z][a-z]{11} .*Zoë.* [a-z]{12}".into()),
        ] {
            let mut mint = Mint::new(2);
            let (made, other) = (mint.alike(&text), mint.alike(&text));
            let shape = Regex::new(&format!("^(?:{shape})$")).unwrap();
            assert!(shape.is_match(&made.text), "{text} became {}", made.text);
            assert_ne!(made.text, other.text, "no two are the same");
            let shortest =
                made.needles.iter().filter_map(|needle| Some(needle.text()?.len())).min();
            assert!(shortest.unwrap() >= NEEDLE_BYTES_MIN, "{:?}", made.needles);
        }
    }
}
