//! What is sent of one stored request: again and again, each time fresh, each time with canaries in
//! other places.
//!
//! Each text, number and key that a user chose is replaced alone, by a canary of its shape and by a
//! name; each object gets a member that nobody knows. Then everything is replaced at once, the
//! event's type too; and what cannot be read is sent. What is replaced alone keeps the rest of the
//! event as it is, so that it is understood and goes as far as it ever could.

use std::sync::Arc;

use super::canary::{Made, Mint, Origin};
use super::pattern::Patterned;
use super::scan::{Spot, What, quoted, rewrite, spots};
use crate::normalize::Dialect;

/// How a place is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    /// With a canary of the same shape.
    Alike,
    /// With a moment where one stands.
    Moment,
    /// With a name.
    Name,
    /// With a name that holds half a character.
    Broken,
    /// With what one of the source's patterns lets out.
    Pattern(usize),
}

/// One delivery of a stored request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// One place is filled.
    One(usize, Filling),
    /// All places are; the event's type only where that is said.
    All(Filling, bool),
    /// It cannot be read.
    Unreadable(Wreck),
}

/// Why it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wreck {
    /// It ends in a name.
    CutShort,
    /// Something stands behind it.
    Trailed,
    /// It is deeper than what is read.
    Deep,
    /// It is no JSON at all.
    Prose,
}

/// How much there is to try in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Texts, those in texts that are JSON too.
    pub(super) strings: u64,
    /// Numbers.
    pub(super) numbers: u64,
    /// Keys that a user chose.
    pub(super) keys: u64,
    /// Objects, to which a key is added.
    pub(super) objects: u64,
}

impl Fields {
    /// Of a body's places.
    pub(super) fn of(spots: &[Spot]) -> Self {
        let mut fields = Self::default();
        for spot in spots {
            match spot.what {
                What::Text { .. } => fields.strings += 1,
                What::Number(_) => fields.numbers += 1,
                What::Key(_) => fields.keys += u64::from(spot.chosen),
                What::Object { .. } => fields.objects += 1,
                What::Other(_) => {}
            }
        }
        fields
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            strings: self.strings + other.strings,
            numbers: self.numbers + other.numbers,
            keys: self.keys + other.keys,
            objects: self.objects + other.objects,
        }
    }
}

/// All deliveries of a body with these places; of one that is not JSON only those that cannot be
/// read. `patterns` of the source have canaries.
pub(super) fn turns(spots: Option<&[Spot]>, patterns: usize) -> Vec<Turn> {
    let mut turns = vec![Turn::Unreadable(Wreck::CutShort), Turn::Unreadable(Wreck::Trailed)];
    let Some(spots) = spots else { return turns };
    turns.extend([Wreck::Deep, Wreck::Prose].map(Turn::Unreadable));
    for (place, spot) in spots.iter().enumerate() {
        let one = |filling| Turn::One(place, filling);
        match &spot.what {
            What::Key(_) if spot.chosen => turns.extend([Filling::Alike, Filling::Name].map(one)),
            What::Text { holds: true, .. } => turns.push(one(Filling::Name)),
            What::Text { .. } | What::Number(_) => {
                turns.extend([Filling::Alike, Filling::Moment, Filling::Name].map(one));
            }
            What::Object { .. } => turns.push(one(Filling::Name)),
            What::Key(_) | What::Other(_) => {}
        }
    }
    let all = [(Filling::Alike, false), (Filling::Name, false), (Filling::Name, true)];
    turns.extend(all.map(|(filling, type_too)| Turn::All(filling, type_too)));
    turns.push(Turn::All(Filling::Broken, false));
    turns.extend((0..patterns).map(|pattern| Turn::All(Filling::Pattern(pattern), false)));
    turns
}

/// Who fills bodies for one fixture of one source.
pub(super) struct Filler<'f> {
    pub(super) mint: &'f mut Mint,
    pub(super) source: usize,
    pub(super) fixture: &'f Arc<str>,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) patterns: &'f [Patterned],
}

