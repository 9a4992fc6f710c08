//! What a client says of itself, on its way to whoever minds it.
//!
//! One word waits at a time, the latest, but never in the place of one that says more: brokers that
//! do not believe us hang up on us, and the client tells of both within one moment, of the reason
//! once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::publish::{Failure, Trouble};

/// Where the words of one client arrive.
pub struct Ailments(Arc<Place>);

/// Where it says them.
pub(super) struct Complaints(Arc<Place>);

#[derive(Default)]
struct Place {
    waits: Mutex<Option<Failure>>,
    told: Notify,
}

/// Both ends.
pub(super) fn ailments() -> (Complaints, Ailments) {
    let place = Arc::new(Place::default());
    (Complaints(Arc::clone(&place)), Ailments(place))
}

impl Complaints {
    /// Never waits.
    pub(super) fn tell(&self, failure: Failure) {
        let mut waits = self.0.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let says_more =
            waits.as_ref().is_some_and(|before| says(before.trouble) > says(failure.trouble));
        if !says_more {
            *waits = Some(failure);
            self.0.told.notify_one();
        }
    }
}

impl Ailments {
    /// The next word; never, while there is none. May be dropped at any time: nothing is lost.
    pub async fn next(&mut self) -> Failure {
        loop {
            let waits = self.0.waits.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(failure) = waits {
                return failure;
            }
            self.0.told.notified().await;
        }
    }
}

/// How much a trouble of a whole client says: that it is over, why brokers hang up, that they do.
fn says(trouble: Trouble) -> u8 {
    match trouble {
        Trouble::Fatal | Trouble::Fenced => 2,
        Trouble::Unreachable => 0,
        Trouble::Authentication
        | Trouble::Cursor
        | Trouble::Refused
        | Trouble::Registry
        | Trouble::TooLarge
        | Trouble::Unauthorized
        | Trouble::UnknownTopic => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(trouble: Trouble) -> Failure {
        Failure { trouble, detail: "x".to_owned() }
    }

    #[tokio::test]
    async fn the_latest_word_waits_unless_the_one_before_says_more() {
        let (complaints, mut ailments) = ailments();
        for (said, heard) in [
            (vec![Trouble::Authentication, Trouble::Unreachable], Trouble::Authentication),
            (vec![Trouble::Unreachable, Trouble::Authentication], Trouble::Authentication),
            (vec![Trouble::Fatal, Trouble::Authentication, Trouble::Unreachable], Trouble::Fatal),
            (vec![Trouble::Unreachable], Trouble::Unreachable),
        ] {
            said.iter().for_each(|trouble| complaints.tell(failure(*trouble)));
            assert_eq!(ailments.next().await, failure(heard), "{said:?}");
            assert_eq!(*ailments.0.waits.lock().unwrap(), None, "{said:?}: heard once");
        }
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let (complaints, mut ailments) = ailments();
        let waiting = tokio::spawn(async move { ailments.next().await });
        complaints.tell(failure(Trouble::Unreachable));
        assert_eq!(waiting.await.unwrap(), failure(Trouble::Unreachable));
    }
}
