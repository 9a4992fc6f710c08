//! From a new producer to its first batch: whose cursor is it, and where does it stand?
//!
//! The same steps whenever a producer is made: look at the cursor, judge it, fence older producers,
//! look again (now it is the last word, also on a commit whose outcome was not heard), write it
//! with our incarnation, publish.
//!
//! Two processes of one name do not take turns: whoever finds the cursor moved by another
//! incarnation since it began stops for good. And a process whose journal does not agree with the
//! cursor finds out before it fences anybody.

use super::holds::Holds;
use super::judge::{self, Mismatch, Ours, REMEDY};
use super::pause::Deadline;
use super::run::Run;
use super::window::Window;
use crate::bounds;
use crate::publish::{Failure, Found, Trouble};

impl Run<'_> {
    /// The cursor as far as it can be seen without fencing anybody: enough to find out that this is
    /// not our place, so that a process that has no right to publish disturbs none that has.
    pub(super) fn looked(&mut self, found: Option<&Found>) {
        self.outlook.answered();
        match self.judged(found) {
            // It may stand beyond somebody's open transaction: the last word tells.
            Some(Ok(_) | Err(Mismatch::Behind { .. } | Mismatch::Gone)) => {
                if let Some(wire) = self.exact.as_ref().and_then(|exact| exact.wire.as_ref()) {
                    wire.transactor.go();
                }
            }
            Some(Err(mismatch)) => self.mismatched(mismatch),
            None => {}
        }
    }

    /// The last word on what is published: nobody older can add to it.
    pub(super) fn opened(&mut self, found: Option<&Found>) {
        self.outlook.stepped();
        let through = match self.judged(found) {
            Some(Ok(through)) => through,
            Some(Err(mismatch)) => return self.mismatched(mismatch),
            None => return,
        };
        let Some(exact) = &mut self.exact else { return };
        if exact.mismatch.take().is_some() {
            self.outlook.resumed();
        }
        exact.committed = through;
        exact.me.began_at.get_or_insert(found.map(|found| found.offset));
        let mark = found.and_then(|found| found.mark.as_ref());
        if let Some(reason) = mark.and_then(|mark| mark.reason.as_deref()) {
            let reason: String = reason.chars().take(bounds::CURSOR_REASON_CHARS).collect();
            let before = self.counted;
            tracing::warn!(before, after = through, ?reason, "an operator has moved the cursor");
        }
        self.parts.journal.hold_back(&self.parts.route.lane, through);
        if through < self.cursor {
            tracing::warn!(after = through, "events are published again, as an operator decided");
            self.window = Window::of(&self.parts.route.lane);
            self.holds = Holds::default();
            (self.read, self.cursor) = (through, through);
        } else {
            self.window.published_through(through);
        }
        self.window.rewind();
        let digest = match self.parts.journal.digest(through) {
            Ok(digest) => digest,
            Err(error) => return self.unreadable_cursor(&error.to_string()),
        };
        tracing::info!(after = through, "publishing in transactions");
        self.publish(Vec::new(), Vec::new(), through, digest);
    }

    /// What is to be made of a record; `None` when that is settled already.
    fn judged(&mut self, found: Option<&Found>) -> Option<Result<u64, Mismatch>> {
        if self.exact.as_ref().is_some_and(|exact| exact.me.is_usurped(found)) {
            self.usurped();
            return None;
        }
        let journal = &self.parts.journal;
        let route = &self.parts.route;
        let judged = journal.cursor(&route.lane).and_then(|cursor| {
            let cursor = cursor.max(route.after);
            self.counted = cursor;
            judge::judge(found, &self.ours(cursor), |at| journal.digest(at))
        });
        match judged {
            Ok(judged) => Some(judged),
            Err(error) => {
                self.unreadable_cursor(&error.to_string());
                None
            }
        }
    }

    fn unreadable_cursor(&mut self, detail: &str) {
        self.let_go();
        self.stop(Failure { trouble: Trouble::Refused, detail: detail.to_owned() });
    }

    /// Waits until a human has decided, and looks now and again whether one has.
    fn mismatched(&mut self, mismatch: Mismatch) {
        self.outlook.stepped();
        self.let_go();
        self.pause = Some(Deadline::after(bounds::CURSOR_LOOK_AGAIN));
        let Some(exact) = &mut self.exact else { return };
        if exact.mismatch.as_ref() != Some(&mismatch) {
            self.parts.telemetry.gateway.publish_failed(Trouble::Cursor.as_str());
        }
        let detail = format!("{mismatch}; {REMEDY}");
        // Whoever decides writes the cursor, and is no second process.
        exact.me.began_at = None;
        exact.mismatch = Some(mismatch);
        self.outlook.stopped(Failure { trouble: Trouble::Cursor, detail });
    }

    fn usurped(&mut self) {
        self.outlook.stepped();
        self.let_go();
        if let Some(exact) = &mut self.exact {
            exact.me.over = true;
        }
        self.parts.telemetry.gateway.publish_failed(Trouble::Fenced.as_str());
        self.tell_of_the_usurper();
    }

    pub(super) fn tell_of_the_usurper(&mut self) {
        let instance = &self.parts.settings.instance;
        let detail = format!(
            "another process publishes as instance \"{instance}\", and this one stopped: give each \
             a server.instance and a journal.dir of its own, then restart this one"
        );
        self.outlook.stopped(Failure { trouble: Trouble::Fenced, detail });
    }

    pub(super) fn ours(&self, cursor: u64) -> Ours {
        let journal = &self.parts.journal;
        Ours {
            instance: journal.instance().to_string(),
            lane: self.parts.route.lane.name(),
            epoch: journal.epoch().to_string(),
            head: *journal.head().borrow(),
            cursor,
            marked: journal.marked(&self.parts.route.lane).is_some(),
        }
    }
}
