//! How Kafka looks from here, in words for `/readyz`, and the one place that logs it.
//!
//! A change is logged once; a trouble that goes on is logged again every ten minutes. What only
//! time can mend is a warning, what needs a human an error: nothing is lost in either case.

use std::sync::Arc;

use super::pause::Deadline;
use super::{Kafka, Status};
use crate::bounds;
use crate::event::Family;
use crate::publish::{Failure, Inspection, Trouble};

/// See the header.
pub(super) struct Outlook {
    /// The last word on whether brokers answer: why not, or `None`.
    away: Option<Failure>,
    /// Why a step of a transaction was not answered, until one is: a broker that tells of itself
    /// may still not answer for what we need.
    stumbled: Option<Failure>,
    /// Whether that word is theirs, or only that nothing is known yet.
    heard: bool,
    /// Why records cannot say of which schema they are; `None` where they can, or need not.
    unregistered: Option<Failure>,
    /// What stops the whole client, until the event it failed on is through.
    stopped: Option<Failure>,
    /// What stops one family, as publishing found it.
    held: Vec<(Family, Failure)>,
    /// What stops one family, as looking at the brokers found it.
    seen: Vec<(Family, Failure)>,
    /// Why cursors cannot be kept in Kafka, as looking at the brokers found it.
    cursor: Option<Failure>,
    warnings: Arc<[String]>,
    reminder: Option<Deadline>,
    /// Until then an answer counts as fresh.
    fresh: Option<Deadline>,
}

impl Outlook {
    /// Before any broker has answered.
    pub(super) fn new() -> Self {
        Self {
            away: Some(Failure { trouble: Trouble::Unreachable, detail: NO_ANSWER_YET.to_owned() }),
            stumbled: None,
            heard: false,
            unregistered: None,
            stopped: None,
            held: Vec::new(),
            seen: Vec::new(),
            cursor: None,
            warnings: Arc::default(),
            reminder: None,
            fresh: None,
        }
    }

    /// A broker answered or acknowledged.
    pub(super) fn answered(&mut self) {
        self.away = None;
        self.heard = true;
        self.fresh = Some(Deadline::after(bounds::BROKER_FRESH));
    }

    /// A step of a transaction was not answered, or not for us; or, with no failure, it came to
    /// something else, which is told of where it belongs.
    pub(super) fn stumbled(&mut self, failure: Option<Failure>) {
        self.stumbled = failure;
    }

    /// The steps of transactions are answered.
    pub(super) fn stepped(&mut self) {
        self.stumbled = None;
        self.answered();
    }

    /// Whether the last answer is so long ago that a question without one means something.
    pub(super) fn is_stale(&self) -> bool {
        self.fresh.is_none_or(Deadline::is_past)
    }

    /// No broker answers, or none believes us. Whether that is news.
    pub(super) fn away(&mut self, failure: Failure) -> bool {
        let known = self.away.as_ref().filter(|_| self.heard);
        // A broker that hangs up on us does not answer either: the reason for it says more.
        let refused = known.is_some_and(|known| known.trouble == Trouble::Authentication);
        if refused && failure.trouble == Trouble::Unreachable {
            return false;
        }
        let news = known.is_none_or(|known| known.trouble != failure.trouble);
        self.away = Some(failure);
        self.heard = true;
        news
    }

    /// Whether anything at all can be published now: brokers answer, and what a human must mend
    /// stands in the way of some family at most.
    pub(super) fn takes_any(&self) -> bool {
        let all = [&self.away, &self.stumbled, &self.unregistered, &self.stopped, &self.cursor];
        let blocked = |family| self.seen.iter().chain(&self.held).any(|(held, _)| *held == family);
        all.iter().all(|failure| failure.is_none()) && !Family::ALL.into_iter().all(blocked)
    }

    /// The registry of schemas has not answered yet.
    pub(super) fn registering(&mut self) {
        let detail = REGISTRY_PENDING.to_owned();
        self.unregistered = Some(Failure { trouble: Trouble::Unreachable, detail });
    }

    /// The registry of schemas does not answer, or does not take ours.
    pub(super) fn unregistered(&mut self, failure: Failure) {
        self.unregistered = Some(failure);
    }

