//! What looks personal in a text.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a piece of text looks like that should not leave.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A value in a field of ids that is no such id.
    IdShape,
    /// A date of birth.
    BirthDate,
    /// An IP address.
    IpAddress,
    /// A URL with credentials or a signature.
    Url,
    /// A token.
    Token,
    /// The number of a payment card.
    PaymentCard,
    /// A national id, by the customer's patterns.
    NationalId,
    /// A secret.
    Secret,
    /// A room whose name does not match the source's pattern.
    RoomName,
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Email,
        Self::Phone,
        Self::IdShape,
        Self::BirthDate,
        Self::IpAddress,
        Self::Url,
        Self::Token,
        Self::PaymentCard,
        Self::NationalId,
        Self::Secret,
        Self::RoomName,
    ];

    /// Its name in metrics and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::IdShape => "id_shape",
            Self::BirthDate => "birth_date",
            Self::IpAddress => "ip_address",
            Self::Url => "url",
            Self::Token => "token",
            Self::PaymentCard => "payment_card",
            Self::NationalId => "national_id",
            Self::Secret => "secret",
            Self::RoomName => "room_name",
        }
    }
}

/// One piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it looks like.
    pub detector: Detector,
    /// Where it begins, in bytes.
    pub at: usize,
    /// How long it is, in bytes.
    pub bytes: usize,
}

/// Everything that looks.
#[derive(Clone, Debug)]
pub struct Detectors {
    national: Vec<Regex>,
}

impl Detectors {
    /// With the customer's patterns.
    pub fn new(national: Vec<Regex>) -> Self {
        Self { national }
    }

    /// Every piece of a text that looks personal.
    pub fn look(&self, text: &str, found: &mut dyn FnMut(Finding)) {
        for piece in self.national.iter().filter_map(|pattern| pattern.find(text)) {
            let (at, bytes) = (piece.start(), piece.len());
            found(Finding { detector: Detector::NationalId, at, bytes });
        }
    }

    /// Whether anything in a text looks personal.
    pub fn finds(&self, text: &str) -> bool {
        let mut any = false;
        self.look(text, &mut |_| any = true);
        any
    }
}
