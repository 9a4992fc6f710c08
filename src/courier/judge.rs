//! Whether the cursor in Kafka is this journal's, before anything is published after it.
//!
//! Pure. A journal that was restored gives numbers again that Kafka's cursor has passed: its new
//! events would be skipped. A copied one would publish the same events beside its twin. Neither can
//! be told from the sequence alone; epoch and digest tell. What to do then is an operator's choice,
//! so every mismatch names the command that shows the choices.

use std::borrow::Cow;

use crate::event::Digest128;
use crate::journal::ReadError;
use crate::publish::{Found, Mark};

/// What the journal says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Whose journal it is.
    pub instance: String,
    /// The lane in question.
    pub lane: Cow<'static, str>,
    /// Its epoch, as printed.
    pub epoch: String,
    /// Its last sequence.
    pub head: u64,
    /// Its own cursor of the lane.
    pub cursor: u64,
    /// Whether Kafka is known to have had a cursor of it.
    pub marked: bool,
}

/// Why nothing may be published after Kafka's cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// There is no record, and there was one.
    #[error(
        "the cursor is no longer in Kafka: its topic was made anew or forgot it, or topic_prefix \
         or brokers are others now"
    )]
    Gone,
    /// The record cannot be understood.
    #[error("the cursor in Kafka cannot be understood: a newer hookgate or somebody else wrote it")]
    Unreadable,
    /// The record under our key names somebody else.
    #[error("the cursor in Kafka is that of instance {0:?}")]
    OtherInstance(String),
    /// The record speaks of another journal.
    #[error(
        "the cursor in Kafka is of another journal: this one is new, or a second process has this \
         instance's name"
    )]
    OtherJournal,
    /// The record is beyond the journal's end.
    #[error(
        "the cursor in Kafka ({mark}) is ahead of the journal's head ({head}): the journal was \
         restored from a copy, or its disk lost what it had confirmed"
    )]
    Ahead {
        /// Where Kafka's cursor stands.
        mark: u64,
        /// Where the journal ends.
        head: u64,
    },
    /// Another event stands where the record stands.
    #[error(
        "event {0} of the journal is not the one that Kafka's cursor was written for: the journal \
         was restored from a copy, or copied"
    )]
    OtherEvent(u64),
    /// The event where the record stands is gone or damaged, and its digest too.
    #[error(
        "event {0}, where Kafka's cursor stands, is no longer known to the journal, or its row is \
         damaged: run `hookgate journal check`"
    )]
    Forgotten(u64),
    /// The journal's own cursor is further.
    #[error(
        "the cursor in Kafka ({mark}) is behind the journal's own ({cursor}): events were \
         published with delivery = \"at_least_once\" meanwhile, or Kafka lost what it had confirmed"
    )]
    Behind {
        /// Where Kafka's cursor stands.
        mark: u64,
        /// Where the journal's own stands.
        cursor: u64,
    },
}

/// The way out of every mismatch.
pub const REMEDY: &str = "`hookgate journal adopt --config FILE` shows the choices and resolves it";

/// After which sequence publishing goes on: Kafka's word where there is one, else the journal's.
///
/// # Errors
/// The inner one where both speak of different things; the outer one where the journal cannot be
/// read.
pub fn judge(
    found: Option<&Found>,
    ours: &Ours,
    digest: impl FnOnce(u64) -> Result<Option<Digest128>, ReadError>,
) -> Result<Result<u64, Mismatch>, ReadError> {
    let Some(found) = found else {
        return Ok(if ours.marked { Err(Mismatch::Gone) } else { Ok(ours.cursor) });
    };
    let Some(mark) = &found.mark else {
        return Ok(Err(Mismatch::Unreadable));
    };
    let at = mark.sequence;
    if mark.instance != ours.instance || mark.lane != ours.lane {
        return Ok(Err(Mismatch::OtherInstance(mark.instance.clone())));
    }
    if mark.epoch != ours.epoch {
        return Ok(Err(Mismatch::OtherJournal));
    }
    if at > ours.head {
        return Ok(Err(Mismatch::Ahead { mark: at, head: ours.head }));
    }
    if let Some(expected) = &mark.digest {
        match digest(at)? {
            None => return Ok(Err(Mismatch::Forgotten(at))),
            Some(digest) if digest.to_string() != *expected => {
                return Ok(Err(Mismatch::OtherEvent(at)));
            }
            Some(_) => {}
        }
    }
    if at < ours.cursor && !mark.again {
        return Ok(Err(Mismatch::Behind { mark: at, cursor: ours.cursor }));
    }
    Ok(Ok(at))
}

