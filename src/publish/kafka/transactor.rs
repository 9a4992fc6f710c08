//! Records and their cursor in one transaction, on a thread of its own.
//!
//! Init, commit and abort block for as long as the coordinator wants; here nobody waits for them.
//! The thread takes one batch at a time and says one [`Answer`] to each. What it promises:
//!
//! - [`Answer::Committed`] only on the coordinator's word; [`Answer::Aborted`] only when no
//!   consumer of committed records will ever see any of the batch.
//! - [`Answer::Ended`] when neither is known or this producer is no more: whoever opens the next
//!   one is told by the cursor what became of it. A commit that times out is tried again as a
//!   commit and never taken for an abort.
//! - Nobody is fenced before the owner has seen the cursor and said [`Transactor::go`].
//!
//! Every delivery is awaited before the commit: the wrapper's own wait is in steps of 100 ms.

use std::sync::{Arc, mpsc as line};
use std::thread;

use bytes::Bytes;
use rdkafka::error::{KafkaError, RDKafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer};
use tokio::sync::mpsc;

use super::ailments::{Ailments, ailments};
use super::callbacks::Callbacks;
use super::client;
use super::headers::Headers;
use super::marks::{self, Through};
use super::polled::Polled;
use super::receipts::{Fate, Receipts};
use crate::bounds;
use crate::event::Family;
use crate::publish::mark::{Found, Mark};
use crate::publish::{Failure, Heard, Record, Settings, SettingsError, Trouble, registry::Frames};
use crate::trace::Tracing;

/// What goes out together. Slots number the records, for the failures.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The records in their order; may be none.
    pub records: Vec<(usize, Record)>,
    /// How far the journal is published with them.
    pub mark: Mark,
}

/// What the thread says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The lane's cursor as far as it is committed; the next step fences. Waits for
    /// [`Transactor::go`].
    Looked(Option<Found>),
    /// Older producers are fenced; this is the lane's cursor. Waits for batches.
    Opened(Option<Found>),
    /// The batch is there, all of it; where, as far as the brokers said.
    Committed(Vec<Arrived>),
    /// None of the batch is there. Which records failed, if any did; else why not.
    Aborted {
        /// By slot; the first for each record.
        failures: Vec<(usize, Failure)>,
        /// The first reason.
        cause: Failure,
    },
    /// This producer is no more; what became of the batch stands in the cursor topic.
    Ended(Failure),
}

/// Where a record of a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The record, by its number in the batch.
    pub slot: usize,
    /// The partition of its topic.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// Where the thread's words arrive.
pub struct Answers {
    /// One for each request.
    pub answers: mpsc::Receiver<Answer>,
    /// What ails the client as a whole.
    pub ailments: Ailments,
}

/// A producer of transactions. Dropped, it ends by itself after the step in hand; what it had not
/// committed never appears.
pub struct Transactor {
    orders: line::SyncSender<Order>,
}

enum Order {
    Go,
    Publish(Batch),
}

impl Transactor {
    /// A new producer of a lane, which looks at the cursor first and tells `heard` how it is. Waits
    /// for nothing.
    pub fn open(
        settings: &Settings,
        lane: &str,
        batch_bytes: usize,
        heard: Heard,
        tracing: Option<Arc<Tracing>>,
    ) -> Result<(Self, Answers), SettingsError> {
        let config = client::transactional(settings, lane, batch_bytes)?;
        let (receipts_in, receipts) = line::sync_channel(bounds::CLIENT_QUEUE_RECORDS);
        let (complaints, ailments) = ailments();
        let context = Callbacks { fates: Receipts(receipts_in), complaints, heard };
        let producer = Polled::open(&config, context)?;
        let (orders_in, orders) = line::sync_channel(1);
        let (answers_in, answers) = mpsc::channel(1);
        let work = Work {
            producer,
            receipts,
            topics: Family::ALL.map(|family| (family, settings.topic(family))),
            cursor_topic: settings.cursor_topic(),
            headers: Headers::new(settings, tracing),
            frames: Frames::of(settings)?,
            settings: settings.clone(),
            lane: lane.to_owned(),
            answers: answers_in,
        };
        let thread = thread::Builder::new().name("kafka-transactions".to_owned());
        thread
            .spawn(move || work.run(&orders))
            .map_err(|error| SettingsError::Contradiction(error.to_string()))?;
        Ok((Self { orders: orders_in }, Answers { answers, ailments }))
    }

