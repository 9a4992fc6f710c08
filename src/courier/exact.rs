//! Exactly once: batches of the window as transactions, one at a time, each with the cursor.
//!
//! A batch is whatever waits when the one before is committed, so batches grow with the backlog. It
//! is the window's front, in order, without gaps: the cursor in the same transaction says that all
//! before it is published. So a topic that takes nothing holds up every family here.
//!
//! What happens before the first batch of a producer is in `takeover.rs`.

use super::identity::Identity;
use super::judge::{self, Mismatch};
use super::pause::{Backoff, Deadline};
use super::run::Run;
use crate::bounds;
use crate::event::{Digest128, Family};
use crate::journal::Marked;
use crate::publish::{
    Answer, Answers, Arrived, Batch, Failure, Inspection, Record, SettingsError, Transactor,
    Trouble,
};

/// What exactly-once delivery knows beside the window.
pub(super) struct Exact<'a> {
    pub(super) me: &'a mut Identity,
    pub(super) wire: Option<Wire>,
    /// Records that the next transaction may have.
    share: usize,
    /// Families that the brokers are known to take nothing for.
    blocked: Vec<Family>,
    /// Where Kafka's cursor is known to stand.
    pub(super) committed: u64,
    /// Until then it does not move over events of others alone.
    pub(super) passes: Option<Deadline>,
    /// Why it waits for a human to decide about the cursor.
    pub(super) mismatch: Option<Mismatch>,
}

/// The producer at hand, and what it is at.
pub(super) struct Wire {
    pub(super) transactor: Transactor,
    answers: Answers,
    batch_bytes: usize,
    stage: Stage,
    /// Where the cursor stands once the batch in hand is committed.
    mark: Option<Marked>,
}

pub(super) enum Stage {
    /// The thread works towards its first batch.
    Opening,
    /// It waits for a batch.
    Idle,
    /// It has one: these slots, with their families.
    Busy(Vec<(usize, Family)>),
}

/// What the producer says.
pub(super) enum Word {
    /// To the step in hand; `None`: its thread ended by a defect.
    Answer(Option<Answer>),
    /// About itself.
    Ailment(Failure),
}

impl<'a> Exact<'a> {
    /// Of a run that begins.
    pub(super) fn new(me: &'a mut Identity) -> Self {
        Self {
            me,
            wire: None,
            share: bounds::TRANSACTION_RECORDS,
            blocked: Vec::new(),
            committed: 0,
            passes: None,
            mismatch: None,
        }
    }

    /// The next thing that the producer says; never, while there is none.
    pub(super) async fn next_word(&mut self) -> Word {
        let Some(wire) = &mut self.wire else {
            return std::future::pending().await;
        };
        let Answers { answers, ailments } = &mut wire.answers;
        tokio::select! {
            biased;
            answer = answers.recv() => Word::Answer(answer),
            failure = ailments.next() => Word::Ailment(failure),
        }
    }

    /// Whether waiting for it is in vain: a human must decide first.
    pub(super) fn is_stopped(&self) -> bool {
        self.me.over || self.mismatch.is_some()
    }

    /// Whether there is a producer.
    pub(super) fn is_open(&self) -> bool {
        self.wire.is_some()
    }

    /// Lets the producer go. What it had not committed never appears.
    pub(super) fn close(&mut self) {
        self.wire = None;
    }
}

