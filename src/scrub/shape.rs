//! The forms of text that cannot name a person.
//!
//! Text passes by its form, whole and within its length, or not at all. Each form is one that a
//! machine gives out (an id, a version, a region), so that a name in its place does not fit.

/// A form that text must have to leave as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A UUID, or a LiveKit sid: two to four capitals, `_`, 12 to 14 letters and digits, not digits
    /// alone (`RM_…`, `PA_…`, `EG_…`, `AJ_…`; 12 in practice, 14 for tracks).
    Id,
    /// A LiveKit event id: `EV_` and 12 letters or digits.
    EventRef,
    /// A provider's event type: lower-case letters in words parted by `.`, `_`, `-`.
    EventType,
    /// A version: up to three numbers below 1,000, parted by dots (neither a telephone number nor
    /// an IP address fits).
    Version,
    /// A cloud region: a part of the world from [`AREAS`], then words and digits parted by `-`.
    Region,
    /// A media type of a track: `audio/` or `video/` and a codec's short name.
    Mime,
}

/// Letters and digits of a LiveKit sid behind its prefix.
const SID_BYTES: std::ops::RangeInclusive<usize> = 12..=14;
const EVENT_TYPE_BYTES_MAX: usize = 48;
const VERSION_BYTES_MAX: usize = 15;
const REGION_BYTES_MAX: usize = 24;
const CODEC_BYTES_MAX: usize = 8;

/// How the names of regions begin at the large clouds.
const AREAS: [&str; 18] = [
    "af",
    "africa",
    "ap",
    "asia",
    "au",
    "australia",
    "br",
    "ca",
    "cn",
    "eu",
    "europe",
    "il",
    "me",
    "mx",
    "northamerica",
    "sa",
    "southamerica",
    "us",
];

impl Form {
    /// What it is called where a violation is told.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::EventRef => "event_ref",
            Self::EventType => "event_type",
            Self::Version => "version",
            Self::Region => "region",
            Self::Mime => "mime",
        }
    }

    /// Whether the text has this form.
    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::Id => is_uuid(text) || is_sid(text),
            Self::EventRef => text.starts_with("EV_") && text.len() == 15 && is_sid(text),
            Self::EventType => {
                is_list(text, EVENT_TYPE_BYTES_MAX, b"._-", |b| b.is_ascii_lowercase())
            }
            Self::Version => {
                is_list(text, VERSION_BYTES_MAX, b".", |b| b.is_ascii_digit())
                    && text.split('.').all(|number| number.len() <= 3)
                    && text.split('.').count() <= 3
            }
            Self::Region => {
                let area = text.split_once('-').map(|(area, _)| area);
                area.is_some_and(|area| AREAS.contains(&area))
                    && is_list(text, REGION_BYTES_MAX, b"-", |b| {
                        b.is_ascii_lowercase() || b.is_ascii_digit()
                    })
            }
            Self::Mime => {
                let (top, codec) = text.split_once('/').unwrap_or_default();
                matches!(top, "audio" | "video")
                    && is_list(codec, CODEC_BYTES_MAX, b"-", |b| b.is_ascii_alphanumeric())
            }
        }
    }
}

/// Words of such letters, parted by one of the signs, none of them empty.
fn is_list(text: &str, bytes_max: usize, signs: &[u8], letter: impl Fn(u8) -> bool) -> bool {
    let mut in_word = false;
    let fits = text.bytes().all(|byte| {
        let parts = std::mem::replace(&mut in_word, letter(byte)) && signs.contains(&byte);
        in_word || parts
    });
    fits && in_word && text.len() <= bytes_max
}

fn is_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

fn is_sid(text: &str) -> bool {
    let Some((prefix, rest)) = text.split_once('_') else {
        return false;
    };
    (2..=4).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_uppercase())
        && SID_BYTES.contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        && rest.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_fit(form: Form, texts: &[&str]) {
        for text in texts {
            assert!(form.fits(text), "{form:?} {text}");
        }
    }

    fn none_fits(form: Form, texts: &[&str]) {
        for text in texts.iter().chain(&["", "Zoë-CANARY-4711", "zoe@example.invalid"]) {
            assert!(!form.fits(text), "{form:?} {text}");
        }
    }

    #[test]
    fn an_id_is_a_uuid_or_a_sid_as_livekit_makes_them() {
        let uuid = "6497c79b-f326-4942-aef8-c36a29140ad1";
        all_fit(Form::Id, &[uuid, "RM_dfCxsErnLzEi", "TR_VCJZoHjP6LsFen", "EG_2zpNBTjYbC7B"]);
        let longer = format!("{uuid}1");
        none_fits(
            Form::Id,
            &["zoe", "PA_zoe canary 1", "pa_dfCxsErnLzEi", "PA_short", "_abcdefghijkl"],
        );
        none_fits(Form::Id, &["DR_ZoeCanary", "US_155501001991", "ID_QQ123456C"]);
        none_fits(Form::Id, &[&longer, "6497c79b-f326-4942-aef8-c36a29140adg", "+15550100001"]);
    }

    #[test]
    fn an_event_reference_is_livekits_and_nothing_else() {
        all_fit(Form::EventRef, &["EV_2zpNBTjYbC7B"]);
        none_fits(Form::EventRef, &["RM_dfCxsErnLzEi", "EV_2zpNBTjYbC7", "EV_2zpNBTjYbC7B1"]);
        none_fits(
            Form::EventRef,
            &["ptcpt-join-6497c79b-f326-4942-aef8-c36a29140ad1-1708972279961"],
        );
    }

    #[test]
    fn an_event_type_is_a_few_words_in_lower_case() {
        all_fit(
            Form::EventType,
            &["participant.joined", "recording.ready-to-download", "room_started"],
        );
        let long = "a".repeat(49);
        none_fits(Form::EventType, &[&long, "Participant", "a..b", "a b", "call1", ".a"]);
    }

    #[test]
    fn a_version_is_small_numbers_and_dots() {
        all_fit(Form::Version, &["1.0.0", "2", "1.10.203"]);
        none_fits(Form::Version, &["1.0.0-zoe", "1..0", "v1", "15550100001", "192.0.2.1"]);
    }

    #[test]
    fn a_region_begins_with_a_part_of_the_world() {
        all_fit(Form::Region, &["us-west-2", "eu-central-1", "europe-west4"]);
        none_fits(
            Form::Region,
            &["zoe", "zoe-canary-1", "us", "Us-West-2", "us west", "us-", "-us"],
        );
    }

    #[test]
    fn a_media_type_is_audio_or_video_and_a_codec() {
        all_fit(Form::Mime, &["audio/opus", "video/VP8", "video/H264"]);
        none_fits(Form::Mime, &["text/html", "video/", "video/a b", "audio", "video/zoecanary"]);
    }
}
