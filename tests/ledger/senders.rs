//! Two providers: rooms side by side, each telling its story in order, with the manners that their
//! real counterparts were seen to have (times shortened by `--faster`).
//!
//! - LiveKit sends one event of a room at a time: five attempts with 1, 2, 4, 8 s between them, the
//!   same bytes each time; it obeys `Retry-After`, and takes any 4xx but 429 for delivered.
//! - Daily tries whatever was not answered 200 again: five times, ever later, up to 15 minutes,
//!   while the room's later events go out.
//! - Both now and then deliver one event on several connections at the same instant, once more
//!   after its 200, or hang up before the answer comes.
//! - Somebody who does not know the secret posts the same kind of events.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookgate::clock::{Clock, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::judge;
use crate::notes::{Answer, Expected, Notes, Sent};
use crate::pace::pass;
use crate::plan::Plan;
use crate::proof::road::Road;
use crate::proof::wire::{Client, Line, Message};
use crate::story;

/// How long a sender waits for an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Waits between LiveKit's attempts, in seconds.
const LIVEKIT_WAITS: [u64; 4] = [1, 2, 4, 8];

/// Waits between Daily's attempts, in seconds: documented is "exponential, up to 15 minutes".
const DAILY_WAITS: [u64; 5] = [11, 33, 100, 300, 900];

/// Both providers at work.
pub(crate) struct Senders {
    crew: Arc<Crew>,
    rooms: JoinSet<()>,
}

struct Crew {
    plan: Plan,
    fat: bool,
    to: SocketAddr,
    roads: Vec<Road>,
    notes: Notes,
    /// How far the gateway's clock is from ours, in milliseconds.
    sky: Arc<AtomicI64>,
    /// Raised when stories end and waits are cut short.
    closing: watch::Sender<bool>,
    /// What goes on beside the rooms: later attempts and second copies.
    beside: Mutex<JoinSet<()>>,
}

/// How one event is delivered.
enum Way {
    Once,
    AtOnce(usize),
    Again,
    HungUp,
}

impl Senders {
    /// Begins; `fat` makes some events large.
    pub(crate) fn start(
        plan: &Plan,
        fat: bool,
        seed: u64,
        to: SocketAddr,
        roads: Vec<Road>,
        sky: Arc<AtomicI64>,
    ) -> Self {
        let crew = Arc::new(Crew {
            plan: plan.clone(),
            fat,
            to,
            roads,
            notes: Notes::new(),
            sky,
            closing: watch::Sender::new(false),
            beside: Mutex::default(),
        });
        let mut rooms = JoinSet::new();
        for number in 0..plan.rooms.max(2) {
            let crew = Arc::clone(&crew);
            let rng = StdRng::seed_from_u64(seed.wrapping_add(u64::from(number)));
            rooms.spawn(async move { crew.room(number as usize % 2, rng).await });
        }
        Self { crew, rooms }
    }

    /// The book so far.
    pub(crate) fn notes(&self) -> &Notes {
        &self.crew.notes
    }

    /// Ends every story where it is; whatever still has no answer is tried again at once.
    pub(crate) async fn finish(&mut self) {
        self.crew.closing.send_replace(true);
        while let Some(ended) = self.rooms.join_next().await {
            ended.expect("a room is told");
        }
        loop {
            let beside = std::mem::take(&mut *self.crew.beside.lock().unwrap());
            if beside.is_empty() {
                return;
            }
            beside.join_all().await;
        }
    }
}