impl Run<'_> {
    /// Opens a producer where one is due.
    pub(super) fn mend_exact(&mut self) {
        if self.pause.is_some_and(Deadline::is_past) {
            self.pause = None;
        }
        let Some(exact) = &mut self.exact else { return };
        let unfit =
            |wire: &Wire| matches!(wire.stage, Stage::Idle) && wire.batch_bytes != self.batch_bytes;
        if exact.wire.as_ref().is_some_and(unfit) {
            exact.wire = None;
        }
        if exact.wire.is_some() || exact.me.over || self.pause.is_some() {
            return;
        }
        if let Err(error) = self.open_exact() {
            self.stop(Failure { trouble: Trouble::Refused, detail: error.to_string() });
        }
    }

    fn open_exact(&mut self) -> Result<(), SettingsError> {
        let ready = self.is_ready()?;
        let ((heard, tracing), lane) = (self.told(), self.parts.route.lane.name());
        if let (true, Some(exact)) = (ready, &mut self.exact) {
            let (settings, batch_bytes) = (&self.parts.settings, self.batch_bytes);
            let (transactor, answers) =
                Transactor::open(settings, &lane, batch_bytes, heard, tracing)?;
            let stage = Stage::Opening;
            exact.wire = Some(Wire { transactor, answers, batch_bytes, stage, mark: None });
        }
        Ok(())
    }

    /// Gives the producer the next batch, if it waits for one. Whether it got one.
    pub(super) fn dispatch(&mut self) -> bool {
        let allowed = self.allowance();
        let Some(Exact { wire: Some(wire), share, blocked, .. }) = &self.exact else {
            return false;
        };
        if !matches!(wire.stage, Stage::Idle) || self.pause.is_some() {
            return false;
        }
        let mut records = Vec::new();
        let mut slots = Vec::new();
        let mut bytes = 0;
        while records.len() < allowed.min(*share) {
            let Some((slot, record)) = self.window.next_to_send(None, |_| false) else {
                break;
            };
            let family = record.family;
            let size = record.key.len() + record.value.len();
            let full = !records.is_empty() && bytes + size > bounds::TRANSACTION_BYTES;
            if full || self.holds.is_held(family) || blocked.contains(&family) {
                break;
            }
            bytes += size;
            self.window.sent(slot);
            self.trail.sent(slot, self.window.front(), &self.parts.clock);
            slots.push((slot, family));
            records.push((slot, record));
        }
        self.pace.went(records.len());
        let Some((last, _)) = slots.last().copied() else {
            return self.pass();
        };
        let Some((sequence, digest)) =
            self.window.event(last).map(|event| (event.sequence, event.digest()))
        else {
            return false;
        };
        self.publish(records, slots, sequence, Some(digest));
        true
    }

    pub(super) fn publish(
        &mut self,
        records: Vec<(usize, Record)>,
        slots: Vec<(usize, Family)>,
        sequence: u64,
        digest: Option<Digest128>,
    ) {
        let ours = self.ours(self.counted);
        let Some(exact) = &mut self.exact else { return };
        let mark = judge::mark(&ours, sequence, digest, &exact.me.incarnation);
        if let Some(wire) = &mut exact.wire {
            wire.transactor.publish(Batch { records, mark });
            wire.stage = Stage::Busy(slots);
            wire.mark = Some(Marked { sequence, digest });
        }
    }

    /// Takes what the producer said.
    pub(super) fn answered(&mut self, answer: Option<Answer>) {
        match answer {
            Some(Answer::Looked(found)) => self.looked(found.as_ref()),
            Some(Answer::Opened(found)) => self.opened(found.as_ref()),
            Some(Answer::Committed(arrived)) => self.committed(&arrived),
            Some(Answer::Aborted { failures, cause }) => self.aborted(failures, cause),
            Some(Answer::Ended(failure)) => self.ended(failure),
            None => self.ended(Failure {
                trouble: Trouble::Fatal,
                detail: "the producer's thread ended by a defect".to_owned(),
            }),
        }
    }

    fn committed(&mut self, arrived: &[Arrived]) {
        self.outlook.stepped();
        let wire = self.exact.as_mut().and_then(|exact| exact.wire.as_mut());
        let mark = wire.and_then(|wire| wire.mark.take());
        if let (Some(mark), Some(exact)) = (mark, &mut self.exact) {
            exact.committed = mark.sequence;
            self.parts.journal.mark(&self.parts.route.lane, mark);
        }
        let slots = self.slots_in_hand();
        for Arrived { slot, partition, offset } in arrived {
            // Slots are handed out in their order.
            if let Ok(place) = slots.binary_search_by_key(slot, |(slot, _)| *slot)
                && let Some((_, family)) = slots.get(place)
            {
                self.note(*slot, *family, *partition, *offset);
                self.tell_published(*slot, *family, (*partition, *offset));
            }
        }
        for (slot, family) in &slots {
            self.window.acknowledged(*slot);
            self.count(*family);
        }
        if slots.is_empty() && !self.is_empty() {
            // Only the cursor: whether events are taken, the next batch tells.
            return;
        }
        if let Some(exact) = &mut self.exact {
            exact.share = (exact.share * 2).min(bounds::TRANSACTION_RECORDS);
        }
        self.backoff = Backoff::default();
        self.outlook.resumed();
    }

    /// None of the batch is there; the producer goes on.
    fn aborted(&mut self, failures: Vec<(usize, Failure)>, cause: Failure) {
        let slots = self.put_back();
        let gauges = &self.parts.telemetry.gateway;
        gauges.publish_failed(cause.trouble.as_str());
        let mut mended = false;
        let mut too_large = None;
        for (slot, failure) in failures {
            match failure.trouble {
                Trouble::UnknownTopic | Trouble::Unauthorized => {
                    self.hold(slot, failure);
                    mended = true;
                }
                Trouble::TooLarge => {
                    let first = too_large.get_or_insert((slot, failure.clone()));
                    if slot < first.0 {
                        *first = (slot, failure);
                    }
                }
                Trouble::Authentication
                | Trouble::Fatal
                | Trouble::Fenced
                | Trouble::Cursor
                | Trouble::Registry
                | Trouble::Unreachable
                | Trouble::Refused => {}
            }
        }
        if let Some((slot, failure)) = too_large {
            return self.isolate(slot, failure, &slots);
        }
        if cause.trouble == Trouble::Unreachable {
            // After a change of leaders a client can go on believing that there is none (seen with
            // a broker frozen for longer than its session): a new one asks.
            self.let_go();
        }
        if !mended {
            self.falter(cause);
        }
    }

    /// Takes a batch apart until what is too large stands alone, then puts it into quarantine.
    fn isolate(&mut self, slot: usize, failure: Failure, slots: &[(usize, Family)]) {
        if slots.len() <= 1 {
            if self.window.is_oversized(slot) {
                let detail = format!("even a quarantine record is too large: {}", failure.detail);
                return self.stop(Failure { trouble: Trouble::Refused, detail });
            }
            return self.quarantine(slot);
        }
        let before = slots.iter().take_while(|(other, _)| *other < slot).count();
        if let Some(exact) = &mut self.exact {
            exact.share = before.max(1);
        }
        self.shrink_batches();
    }

    /// This producer is no more.
    pub(super) fn ended(&mut self, failure: Failure) {
        self.parts.telemetry.gateway.publish_failed(failure.trouble.as_str());
        self.begin_anew(failure);
    }

    /// Another producer takes its place.
    pub(super) fn begin_anew(&mut self, cause: Failure) {
        self.put_back();
        self.let_go();
        self.falter(cause);
    }

    /// Pauses, and says why as far as nobody else does.
    fn falter(&mut self, failure: Failure) {
        let unanswered = matches!(failure.trouble, Trouble::Unreachable | Trouble::Authentication);
        self.outlook.stumbled(unanswered.then(|| failure.clone()));
        match failure.trouble {
            Trouble::Unreachable | Trouble::Authentication => {
                self.pause = Some(Deadline::after(self.backoff.next()));
            }
            // Who looks at the brokers tells of the missing cursor topic, or makes it.
            Trouble::UnknownTopic => self.pause = Some(Deadline::after(self.backoff.next())),
            Trouble::Unauthorized
            | Trouble::TooLarge
            | Trouble::Fatal
            | Trouble::Fenced
            | Trouble::Cursor
            | Trouble::Registry
            | Trouble::Refused => self.stop(failure),
        }
    }

    /// What looking at the brokers found for us.
    pub(super) fn inspected_exact(&mut self, found: &Inspection) {
        let Some(exact) = &mut self.exact else { return };
        exact.blocked = found.blocked.iter().map(|(family, _)| *family).collect();
        let was_away = exact.wire.is_none() && exact.mismatch.is_none();
        if found.unreachable.is_none() && found.cursor.is_none() && was_away {
            self.pause = None;
        }
    }

    fn slots_in_hand(&mut self) -> Vec<(usize, Family)> {
        let wire = self.exact.as_mut().and_then(|exact| exact.wire.as_mut());
        match wire.map(|wire| std::mem::replace(&mut wire.stage, Stage::Idle)) {
            Some(Stage::Busy(slots)) => slots,
            Some(Stage::Opening | Stage::Idle) | None => Vec::new(),
        }
    }

    /// What was in hand waits again.
    fn put_back(&mut self) -> Vec<(usize, Family)> {
        let slots = self.slots_in_hand();
        for (slot, _) in &slots {
            self.window.waits_again(*slot);
        }
        self.window.rewind();
        slots
    }

    pub(super) fn let_go(&mut self) {
        if let Some(exact) = &mut self.exact {
            exact.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{Found, Mark};

    #[test]
    fn who_was_usurped_stays_so_in_the_next_run() {
        let mut me = Identity::new();
        let mark = |incarnation: &str| Mark {
            instance: "gate-1".to_owned(),
            lane: "live".to_owned(),
            epoch: "e".to_owned(),
            sequence: 7,
            digest: None,
            incarnation: incarnation.to_owned(),
            again: false,
            reason: None,
        };
        let found = |incarnation: &str| Found { mark: Some(mark(incarnation)), offset: 9 };
        Exact::new(&mut me).me.began_at = Some(Some(3));
        let again = Exact::new(&mut me);
        assert!(again.me.is_usurped(Some(&found("another"))));
        let ours = again.me.incarnation.clone();
        assert!(!again.me.is_usurped(Some(&found(&ours))));
        again.me.over = true;
        assert!(Exact::new(&mut me).is_stopped());
    }
}