    /// Fences older producers and looks again.
    pub fn go(&self) {
        // Refused only by a thread that has ended, and said so.
        let _ = self.orders.try_send(Order::Go);
    }

    /// Publishes a batch. To be called after [`Answer::Opened`], [`Answer::Committed`] or
    /// [`Answer::Aborted`].
    pub fn publish(&self, batch: Batch) {
        let _ = self.orders.try_send(Order::Publish(batch));
    }
}

/// What a step ends with when the producer goes on: committed, or why not.
type Step = Result<Answer, Failure>;

struct Work {
    producer: Polled<Callbacks<Receipts>>,
    receipts: line::Receiver<(usize, Fate)>,
    topics: [(Family, String); 4],
    cursor_topic: String,
    headers: Headers,
    frames: Frames,
    settings: Settings,
    lane: String,
    answers: mpsc::Sender<Answer>,
}

impl Work {
    fn run(self, orders: &line::Receiver<Order>) {
        let mut step = self.look(Through::Committed).map(Answer::Looked);
        loop {
            let ended = step.is_err();
            let answer = step.unwrap_or_else(Answer::Ended);
            if self.answers.blocking_send(answer).is_err() || ended {
                return;
            }
            step = match orders.recv() {
                Ok(Order::Go) => self.init(),
                Ok(Order::Publish(batch)) => self.publish(&batch),
                Err(line::RecvError) => return,
            };
        }
    }

    fn look(&self, through: Through) -> Result<Option<Found>, Failure> {
        marks::read(&self.settings, &self.lane, through)
    }

    fn init(&self) -> Step {
        let init = || self.producer.init_transactions(bounds::TRANSACTION_STEP);
        self.patiently(init).map_err(|error| self.ended(&error))?;
        let found = self.look(Through::End)?;
        let id = self.settings.transactional_id(&self.lane);
        tracing::info!(transactional_id = id, "older producers are fenced, the cursor is read");
        Ok(Answer::Opened(found))
    }

    fn publish(&self, batch: &Batch) -> Step {
        self.producer.begin_transaction().map_err(|error| self.ended(&error))?;
        let mut failures = Vec::new();
        let sent = self.send(batch, &mut failures);
        let arrived = self.hear(sent, &mut failures)?;
        if let Some((_, cause)) = failures.first() {
            let cause = cause.clone();
            failures.retain(|(slot, _)| *slot != CURSOR);
            return self.abort(failures, cause);
        }
        match self.patiently(|| self.producer.commit_transaction(bounds::TRANSACTION_STEP)) {
            Ok(()) => Ok(Answer::Committed(arrived)),
            Err(error) if requires_abort(&error) => self.abort(failures, self.ended(&error)),
            Err(error) => Err(self.ended(&error)),
        }
    }

    /// Hands everything to the client, up to the first that it refuses; how many it took.
    fn send(&self, batch: &Batch, failures: &mut Vec<(usize, Failure)>) -> usize {
        let mut sent = 0;
        for (slot, record) in &batch.records {
            let topic = self.topics.iter().find(|(family, _)| *family == record.family);
            let framed = self.frames.framed(record.family, &record.value);
            let out = BaseRecord::with_opaque_to(topic.map_or("", |(_, topic)| topic), *slot)
                .key(record.key.as_ref())
                .payload(framed.as_deref().unwrap_or(&record.value))
                .headers(self.headers.of(record, &self.frames));
            let taken = self.producer.send(out);
            self.producer.listen();
            if let Err((error, _)) = taken {
                failures.push((*slot, self.ended(&error)));
                return sent;
            }
            sent += 1;
        }
        let key = Mark::key(&batch.mark.instance, &batch.mark.lane);
        let value = Bytes::from(batch.mark.to_json());
        let out = BaseRecord::with_opaque_to(&self.cursor_topic, CURSOR).partition(0);
        let taken = self.producer.send(out.key(key.as_bytes()).payload(value.as_ref()));
        self.producer.listen();
        match taken {
            Ok(()) => sent + 1,
            Err((error, _)) => {
                failures.push((CURSOR, self.of_cursor(self.ended(&error))));
                sent
            }
        }
    }

