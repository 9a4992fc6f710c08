//! A producer and the thread that hears what it says.
//!
//! The library's own polling thread waits inside librdkafka until a moment of the wall clock. Set
//! back by hours while it waits, it sleeps for hours, and whoever closes the client with it: the
//! courier would publish nothing until the clock has caught up. This one asks without waiting and
//! rests by the steady clock. Never blocks a sender; when it is dropped, what is outstanding has
//! been withdrawn and heard.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::{ClientConfig, error::KafkaError, util::Timeout};

use crate::bounds;
use crate::publish::SettingsError;

/// A producer whose callbacks come on a thread of its own.
pub(super) struct Polled<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    signs: Arc<Signs>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signs {
    over: AtomicBool,
    /// The thread rests for long: nothing was in flight.
    idle: AtomicBool,
}

impl<C: ProducerContext + 'static> Polled<C> {
    /// A new client. Does not wait for a broker.
    pub(super) fn open(config: &ClientConfig, context: C) -> Result<Self, SettingsError> {
        let made = BaseProducer::from_config_and_context(config, context);
        let producer = Arc::new(made.map_err(super::client::refused)?);
        let signs = Arc::new(Signs::default());
        let (heard, seen) = (Arc::clone(&producer), Arc::clone(&signs));
        let thread = thread::Builder::new()
            .name("kafka-polling".into())
            .spawn(move || hear(&heard, &seen))
            .map_err(|error| {
                super::client::refused(KafkaError::ClientCreation(error.to_string()))
            })?;
        Ok(Self { producer, signs, thread: Some(thread) })
    }

    /// After a record was handed over: its fate is listened for.
    pub(super) fn listen(&self) {
        if self.signs.idle.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl<C: ProducerContext + 'static> Deref for Polled<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for Polled<C> {
    fn drop(&mut self) {
        self.signs.over.store(true, Ordering::Release);
        self.wake();
        if let Some(Err(_panicked)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that hears the Kafka client ended by a defect");
        }
    }
}

fn hear<C: ProducerContext>(producer: &BaseProducer<C>, signs: &Signs) {
    while !signs.over.load(Ordering::Acquire) {
        // Each look takes one event, which may tell the fates of a whole batch.
        for _ in 0..bounds::CLIENT_EVENTS_AT_ONCE {
            producer.poll(Timeout::After(Duration::ZERO));
        }
        // Said before it is looked at: a record that is sent meanwhile is seen here or wakes us.
        signs.idle.store(true, Ordering::SeqCst);
        let busy = producer.in_flight_count() > 0;
        if busy {
            signs.idle.store(false, Ordering::SeqCst);
        }
        thread::park_timeout(if busy { bounds::CLIENT_LOOK } else { bounds::CLIENT_LOOK_IDLE });
    }
}
