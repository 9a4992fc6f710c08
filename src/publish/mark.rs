//! The cursor as Kafka keeps it: one record a lane, written in the transactions of the records that
//! it speaks of, so that both are there or neither.
//!
//! It says whose it is (instance, lane, the process's incarnation), of which journal (epoch), how
//! far that journal is published (sequence), and which event stands there (digest): enough to tell
//! a journal that was restored, copied or replaced from the one that was published.

use serde::{Deserialize, Serialize};

/// See the header. Digests are in their printed form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whose cursor.
    pub instance: String,
    /// Which of its lanes.
    pub lane: String,
    /// The journal's epoch.
    pub epoch: String,
    /// Every event of the journal up to and including this sequence is published.
    pub sequence: u64,
    /// The digest of that event; absent where the journal has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The process that wrote it: random, new with each.
    pub incarnation: String,
    /// It lies behind the journal's own cursor because an operator wants it so: what stands between
    /// is published again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
    /// Why an operator put it there; absent where a courier wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A record found under our key in the cursor topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says; `None` if it cannot be understood.
    pub mark: Option<Mark>,
    /// Where it stands.
    pub offset: i64,
}

impl Mark {
    /// The record key of a lane's cursor.
    pub fn key(instance: &str, lane: &str) -> String {
        format!("{instance}/{lane}")
    }

    /// As it is written.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_as_it_was_written_and_leaves_out_what_it_has_not() {
        let mut mark = Mark {
            instance: "gate-1".to_owned(),
            lane: "live".to_owned(),
            epoch: "e".to_owned(),
            sequence: 7,
            digest: None,
            incarnation: "i".to_owned(),
            again: false,
            reason: None,
        };
        let text =
            r#"{"instance":"gate-1","lane":"live","epoch":"e","sequence":7,"incarnation":"i"}"#;
        assert_eq!(mark.to_json(), text.as_bytes());
        assert_eq!(serde_json::from_str::<Mark>(text).unwrap(), mark);
        (mark.digest, mark.again) = (Some("d".to_owned()), true);
        mark.reason = Some("r".to_owned());
        assert_eq!(serde_json::from_slice::<Mark>(&mark.to_json()).unwrap(), mark);
    }
}