impl Crew {
    async fn room(self: Arc<Self>, source: usize, mut rng: StdRng) {
        let mut client = Client::default();
        let each = Duration::from_secs(1) * self.plan.rooms / self.plan.rate.max(1);
        let mut pace = interval(each);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let name = self.roads[source].source.to_string();
            for body in story::tell(&name, self.fat, &mut rng) {
                pace.tick().await;
                if *self.closing.borrow() {
                    return;
                }
                if rng.random_bool(0.06) {
                    self.forge(source, &mut client, &mut rng).await;
                }
                let letter = self.letter(source, &body, false);
                let way = match rng.random_range(0..100) {
                    0..6 => Way::AtOnce(rng.random_range(2..5)),
                    6..10 => Way::Again,
                    10..12 => Way::HungUp,
                    _ => Way::Once,
                };
                self.deliver(&mut client, letter, way).await;
            }
        }
    }

    fn now(&self) -> Timestamp {
        let now = Clock::system().now().millis();
        Timestamp::from_millis(now + self.sky.load(Ordering::SeqCst))
    }

    /// Signs a body and enters what it must become.
    fn letter(&self, source: usize, body: &str, forged: bool) -> Letter {
        let (road, now) = (&self.roads[source], self.now());
        let bytes = road.signed_at(body, now);
        let request = Message::parse(bytes.clone()).unwrap();
        let clean = road.judge_at(&request, now).expect("it is authentic");
        let expected = Expected {
            id: clean.id().to_string(),
            family: clean.kind().family(),
            key: clean.key().to_vec(),
            digest: judge::digest(clean.value()),
        };
        let name = if road.source.as_str() == "daily" { "daily" } else { "livekit" };
        let of = self.notes.enter(Sent { source: name, forged, expected });
        Letter { of, bytes: bytes.into(), is_daily: name == "daily" }
    }

    /// An event that never happened, from somebody who does not know the secret.
    async fn forge(&self, source: usize, client: &mut Client, rng: &mut StdRng) {
        let name = self.roads[source].source.to_string();
        let body = story::tell(&name, false, rng).swap_remove(0);
        let mut letter = self.letter(source, &body, true);
        let text = String::from_utf8(letter.bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let is_proof = |line: &&str| line.contains("signature:") || line.contains("authorization:");
        let rest: Vec<_> = head.split("\r\n").filter(|line| !is_proof(line)).collect();
        let proof = head.split("\r\n").find(is_proof).unwrap();
        let forged = match rng.random_range(0..3) {
            // Another signature.
            0 => {
                let half = proof.len() - 20;
                let turned = |c: char| if c == 'A' { 'B' } else { 'A' };
                let tail: String = proof[half..].chars().map(turned).collect();
                format!("{}\r\n{}{tail}\r\n\r\n{body}", rest.join("\r\n"), &proof[..half])
            }
            // None at all.
            1 => format!("{}\r\n\r\n{body}", rest.join("\r\n")),
            // That of another body of the same length.
            _ => {
                let other = story::tell(&name, false, rng).swap_remove(0);
                let other = self.roads[source].signed_at(&other, self.now());
                let other = String::from_utf8(other).unwrap();
                let stolen = other.split("\r\n").find(is_proof).unwrap();
                format!("{}\r\n{stolen}\r\n\r\n{body}", rest.join("\r\n"))
            }
        };
        letter.bytes = forged.into_bytes().into();
        self.post(client, &letter).await;
    }

    async fn deliver(self: &Arc<Self>, client: &mut Client, letter: Letter, way: Way) {
        let first = match way {
            Way::Once | Way::Again => self.post(client, &letter).await,
            Way::AtOnce(copies) => self.at_once(&letter, copies).await,
            Way::HungUp => self.hang_up(&letter).await,
        };
        if matches!(way, Way::Again) && first.status() == Some(200) {
            let (crew, again) = (Arc::clone(self), letter.clone());
            self.beside.lock().unwrap().spawn(async move {
                crew.wait(Duration::from_secs(8)).await;
                crew.post(&mut Client::default(), &again).await;
            });
        }
        if letter.is_daily {
            if first.status() != Some(200) {
                let crew = Arc::clone(self);
                let later = async move { crew.as_daily(letter).await };
                self.beside.lock().unwrap().spawn(later);
            }
        } else {
            self.as_livekit(client, &letter, first).await;
        }
    }

    async fn as_daily(&self, letter: Letter) {
        for wait in DAILY_WAITS {
            self.wait(Duration::from_secs(wait)).await;
            let answer = self.post(&mut Client::default(), &letter).await;
            if answer.status() == Some(200) {
                return;
            }
        }
    }

    async fn as_livekit(&self, client: &mut Client, letter: &Letter, first: Answer) {
        let mut answer = first;
        for wait in LIVEKIT_WAITS {
            let wait = match answer {
                Answer::Came { status: 429 | 503, retry_after: Some(seconds), .. } => seconds,
                Answer::Came { status: 200..=299 | 400..=499 | 501, .. } => return,
                Answer::Came { .. } | Answer::Silence => wait,
            };
            self.wait(Duration::from_secs(wait)).await;
            answer = self.post(client, letter).await;
        }
    }

    /// The same bytes on several connections at the same instant; the first answer that is a 200,
    /// else any.
    async fn at_once(self: &Arc<Self>, letter: &Letter, copies: usize) -> Answer {
        let barrier = Arc::new(Barrier::new(copies));
        let mut running = JoinSet::new();
        for _ in 0..copies {
            let (crew, letter, barrier) = (Arc::clone(self), letter.clone(), Arc::clone(&barrier));
            running.spawn(async move {
                barrier.wait().await;
                crew.post(&mut Client::default(), &letter).await
            });
        }
        let answers = running.join_all().await;
        let good = answers.iter().find(|answer| answer.status() == Some(200));
        good.or(answers.first()).cloned().unwrap_or(Answer::Silence)
    }

    /// Sends and does not stay for the answer.
    async fn hang_up(&self, letter: &Letter) -> Answer {
        let began = self.notes.tick();
        if let Some(mut line) = Line::connect(self.to).await {
            line.send(&letter.bytes).await;
        }
        self.notes.ended(letter.of, began, Answer::Silence);
        Answer::Silence
    }

    async fn post(&self, client: &mut Client, letter: &Letter) -> Answer {
        let began = self.notes.tick();
        let asked = timeout(ANSWER, client.ask(self.to, &letter.bytes)).await;
        let answer = match asked {
            Ok(Some(answer)) => Answer::Came {
                status: answer.status(),
                outcome: answer.outcome(),
                event_id: answer.json()["event_id"].as_str().map(str::to_owned),
                retry_after: answer.header("retry-after").and_then(|text| text.parse().ok()),
            },
            Ok(None) => Answer::Silence,
            Err(_) => {
                *client = Client::default();
                Answer::Silence
            }
        };
        self.notes.ended(letter.of, began, answer.clone());
        answer
    }

    /// A provider's wait, shortened; at the end none.
    async fn wait(&self, wait: Duration) {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            () = pass(self.plan.shortened(wait)) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }
}

/// One delivery's bytes.
#[derive(Clone)]
struct Letter {
    of: usize,
    bytes: Arc<[u8]>,
    is_daily: bool,
}
