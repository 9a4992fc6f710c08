//! `schema`: the JSON Schema of each event family, for consumers.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{Failure, later, print};
use crate::event::Family;
use crate::scrub;

/// Which schema.
#[derive(Debug, Args)]
pub struct Schema {
    /// One family; without it all of them in one object by their names
    #[arg(value_enum)]
    pub family: Option<FamilyName>,
    /// The whole AsyncAPI document (not yet)
    #[arg(long)]
    pub asyncapi: bool,
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

/// Prints one schema, or all in one object.
///
/// # Errors
/// 2 for `--asyncapi`.
pub fn run(args: &Schema) -> Result<(), Failure> {
    if args.asyncapi {
        return Err(later("schema --asyncapi"));
    }
    let document = match args.family {
        Some(family) => scrub::schema(family.into()),
        None => {
            let each =
                Family::ALL.map(|family| (family.as_str().to_owned(), scrub::schema(family)));
            Value::Object(Map::from_iter(each))
        }
    };
    Ok(print(&format!("{document:#}\n"))?)
}
