//! A broker inside this process, for `dev` and tests.
//!
//! It speaks the Kafka protocol on loopback, in memory, and forgets everything when dropped. It
//! answers no questions about topic settings, keeps the last 5 MiB of each partition, and knows no
//! real transactions: what a broker promises is tested on a real one.

use std::sync::mpsc;
use std::thread;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey as Request, RDKafkaRespErr as Code};

use crate::event::Family;

/// The broker could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the embedded broker cannot be started: {0}")]
pub struct EmbeddedError(String);

/// Answers that the broker can be made to give to requests with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// Another broker leads the partition; the client tries again.
    NotLeader,
    /// The broker waited too long for its replicas; the client tries again.
    TimedOut,
    /// Too few replicas are in sync; the client tries again.
    NotEnoughReplicas,
    /// A gap in the client's sequence: the end of that client.
    OutOfOrder,
    /// The batch is over the topic's limit.
    TooLarge,
    /// The client may not write to the topic.
    Unauthorized,
}

/// The broker. Lives until dropped.
pub struct Embedded {
    brokers: String,
    orders: Option<mpsc::SyncSender<(Order, Obeyed)>>,
    thread: Option<thread::JoinHandle<()>>,
}

enum Order {
    Down,
    Up,
    Inject(Vec<Injected>),
}

/// Hears when an order has been obeyed.
type Obeyed = mpsc::SyncSender<()>;

impl Embedded {
    /// Starts one broker with the four topics of this prefix.
    pub fn start(topic_prefix: &str, partitions: i32) -> Result<Self, EmbeddedError> {
        let topics = Family::ALL.map(|family| format!("{topic_prefix}.{}", family.as_str()));
        let (orders, taken) = mpsc::sync_channel::<(Order, Obeyed)>(0);
        let (started_in, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("embedded-kafka".to_owned());
        // The cluster stays on the thread that made it.
        let thread = thread.spawn(move || {
            let cluster = MockCluster::new(1).and_then(|cluster| {
                for topic in &topics {
                    cluster.create_topic(topic, partitions, 1)?;
                }
                Ok(cluster)
            });
            match cluster {
                Ok(cluster) => {
                    let _ = started_in.send(Ok(cluster.bootstrap_servers()));
                    for (order, obeyed) in taken {
                        obey(&cluster, order);
                        // Whoever gave it may have gone.
                        let _ = obeyed.send(());
                    }
                }
                Err(error) => {
                    let _ = started_in.send(Err(EmbeddedError(error.to_string())));
                }
            }
        });
        let thread = thread.map_err(|error| EmbeddedError(error.to_string()))?;
        let ended = |_| EmbeddedError("its thread ended".to_owned());
        let brokers = started.recv().map_err(ended)??;
        Ok(Self { brokers, orders: Some(orders), thread: Some(thread) })
    }

    /// `host:port`, to be used as `kafka.brokers`.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Hangs up and takes no connections.
    pub fn down(&self) {
        self.order(Order::Down);
    }

    /// Takes connections again.
    pub fn up(&self) {
        self.order(Order::Up);
    }

    /// The next requests with records are answered so, one after the other.
    pub fn inject(&self, answers: &[Injected]) {
        self.order(Order::Inject(answers.to_vec()));
    }

    /// Returns when it is obeyed: what is done next finds the broker so.
    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let (obeyed, done) = mpsc::sync_channel(1);
            // Without its thread there is no broker to obey.
            let _ = orders.send((order, obeyed));
            let _ = done.recv();
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn obey(cluster: &MockCluster<'static, rdkafka::producer::DefaultProducerContext>, order: Order) {
    let done = match order {
        Order::Down => cluster.broker_down(-1),
        Order::Up => cluster.broker_up(-1),
        Order::Inject(answers) => {
            let codes: Vec<_> = answers.into_iter().map(code).collect();
            cluster.request_errors(Request::Produce, &codes);
            Ok(())
        }
    };
    if let Err(error) = done {
        tracing::error!("the embedded broker does not obey: {error}");
    }
}

fn code(answer: Injected) -> Code {
    match answer {
        Injected::NotLeader => Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Injected::TimedOut => Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Injected::NotEnoughReplicas => Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Injected::OutOfOrder => Code::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
        Injected::TooLarge => Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        Injected::Unauthorized => Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    }
}