/// What is to be written for a journal that is published up to a sequence.
pub fn mark(ours: &Ours, sequence: u64, digest: Option<Digest128>, incarnation: &str) -> Mark {
    Mark {
        instance: ours.instance.clone(),
        lane: ours.lane.to_string(),
        epoch: ours.epoch.clone(),
        sequence,
        digest: digest.map(|digest| digest.to_string()),
        incarnation: incarnation.to_owned(),
        again: sequence < ours.cursor,
        reason: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: Digest128 = Digest128([7; 16]);

    fn ours() -> Ours {
        Ours {
            instance: "gate-1".to_owned(),
            lane: Cow::Borrowed("live"),
            epoch: "e".to_owned(),
            head: 20,
            cursor: 10,
            marked: true,
        }
    }

    fn verdict(change: impl FnOnce(&mut Mark)) -> Result<u64, Mismatch> {
        let mut mark = mark(&ours(), 12, Some(DIGEST), "i");
        change(&mut mark);
        let found = Found { mark: Some(mark), offset: 3 };
        judge(Some(&found), &ours(), |_| Ok(Some(DIGEST))).unwrap()
    }

    #[test]
    fn kafkas_cursor_counts_where_it_is_this_journals() {
        assert_eq!(verdict(|_| {}), Ok(12));
        assert_eq!(verdict(|mark| mark.sequence = 20), Ok(20));
        assert_eq!(verdict(|mark| mark.digest = None), Ok(12));
    }

    #[test]
    fn without_one_the_journals_own_counts_unless_there_was_one() {
        let first = Ours { marked: false, ..ours() };
        assert_eq!(judge(None, &first, |_| Ok(None)).unwrap(), Ok(10));
        assert_eq!(judge(None, &ours(), |_| Ok(None)).unwrap(), Err(Mismatch::Gone));
    }

    #[test]
    fn every_sign_of_another_journal_stops_the_courier() {
        let other = "gate-2".to_owned();
        assert_eq!(
            verdict(|mark| mark.instance.clone_from(&other)),
            Err(Mismatch::OtherInstance(other))
        );
        assert_eq!(verdict(|mark| mark.epoch.clear()), Err(Mismatch::OtherJournal));
        let ahead = Mismatch::Ahead { mark: 21, head: 20 };
        assert_eq!(verdict(|mark| mark.sequence = 21), Err(ahead));
        assert_eq!(
            verdict(|mark| mark.digest = Some("x".to_owned())),
            Err(Mismatch::OtherEvent(12))
        );
        let behind = Mismatch::Behind { mark: 9, cursor: 10 };
        assert_eq!(verdict(|mark| mark.sequence = 9), Err(behind));
        let unreadable = Found { mark: None, offset: 0 };
        let judged = judge(Some(&unreadable), &ours(), |_| Ok(None)).unwrap();
        assert_eq!(judged, Err(Mismatch::Unreadable));
        let known = Found { mark: Some(mark(&ours(), 12, Some(DIGEST), "i")), offset: 0 };
        let judged = judge(Some(&known), &ours(), |_| Ok(None)).unwrap();
        assert_eq!(judged, Err(Mismatch::Forgotten(12)));
    }

    #[test]
    fn a_cursor_that_an_operator_put_back_is_obeyed() {
        let again = mark(&ours(), 4, Some(DIGEST), "i");
        assert!(again.again);
        let found = Found { mark: Some(again), offset: 0 };
        assert_eq!(judge(Some(&found), &ours(), |_| Ok(Some(DIGEST))).unwrap(), Ok(4));
    }
}
