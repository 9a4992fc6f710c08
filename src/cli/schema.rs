//! `schema`: the JSON Schema of each event family, for consumers; or all they may rely on, as one
//! AsyncAPI document.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{Failure, print};
use crate::contract::Contract;
use crate::event::Family;
use crate::publish::{self, is_topic_prefix};
use crate::scrub;

/// As the configuration's own default.
const TOPIC_PREFIX: &str = "video";

/// Which schema.
#[derive(Debug, Args)]
pub struct Schema {
    /// One family; without it all of them in one object by their names
    #[arg(value_enum)]
    pub family: Option<FamilyName>,
    /// The whole AsyncAPI document: topics, headers, keys and the schemas of all families
    #[arg(long, conflicts_with = "family")]
    pub asyncapi: bool,
    /// What the topics' names in it begin with (`kafka.topic_prefix`)
    #[arg(long, value_name = "PREFIX", requires = "asyncapi", default_value = TOPIC_PREFIX)]
    pub topic_prefix: String,
}

/// A family by the name of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FamilyName {
    /// Recordings, transcripts and their processing
    Recording,
    /// People and what they do in a room
    Participant,
    /// Rooms, streams, ingresses, agents
    Lifecycle,
    /// What could not be understood or may not pass
    Quarantine,
}

impl From<FamilyName> for Family {
    fn from(name: FamilyName) -> Self {
        match name {
            FamilyName::Recording => Self::Recording,
            FamilyName::Participant => Self::Participant,
            FamilyName::Lifecycle => Self::Lifecycle,
            FamilyName::Quarantine => Self::Quarantine,
        }
    }
}

/// Prints one schema, all in one object, or the whole document.
///
/// # Errors
/// 2 for a prefix that no topic can have.
pub fn run(args: &Schema) -> Result<(), Failure> {
    if !is_topic_prefix(&args.topic_prefix) {
        return Err(Failure::Usage(format!("--topic-prefix {}", publish::TOPIC_PREFIX)));
    }
    let document = match args.family {
        Some(family) => scrub::schema(family.into()),
        None if args.asyncapi => Contract::of(&args.topic_prefix).asyncapi(),
        None => {
            let each =
                Family::ALL.map(|family| (family.as_str().to_owned(), scrub::schema(family)));
            Value::Object(Map::from_iter(each))
        }
    };
    Ok(print(&format!("{document:#}\n"))?)
}
