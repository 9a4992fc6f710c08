//! One replay from its turn to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::{Asked, Parts};
use crate::bounds;
use crate::courier::{self, Courier, End, Kafka, Route};
use crate::journal::{AppendError, Ending, How, Lane, Replay};
use crate::publish::{Again, Settings};

/// What whoever holds a replay wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It goes on.
    Go,
    /// It ends, for good.
    Cancel,
    /// It rests until the next start of the process, soon.
    Rest(Duration),
}

/// See the header.
pub(super) struct Turn {
    pub(super) parts: Arc<Parts>,
    pub(super) turns: Arc<Semaphore>,
    pub(super) kept: Replay,
    pub(super) asked: Asked,
    pub(super) told: watch::Sender<Option<courier::Status>>,
}

impl Turn {
    /// Waits for its turn, takes it, and notes how it ended.
    pub(super) async fn take(self, orders: &mut watch::Receiver<Order>) {
        let turn = tokio::select! {
            biased;
            order = other_than_go(orders) => Err(order),
            turn = Arc::clone(&self.turns).acquire_owned() => Ok(turn),
        };
        let (how, detail, position) = match turn {
            Ok(Ok(_turn)) => match self.run(orders).await {
                Some(end) => end,
                None => return,
            },
            Err(Order::Cancel) => (How::Cancelled, None, self.kept.after),
            // It stops before the turn has come.
            Err(Order::Go | Order::Rest(_)) | Ok(Err(_)) => return,
        };
        self.note(how, detail, position, orders).await;
    }

    /// Publishes to its end, or as long as it may. `None`: it only rests.
    async fn run(&self, orders: &mut watch::Receiver<Order>) -> Option<(How, Option<String>, u64)> {
        let courier = self.courier();
        let mut status = courier.status();
        let order = loop {
            let now = status.borrow_and_update().clone();
            let (end, kafka, cursor) = (now.end, now.kafka.clone(), now.cursor);
            self.told.send_replace(Some(now));
            match end {
                Some(End::Through) => return Some((How::Done, None, self.kept.through)),
                Some(End::Stopped) => return Some((How::Failed, Some(why(&kafka)), cursor)),
                None => {}
            }
            tokio::select! {
                biased;
                order = other_than_go(orders) => break order,
                changed = status.changed() => if changed.is_err() {
                    // Its thread ended by a defect.
                    let detail = "a defect of the gateway's own; its log says where".to_owned();
                    return Some((How::Failed, Some(detail), cursor));
                }
            }
        };
        let within = match order {
            Order::Rest(within) => within,
            Order::Go | Order::Cancel => bounds::REPLAY_WIND_UP,
        };
        let drained = courier.drain(within).await;
        self.told.send_replace(Some(status.borrow().clone()));
        (order == Order::Cancel).then_some((How::Cancelled, None, drained.cursor))
    }

    fn courier(&self) -> Courier {
        let (choice, through) = (self.asked.choice.clone(), self.kept.through);
        let held = self.parts.journal.clone();
        let route = Route {
            lane: Lane::Replay(self.kept.id.clone()),
            after: self.kept.after,
            through: Some(through),
            wanted: Arc::new(move |event| {
                choice.holds(event) && !held.is_held(&event.source, event.sequence)
            }),
            rate: Some(self.asked.rate),
            behind: Some(self.parts.live.clone()),
        };
        let topic_prefix = self.asked.to_prefix.clone();
        let again = Some(Again { id: self.kept.id.clone(), topic_prefix });
        let settings = Settings { again, ..self.parts.settings.clone() };
        let Parts { journal, clock, telemetry, .. } = &*self.parts;
        Courier::along(route, journal.clone(), settings, clock.clone(), Arc::clone(telemetry))
    }

    /// Notes the end in the journal, however long that takes a full disk; the next start does
    /// what is left.
    async fn note(
        &self,
        how: How,
        detail: Option<String>,
        position: u64,
        orders: &mut watch::Receiver<Order>,
    ) {
        let id = &self.kept.id;
        match (how, &detail) {
            (How::Failed, Some(why)) => tracing::error!(%id, why, "a replay cannot go on"),
            (How::Done | How::Cancelled | How::Failed, _) => {
                tracing::info!(%id, ?how, position, "a replay has ended");
            }
        }
        let ending = Ending { at: self.parts.clock.now(), how, detail, position };
        loop {
            match self.parts.journal.end_replay(id, ending.clone()).await {
                Ok(()) => return,
                Err(AppendError::QueueFull | AppendError::DiskFull) => {}
                Err(AppendError::Poisoned | AppendError::Closed) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(bounds::DISK_PROBE) => {}
                () = rest(orders) => return,
            }
        }
    }
}

/// The first order that says something else than to go on.
async fn other_than_go(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.wait_for(|order| *order != Order::Go).await {
        Ok(order) => *order,
        Err(_) => Order::Rest(Duration::ZERO),
    }
}

async fn rest(orders: &mut watch::Receiver<Order>) {
    // An error means that nobody is there any more to wait for it.
    let _ = orders.wait_for(|order| matches!(order, Order::Rest(_))).await;
}

fn why(kafka: &Kafka) -> String {
    match kafka {
        Kafka::Up => "it was stopped".to_owned(),
        Kafka::Down { reason } | Kafka::Waiting { reason } => reason.clone(),
    }
}
