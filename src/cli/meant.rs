//! Which events are meant: the options that `events`, `quarantine` and `replay` share.
//!
//! What may be seen stands on the command line (`r1_…`, `k1_…`, `p1_…`, names that may leave). A
//! room's own name and a provider's id come another way (`given.rs`) and make the filter bare: it
//! then travels in a body.

use clap::Args;

use super::Failure;
use super::given::From;
use crate::desk::{EventState, Filter};
use crate::event::EventId;
use crate::scrub::names::is_name;

/// All that is given must hold; nothing given means all.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which events")]
pub struct Meant {
    /// Received at or after this moment: RFC 3339, or back from now such as 90s, 2h, 7d
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Received before this moment, in the same forms
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// The source
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// The kind, such as recording.ready; recording.* for all that begin so
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// The family: recording, participant, lifecycle or quarantine
    #[arg(long, value_name = "FAMILY")]
    pub family: Option<String>,
    /// The room as it may be seen: r1_…, k1_… or a name that may leave
    #[arg(long, value_name = "ROOM")]
    pub room: Option<String>,
    /// The room by its own name: - (standard input), prompt, or a file that holds it
    #[arg(long, value_name = "-|prompt|FILE", conflicts_with = "room")]
    pub room_from: Option<From>,
    /// The person as p1_…, of any version
    #[arg(long, value_name = "p1_…")]
    pub participant: Option<String>,
    /// The person by the provider's id: - (standard input), prompt, or a file that holds it
    #[arg(long, value_name = "-|prompt|FILE", conflicts_with = "participant")]
    pub participant_from: Option<From>,
    /// The event's id, ev1_…
    #[arg(long, value_name = "ev1_…")]
    pub event_id: Option<String>,
    /// Why it is in quarantine: unknown_kind, malformed, pii_violation, too_large_for_kafka
    #[arg(long, value_name = "REASON")]
    pub quarantined_for: Option<String>,
}

impl Meant {
    /// Whether a name was given that may not stand in a URL.
    pub(super) fn is_bare(&self) -> bool {
        self.room_from.is_some() || self.participant_from.is_some()
    }

    /// The filter, with what comes from elsewhere read.
    ///
    /// # Errors
    /// 2 for what cannot be read.
    pub(super) fn filter(&self, state: Option<EventState>) -> Result<Filter, Failure> {
        let meant = self.clone();
        meant.participant.as_deref().map(pseudonym).transpose()?;
        meant.event_id.as_deref().map(event_id).transpose()?;
        if meant.room_from == Some(From::Stdin) && meant.participant_from == Some(From::Stdin) {
            let text = "--room-from and --participant-from: only one can be standard input";
            return Err(Failure::Usage(text.to_owned()));
        }
        let room = read(meant.room, meant.room_from.as_ref(), "Room's name", "--room-from")?;
        let (from, what) = (meant.participant_from.as_ref(), "Provider's id of the person");
        let participant = read(meant.participant, from, what, "--participant-from")?;
        Ok(Filter {
            since: meant.since,
            until: meant.until,
            source: meant.source,
            tenant: meant.tenant,
            kind: meant.kind,
            family: meant.family,
            room,
            participant,
            event_id: meant.event_id,
            state,
            reason: meant.quarantined_for,
            limit: None,
            cursor: None,
        })
    }
}

/// What was given on the command line, or else what comes from elsewhere.
pub(super) fn read(
    seen: Option<String>,
    from: Option<&From>,
    what: &str,
    option: &str,
) -> Result<Option<String>, Failure> {
    match (seen, from) {
        (Some(seen), _) => Ok(Some(seen)),
        (None, Some(from)) => from.read(what, option).map(Some),
        (None, None) => Ok(None),
    }
}

/// Whether this is a person as they may be seen. It is not repeated: it may be somebody's name.
pub(super) fn pseudonym(text: &str) -> Result<(), Failure> {
    let rule = "--participant: must be such as p1_ and 26 letters or digits; a provider's id \
         comes with --participant-from";
    if is_name(text, 'p') { Ok(()) } else { Err(Failure::Usage(rule.to_owned())) }
}

fn event_id(text: &str) -> Result<(), Failure> {
    let rule = "--event-id: must be ev1_ and 26 letters or digits, as answers and lists show it";
    match EventId::parse(text) {
        Some(_) => Ok(()),
        None => Err(Failure::Usage(rule.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_name_is_neither_taken_for_a_pseudonym_nor_repeated() {
        let meant = |participant: &str, event_id: &str| Meant {
            participant: Some(participant.to_owned()),
            event_id: Some(event_id.to_owned()),
            ..Meant::default()
        };
        let digest = "2a".repeat(13);
        for person in [format!("p1_{digest}"), format!("p12_{digest}")] {
            assert!(meant(&person, &format!("ev1_{digest}")).filter(None).is_ok());
        }
        for (participant, event_id) in [("canary", "ev1_"), ("p1_canary", "ev1_")] {
            let Err(Failure::Usage(said)) = meant(participant, event_id).filter(None) else {
                panic!("{participant} is taken");
            };
            assert!(said.starts_with("--participant") && !said.contains("canary"), "{said}");
        }
    }
}