    /// It has answered for all of our schemas.
    pub(super) fn registered(&mut self) {
        self.unregistered = None;
    }

    /// Publishing pauses.
    pub(super) fn stopped(&mut self, failure: Failure) {
        self.stopped = Some(failure);
    }

    /// What stopped the client is past.
    pub(super) fn resumed(&mut self) {
        self.stopped = None;
    }

    /// Which families are held, and why.
    pub(super) fn hold(&mut self, held: Vec<(Family, Failure)>) {
        self.held = held;
    }

    /// What looking at the brokers found.
    pub(super) fn seen(&mut self, found: &Inspection) {
        self.seen.clone_from(&found.blocked);
        self.cursor.clone_from(&found.cursor);
        for warning in found.warnings.iter() {
            if !self.warnings.contains(warning) {
                tracing::warn!("{warning}");
            }
        }
        self.warnings = Arc::clone(&found.warnings);
    }

    /// Writes the state down and logs what changed.
    pub(super) fn tell(&mut self, status: &mut Status) -> bool {
        let mut changed = false;
        if !Arc::ptr_eq(&status.warnings, &self.warnings) {
            status.warnings = Arc::clone(&self.warnings);
            changed = true;
        }
        let kafka = self.kafka();
        let due = kafka != Kafka::Up && self.reminder.is_some_and(Deadline::is_past);
        if kafka != status.kafka || due {
            // Brokers that are away are so for changing reasons: said once, then as reminders.
            let both = matches!((&kafka, &status.kafka), (Kafka::Down { .. }, Kafka::Down { .. }));
            // What is asked for the first time is no trouble yet.
            let asked = matches!(&kafka, Kafka::Down { reason } if reason == REGISTRY_PENDING);
            if due || !asked && (!both || self.reminder.is_none()) {
                log(&kafka);
                self.reminder = Some(Deadline::after(bounds::TROUBLE_REMINDER));
            }
            status.kafka = kafka;
            changed = true;
        }
        changed
    }

    fn kafka(&self) -> Kafka {
        let waiting = |failure: &Failure| Kafka::Waiting { reason: failure.detail.clone() };
        let all = [&self.away, &self.stumbled, &self.unregistered];
        if let Some(away) = all.into_iter().flatten().next() {
            return match away.trouble {
                Trouble::Unreachable => Kafka::Down { reason: away.detail.clone() },
                Trouble::UnknownTopic
                | Trouble::Unauthorized
                | Trouble::Authentication
                | Trouble::TooLarge
                | Trouble::Fatal
                | Trouble::Fenced
                | Trouble::Cursor
                | Trouble::Registry
                | Trouble::Refused => waiting(away),
            };
        }
        if let Some(stopped) = &self.stopped {
            return waiting(stopped);
        }
        // The brokers' own list is the fuller one; publishing knows what they do not say.
        let unseen = |(family, _): &&(Family, Failure)| !self.seen.iter().any(|(f, _)| f == family);
        let families = self.seen.iter().chain(self.held.iter().filter(unseen));
        let failures = families.map(|(_, failure)| failure).chain(&self.cursor);
        let reasons: Vec<_> = failures.map(|failure| failure.detail.as_str()).collect();
        if reasons.is_empty() {
            return Kafka::Up;
        }
        Kafka::Waiting { reason: reasons.join("; ") }
    }
}

/// The reason before there is one.
pub(super) const NO_ANSWER_YET: &str = "no broker has answered yet";
/// The same of the registry of schemas.
const REGISTRY_PENDING: &str = "schema registry: it has not answered yet";