    /// Waits for so many receipts. Each comes before the transaction's time-out, with the client's
    /// own end of a record's time.
    fn hear(
        &self,
        sent: usize,
        failures: &mut Vec<(usize, Failure)>,
    ) -> Result<Vec<Arrived>, Failure> {
        let mut arrived = Vec::with_capacity(sent);
        let mut withdrawn = None;
        for _ in 0..sent {
            match self.receipts.recv_timeout(bounds::TRANSACTION_TIMEOUT * 2) {
                Ok((CURSOR, Fate::Arrived { .. })) => {}
                // What the client concludes from a later acknowledgement has no offset.
                Ok((slot, Fate::Arrived { partition, offset })) if offset >= 0 => {
                    arrived.push(Arrived { slot, partition, offset });
                }
                Ok((_, Fate::Arrived { .. })) => {}
                Ok((CURSOR, Fate::Failed(failure))) => {
                    failures.push((CURSOR, self.of_cursor(failure)));
                }
                Ok((slot, Fate::Failed(failure))) => failures.push((slot, failure)),
                Ok((slot, Fate::Withdrawn)) => withdrawn = Some(slot),
                Err(_) => {
                    return Err(unreachable("the client does not say what became of records"));
                }
            }
        }
        if let (Some(slot), true) = (withdrawn, failures.is_empty()) {
            failures.push((slot, unreachable("records were withdrawn")));
        }
        // The last report is freed a moment after it was heard; a commit before that would wait in
        // the wrapper's steps of 100 ms.
        for _ in 0..bounds::RECEIPT_SPINS {
            if self.producer.in_flight_count() == 0 {
                break;
            }
            thread::yield_now();
        }
        Ok(arrived)
    }

    fn abort(&self, failures: Vec<(usize, Failure)>, cause: Failure) -> Step {
        match self.patiently(|| self.producer.abort_transaction(bounds::TRANSACTION_STEP)) {
            Ok(()) => {
                // Fates of what the abort withdrew.
                while self.receipts.try_recv().is_ok() {}
                Ok(Answer::Aborted { failures, cause })
            }
            Err(error) => Err(self.ended(&error)),
        }
    }

    /// Tries a step again, as that step, while the client says that this is right.
    fn patiently(&self, step: impl Fn() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        let mut tries = 1;
        loop {
            match step() {
                Err(error) if is_retriable(&error) && tries < bounds::TRANSACTION_STEPS => {
                    tracing::debug!("a step of a transaction is tried again: {error}");
                    tries += 1;
                    // A time-out was a wait already; a refusal was not.
                    thread::sleep(bounds::TRANSACTION_PAUSE);
                }
                other => return other,
            }
        }
    }

    /// What an error means, with the reason behind a fatal one.
    fn ended(&self, error: &KafkaError) -> Failure {
        let code = self.producer.client().fatal_error().map(|(code, _)| code);
        let code = code.or(transaction_error(error).map(RDKafkaError::code));
        let code = code.or(error.rdkafka_error_code()).unwrap_or(Code::Fail);
        let trouble = client::trouble(code).unwrap_or(Trouble::Refused);
        let detail = if code == Code::TransactionalIdAuthorizationFailed {
            let id = self.settings.transactional_id(&self.lane);
            format!("transactional id {id} may not be used: {code}")
        } else {
            code.to_string()
        };
        Failure { trouble, detail }
    }

    /// A failure of the cursor's record, with its topic.
    fn of_cursor(&self, failure: Failure) -> Failure {
        let topic = &self.cursor_topic;
        let detail = if failure.trouble == Trouble::UnknownTopic {
            format!("topic {topic} is missing")
        } else {
            format!("topic {topic}: {}", failure.detail)
        };
        Failure { detail, ..failure }
    }
}

fn transaction_error(error: &KafkaError) -> Option<&RDKafkaError> {
    if let KafkaError::Transaction(error) = error { Some(error) } else { None }
}

fn is_retriable(error: &KafkaError) -> bool {
    // Of the wrapper's own wait before a commit: nothing was committed yet.
    let waited = matches!(error, KafkaError::Flush(Code::OperationTimedOut));
    waited || transaction_error(error).is_some_and(RDKafkaError::is_retriable)
}

fn requires_abort(error: &KafkaError) -> bool {
    transaction_error(error).is_some_and(RDKafkaError::txn_requires_abort)
}

/// The cursor record among the slots.
const CURSOR: usize = usize::MAX;

fn unreachable(detail: &str) -> Failure {
    Failure { trouble: Trouble::Unreachable, detail: detail.to_owned() }
}
