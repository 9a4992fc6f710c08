//! Lanes: the places at which the journal is read on its way to Kafka, each with a cursor of its
//! own, so that nothing held or replayed stands in the way of the rest.

use std::borrow::Cow;

use crate::event::{ReplayId, SourceName};

/// Whose place it is. Prints as its name on disk and in Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Live traffic.
    Live,
    /// One source on hold, from the sequence behind which it is held until its held events are
    /// out. Its events count in the ledger like those of live traffic.
    Source {
        /// The source.
        source: SourceName,
        /// The last sequence before its hold: another hold is another lane, whose cursor in Kafka
        /// begins anew.
        since: u64,
    },
    /// One replay. What it publishes stands outside the ledger.
    Replay(ReplayId),
}

impl Lane {
    /// Its name, on disk and in Kafka: `live`, `source:NAME:SINCE`, `replay:ID`.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Live => Cow::Borrowed("live"),
            Self::Source { source, since } => Cow::Owned(format!("source:{source}:{since}")),
            Self::Replay(id) => Cow::Owned(format!("replay:{id}")),
        }
    }

    /// Whether what it publishes counts in the ledger.
    pub const fn is_in_ledger(&self) -> bool {
        match self {
            Self::Live | Self::Source { .. } => true,
            Self::Replay(_) => false,
        }
    }

    /// Reads what [`Lane::name`] writes.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "live" {
            return Some(Self::Live);
        }
        let (kind, rest) = name.split_once(':')?;
        match kind {
            "source" => {
                let (source, since) = rest.rsplit_once(':')?;
                Some(Self::Source { source: SourceName::new(source), since: since.parse().ok()? })
            }
            "replay" => ReplayId::parse(rest).map(Self::Replay),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_reads_back_from_its_name() {
        let id = ReplayId::parse("rp_abcdefgh2345").unwrap();
        let held = Lane::Source { source: SourceName::new("a-b"), since: 7 };
        let lanes = [Lane::Live, held, Lane::Replay(id)];
        let names = ["live", "source:a-b:7", "replay:rp_abcdefgh2345"];
        for (lane, name) in lanes.iter().zip(names) {
            assert_eq!(lane.name(), name);
            assert_eq!(Lane::parse(name).as_ref(), Some(lane));
        }
        assert_eq!(
            ["", "dead", "replay:../x", "other:a", "source:a"].map(Lane::parse),
            [const { None }; 5]
        );
    }
}