fn log(kafka: &Kafka) {
    match kafka {
        Kafka::Up => tracing::info!("Kafka takes events"),
        Kafka::Down { reason } => {
            tracing::warn!("Kafka takes no events ({reason}): they wait in the journal");
        }
        Kafka::Waiting { reason } => {
            tracing::error!("a human is needed ({reason}): events wait in the journal");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(trouble: Trouble, detail: &str) -> Failure {
        Failure { trouble, detail: detail.to_owned() }
    }

    #[tokio::test]
    async fn a_missing_topic_is_named_once_though_two_know_of_it() {
        let mut outlook = Outlook::new();
        outlook.answered();
        let missing = failure(Trouble::UnknownTopic, "topic video.lifecycle is missing");
        outlook.hold(vec![(Family::Lifecycle, failure(Trouble::UnknownTopic, "unknown"))]);
        outlook.seen(&Inspection {
            blocked: vec![(Family::Lifecycle, missing)],
            ..Inspection::default()
        });
        let reason = "topic video.lifecycle is missing".to_owned();
        assert_eq!(outlook.kafka(), Kafka::Waiting { reason });
    }

    #[tokio::test]
    async fn brokers_that_are_away_come_before_all_else_and_are_news_once() {
        let mut outlook = Outlook::new();
        outlook.stopped(failure(Trouble::Refused, "x"));
        assert!(outlook.away(failure(Trouble::Unreachable, "down")));
        assert!(!outlook.away(failure(Trouble::Unreachable, "down")));
        let reason = "down".to_owned();
        assert_eq!(outlook.kafka(), Kafka::Down { reason });
    }

    #[tokio::test]
    async fn a_step_that_was_not_answered_is_shown_until_one_is() {
        let mut outlook = Outlook::new();
        outlook.stumbled(Some(failure(Trouble::Unreachable, "no coordinator")));
        outlook.answered();
        let reason = "no coordinator".to_owned();
        assert!(!outlook.takes_any() && outlook.kafka() == Kafka::Down { reason });
        outlook.stepped();
        assert!(outlook.takes_any() && outlook.kafka() == Kafka::Up);
    }

    #[tokio::test]
    async fn a_step_that_comes_to_something_else_hides_no_human_s_work() {
        let mut outlook = Outlook::new();
        outlook.stumbled(Some(failure(Trouble::Unreachable, "no coordinator")));
        outlook.answered();
        outlook.stumbled(None);
        outlook.stopped(failure(Trouble::Unauthorized, "the transactional id may not be used"));
        let reason = "the transactional id may not be used".to_owned();
        assert_eq!(outlook.kafka(), Kafka::Waiting { reason });
    }

    #[tokio::test]
    async fn why_brokers_hang_up_on_us_says_more_than_that_they_do() {
        let mut outlook = Outlook::new();
        assert!(outlook.away(failure(Trouble::Authentication, "bad password")));
        assert!(!outlook.away(failure(Trouble::Unreachable, "down")));
        let reason = "bad password".to_owned();
        assert_eq!(outlook.kafka(), Kafka::Waiting { reason });
        outlook.answered();
        assert!(outlook.away(failure(Trouble::Unreachable, "down")));
    }

    #[tokio::test]
    async fn nothing_is_taken_while_a_human_is_needed_for_all_of_it() {
        let mut outlook = Outlook::new();
        assert!(!outlook.takes_any());
        outlook.answered();
        assert!(outlook.takes_any());
        outlook.stopped(failure(Trouble::Fenced, "another gateway has its name"));
        assert!(!outlook.takes_any());
        outlook.resumed();
        let blocked = |family| (family, failure(Trouble::UnknownTopic, "missing"));
        outlook.hold(vec![blocked(Family::Quarantine)]);
        let mut found = Inspection::default();
        found.blocked.extend([Family::Recording, Family::Participant].map(blocked));
        outlook.seen(&found);
        assert!(outlook.takes_any(), "events of one family still go");
        found.blocked.push(blocked(Family::Lifecycle));
        outlook.seen(&found);
        assert!(!outlook.takes_any());
        outlook.hold(Vec::new());
        let cursor = Some(failure(Trouble::Unauthorized, "the group may not be read"));
        outlook.seen(&Inspection { cursor, ..Inspection::default() });
        assert!(!outlook.takes_any());
    }

    #[tokio::test]
    async fn a_state_is_told_when_it_changes() {
        let mut outlook = Outlook::new();
        let mut status = Status::new(0);
        assert!(!outlook.tell(&mut status));
        outlook.answered();
        assert!(outlook.tell(&mut status) && status.kafka == Kafka::Up);
        assert!(!outlook.tell(&mut status));
    }
}