impl Filler<'_> {
    /// The body of one delivery; `None` where its place cannot be filled so, because no moment
    /// stands there.
    pub(super) fn body(&mut self, fresh: &str, turn: Turn) -> Option<String> {
        if let Turn::Unreadable(wreck) = turn {
            return Some(self.wrecked(fresh, wreck));
        }
        let spots = spots(fresh, Some(self.dialect))?;
        let mut edits = Vec::new();
        match turn {
            Turn::One(place, filling) => {
                let spot = spots.get(place)?;
                edits.push((spot, self.filled(spot, filling)?));
            }
            Turn::All(filling, type_too) => {
                let whole = matches!(filling, Filling::Name | Filling::Broken);
                for spot in &spots {
                    // Of a text that is JSON either the whole is replaced or what is in it.
                    let holds = matches!(spot.what, What::Text { holds: true, .. });
                    let other_way = if whole { spot.is_inner() } else { holds };
                    if other_way || spot.is_type() && !type_too {
                        continue;
                    }
                    edits.extend(self.filled(spot, filling).map(|with| (spot, with)));
                }
            }
            Turn::Unreadable(_) => {}
        }
        Some(rewrite(fresh, edits))
    }

    /// What is written in a place, as JSON.
    fn filled(&mut self, spot: &Spot, filling: Filling) -> Option<String> {
        let mut made = match (&spot.what, filling) {
            (What::Key(_), _) if !spot.chosen => return None,
            (What::Other(_), Filling::Name | Filling::Broken) => self.mint.name(),
            (What::Other(_), _) | (What::Key(_), Filling::Moment | Filling::Broken) => return None,
            (What::Object { .. }, Filling::Moment | Filling::Pattern(_)) => return None,
            (What::Object { .. }, _) => return Some(self.member(spot)),
            (What::Number(said), Filling::Alike) => return Some(self.number(spot, said)),
            (What::Number(said), Filling::Moment) => {
                let made = self.mint.moment(said)?;
                return Some(self.put(made, &spot.path).text);
            }
            (What::Key(said) | What::Text { said, .. }, Filling::Alike) => self.mint.alike(said),
            (What::Text { said, .. }, Filling::Moment) => self.mint.moment(said)?,
            (_, Filling::Pattern(place)) => self.patterns.get(place)?.canary(self.mint)?,
            (_, Filling::Name | Filling::Broken) => self.mint.name(),
        };
        let mut json = made.json();
        if filling == Filling::Broken {
            json = json.replacen(' ', "\\ud83d", 1);
            made.forms.push(made.text.replacen(' ', "\u{fffd}", 1));
        }
        self.put(made, &spot.path);
        Some(json)
    }

    /// A number that may be a telephone's: of the same length where that has one, with the same
    /// fraction.
    fn number(&mut self, spot: &Spot, said: &str) -> String {
        let (whole, fraction) = said.split_at(said.find('.').unwrap_or(said.len()));
        let plain = whole.bytes().all(|b| b.is_ascii_digit()) && !fraction.contains(['e', 'E']);
        let many = if plain && (7..=19).contains(&whole.len()) { whole.len() } else { 11 };
        let mut made = self.mint.digits(many);
        if plain && !fraction.is_empty() {
            made.text.push_str(fraction);
        }
        self.put(made, &spot.path).text
    }

    /// A member that nobody knows.
    fn member(&mut self, spot: &Spot) -> String {
        let path = Arc::from(format!("{}/*", spot.path));
        let [key, value] = [(); 2].map(|()| {
            let made = self.mint.name();
            self.put(made, &path).json()
        });
        format!("{key}:{value}")
    }

    fn wrecked(&mut self, fresh: &str, wreck: Wreck) -> String {
        let path = Arc::from("(unreadable)");
        let made = self.mint.name();
        let name = self.put(made, &path).text;
        match wreck {
            Wreck::CutShort => {
                let text = fresh.trim_end();
                let cut = text.get(..text.len().saturating_sub(1)).unwrap_or(text);
                format!("{cut},\"a\":\"{name}")
            }
            Wreck::Trailed => format!("{fresh} {name}"),
            Wreck::Deep => format!("{}{}", "[".repeat(200), quoted(&name)),
            Wreck::Prose => name,
        }
    }

    fn put(&mut self, made: Made, path: &Arc<str>) -> Made {
        let (source, fixture) = (Some(self.source), Arc::clone(self.fixture));
        self.mint.put(made.clone(), Origin { source, fixture, path: Arc::clone(path) });
        made
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::providers::Providers;

    const BODY: &str = r#"{"event":"participant_joined","id":"EV_2zpNBTjYbC7B",
        "createdAt":"1795168800","participant":{"sid":"PA_hycBMAjmt6Ub","joinedAt":1795168800,
        "attributes":{"Ada":"x"},
        "metadata":"{\"a\":1}","hidden":true},"room":{}}"#;

    fn filled(turn: Turn) -> (Option<String>, Vec<(String, String)>) {
        let mut mint = Mint::new(1);
        let dialect = Providers::standard().get("livekit").unwrap().dialect;
        let fixture = Arc::from("f");
        let mut filler =
            Filler { mint: &mut mint, source: 0, fixture: &fixture, dialect, patterns: &[] };
        let body = filler.body(BODY, turn);
        let put = mint
            .canaries()
            .map(|(_, canary)| (canary.origin.path.to_string(), canary.made.text.clone()));
        (body, put.collect())
    }

    fn places() -> Vec<Spot> {
        spots(BODY, Some(Providers::standard().get("livekit").unwrap().dialect)).unwrap()
    }

    #[test]
    fn each_place_is_filled_alone_and_the_rest_stays() {
        let spots = places();
        let counted = Fields { strings: 6, numbers: 2, keys: 2, objects: 5 };
        assert_eq!(Fields::of(&spots), counted);
        let (mut moments, mut filled_alone) = (0, 0);
        for turn in turns(Some(&spots), 0) {
            let Turn::One(place, filling) = turn else { continue };
            let (body, put) = filled(turn);
            let Some(body) = body else {
                assert_eq!(filling, Filling::Moment);
                continue;
            };
            moments += usize::from(filling == Filling::Moment);
            filled_alone += 1;
            let body: Value = serde_json::from_str(&body).unwrap();
            let inner = body["participant"]["metadata"].as_str().unwrap_or_default();
            let all = format!("{body} {inner}");
            for (path, text) in &put {
                let quoted = quoted(text);
                let bare = quoted.trim_matches('"');
                assert!(all.contains(bare), "{text} is not in {all}");
                assert!(path.starts_with(&*spots[place].path), "{path}");
            }
            let before: Value = serde_json::from_str(BODY).unwrap();
            let kept =
                ["event", "id", "createdAt"].into_iter().filter(|key| body[*key] == before[*key]);
            assert!(kept.count() >= 2, "{body}");
        }
        // createdAt and joinedAt are moments.
        assert_eq!(moments, 2);
        // Five texts and two numbers alike and as names, the text that is JSON as a name, two keys
        // alike and as names, five objects.
        assert_eq!(filled_alone, 2 + (5 + 2) * 2 + 1 + 2 * 2 + 5);
    }

    #[test]
    fn all_places_are_filled_at_once_and_the_type_only_where_that_is_said() {
        for (filling, type_too) in
            [(Filling::Alike, false), (Filling::Name, false), (Filling::Name, true)]
        {
            let (body, put) = filled(Turn::All(filling, type_too));
            let body: Value = serde_json::from_str(&body.unwrap()).unwrap();
            assert_eq!(body["event"] == "participant_joined", !type_too);
            let text = body.to_string();
            for kept in ["EV_2zpNBTjYbC7B", "1795168800", "PA_hyc", "\"Ada\"", "\\\"a\\\""] {
                assert!(!text.contains(kept), "{kept} in {text}");
            }
            assert!(put.len() > 15, "{put:?}");
            assert_eq!(text.contains("true"), filling == Filling::Alike);
        }
    }

    #[test]
    fn what_cannot_be_read_holds_a_canary_too() {
        for wreck in [Wreck::CutShort, Wreck::Trailed, Wreck::Deep, Wreck::Prose] {
            let (body, put) = filled(Turn::Unreadable(wreck));
            let body = body.unwrap();
            let first = put[0].1.split(' ').next().unwrap();
            assert!(body.contains(first), "{wreck:?}");
            assert!(serde_json::from_str::<Value>(&body).is_err(), "{wreck:?}");
        }
        let broken = filled(Turn::All(Filling::Broken, false)).0.unwrap();
        assert!(serde_json::from_str::<Value>(&broken).is_err() && broken.contains("\\ud83d"));
        assert_eq!(turns(None, 2).len(), 2, "of what is no JSON only what is behind it");
    }
}
