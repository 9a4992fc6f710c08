//! The courier's own thread: one loop that reads, sends, hears and tells.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{self, MissedTickBehavior};

use super::exact::{self, Exact};
use super::holds::Holds;
use super::identity::Identity;
use super::line::{Ending, Line};
use super::outlook::Outlook;
use super::pace::Pace;
use super::pause::{Backoff, Deadline};
use super::route::Route;
use super::setback::Setback;
use super::trail::Trail;
use super::window::Window;
use super::{Drain, Drained, Settled, Status};
use crate::bounds;
use crate::clock::Clock;
use crate::journal::{Erasures, Holds as OnHold, Journal, Lane};
use crate::publish::{
    Delivery, Failure, Inspection, Inspector, NotTaken, Registrar, Registration, Report, Reports,
    Settings,
};
use crate::telemetry::Telemetry;

/// What the courier is given.
pub(super) struct Parts {
    pub(super) journal: Journal,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) route: Route,
    pub(super) status: watch::Sender<Status>,
}

/// Runs until it is drained or its handle is dropped. A defect of ours ends one run, not the
/// courier: the next one starts after the journal's cursor.
pub(super) fn for_ever(parts: &Parts, mut orders: mpsc::Receiver<Drain>) {
    let runtime = match time_only_runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the courier cannot run, nothing is published: {error}");
            return;
        }
    };
    let lane = &parts.route.lane;
    let aside = *lane != Lane::Live;
    let _span = aside.then(|| tracing::info_span!("courier", lane = %lane.name()).entered());
    let mut backoff = Backoff::default();
    let mut me = Identity::new();
    loop {
        let run = async { Run::new(parts, &mut me).await.run(&mut orders).await };
        if catch_unwind(AssertUnwindSafe(|| runtime.block_on(run))).is_ok() {
            return;
        }
        tracing::error!("the courier ended by a defect and starts again after its cursor");
        runtime.block_on(async { time::sleep(backoff.next()).await });
    }
}

fn time_only_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}

pub(super) struct Run<'a> {
    pub(super) parts: &'a Parts,
    pub(super) window: Window,
    /// The last sequence that was read into the window, or is known to hold nothing.
    pub(super) read: u64,
    pub(super) cursor: u64,
    pub(super) head: watch::Receiver<u64>,
    /// What is erased while it may be in the window.
    pub(super) erasures: Erasures,
    /// The sources on hold.
    pub(super) on_hold: watch::Receiver<Arc<OnHold>>,
    /// The courier that comes first.
    first: Option<watch::Receiver<Status>>,
    pub(super) pace: Pace,
    pub(super) line: Option<Line>,
    pub(super) inspector: Option<(Inspector, mpsc::Receiver<Inspection>)>,
    /// Whoever asks the registry of schemas, until it has answered.
    pub(super) registrar: Option<Registrar>,
    /// `batch.size` while records flow together.
    pub(super) batch_bytes: usize,
    /// Whether the topics' limit is known, and not only feared.
    pub(super) limit_known: bool,
    /// Up to this slot records are sent alone.
    pub(super) alone_through: Option<usize>,
    /// The line is closed when nothing is outstanding, or at the latest then.
    pub(super) ending: Option<Ending>,
    /// No client is opened before this.
    pub(super) pause: Option<Deadline>,
    pub(super) backoff: Backoff,
    /// The journal is not read before this: it could not be read.
    pub(super) unreadable: Option<(Deadline, Backoff)>,
    /// The slot that stopped the client last.
    pub(super) stuck: Option<usize>,
    pub(super) holds: Holds,
    pub(super) outlook: Outlook,
    /// The ledger counts events up to this one as published already.
    pub(super) counted: u64,
    /// What became of the route's events since this run began.
    pub(super) settled: Settled,
    /// What stands for `line` where delivery is exactly once.
    pub(super) exact: Option<Exact<'a>>,
    pub(super) drain: Option<(Deadline, oneshot::Sender<Drained>)>,
    pub(super) setback: Setback,
    pub(super) trail: Trail,
}

impl<'a> Run<'a> {
    async fn new(parts: &'a Parts, me: &'a mut Identity) -> Self {
        let mut backoff = Backoff::default();
        // Before the first reading.
        let erasures = parts.journal.erasures();
        let cursor = loop {
            match parts.journal.cursor(&parts.route.lane) {
                Ok(cursor) => break cursor.max(parts.route.after),
                Err(error) => {
                    tracing::error!("the courier does not know where to start: {error}");
                    time::sleep(backoff.next()).await;
                }
            }
        };
        let exactly = parts.settings.delivery == Delivery::ExactlyOnce;
        if exactly {
            tracing::info!(
                cursor,
                "the courier starts after Kafka's cursor; this is the journal's"
            );
        } else {
            tracing::info!(cursor, "the courier starts after the journal's cursor");
        }
        // Another run of the same process counts on.
        let mut settled = Settled::default();
        parts.status.send_modify(|status| {
            settled = status.settled;
            *status = Status { settled, ..Status::new(cursor) };
        });
        if exactly {
            // Until Kafka's own cursor is known, which may be behind.
            parts.journal.hold_back(&parts.route.lane, 0);
        }
        Self {
            parts,
            window: Window::of(&parts.route.lane),
            read: cursor,
            cursor,
            head: parts.journal.head(),
            erasures,
            on_hold: parts.journal.holds(),
            first: parts.route.behind.clone(),
            pace: Pace::new(parts.route.rate),
            line: None,
            inspector: None,
            registrar: None,
            batch_bytes: bounds::BATCH_BYTES_DEFAULT,
            limit_known: false,
            alone_through: None,
            ending: None,
            pause: None,
            backoff: Backoff::default(),
            unreadable: None,
            stuck: None,
            holds: Holds::default(),
            outlook: Outlook::new(),
            counted: cursor,
            settled,
            exact: exactly.then(|| Exact::new(me)),
            drain: None,
            setback: Setback::new(&parts.clock),
            trail: Trail::new(parts.telemetry.tracing()),
        }
    }

    async fn run(mut self, orders: &mut mpsc::Receiver<Drain>) {
        if self.exact.as_ref().is_some_and(|exact| exact.me.over) {
            self.tell_of_the_usurper();
        }
        let mut tick = time::interval(bounds::LAG_TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Vec::with_capacity(bounds::JOURNAL_READ_EVENTS);
        loop {
            match self.exact {
                Some(_) => self.mend_exact(),
                None => self.mend(),
            }
            let more = self.fill();
            self.hear_now(&mut heard);
            self.tell();
            if self.is_drained() || self.ended_as().is_some() {
                break;
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let timer = self.next_deadline();
            let line = self.line.as_mut().map(|line| &mut line.reports);
            let found = self.inspector.as_mut().map(|(_, found)| found);
            tokio::select! {
                word = next_exact(self.exact.as_mut()) => match word {
                    exact::Word::Answer(answer) => self.answered(answer),
                    exact::Word::Ailment(failure) => self.ails(failure),
                },
                word = next_word(line, &mut heard) => match word {
                    Word::Fates => self.settle_all(&mut heard),
                    Word::Ailment(failure) => self.ails(failure),
                },
                Some(inspection) = next_inspection(found) => self.inspected(&inspection),
                said = next_registration(self.registrar.as_mut()) => self.registry_said(said),
                Ok(()) = self.head.changed() => {}
                Ok(()) = self.on_hold.changed() => {}
                Ok(()) = next_status(self.first.as_mut()) => {}
                order = orders.recv(), if self.drain.is_none() => match order {
                    Some(Drain { deadline, done }) => {
                        self.drain = Some((Deadline::after(deadline), done));
                    }
                    None => break,
                },
                () = wait(timer) => {}
                _ = tick.tick() => self.mind_the_clock(),
            }
        }
        self.close();
        if let Some(exact) = &mut self.exact {
            exact.close();
        }
        self.tell();
        if let Lane::Source { .. } = self.parts.route.lane {
            // Whoever carries on says anew where it begins; until then nothing need wait for it.
            self.parts.journal.hold_back(&self.parts.route.lane, u64::MAX);
        }
        let end = self.ended_as();
        self.parts.status.send_modify(|status| status.end = end);
        if let Some((_, done)) = self.drain.take() {
            let complete = self.is_empty();
            let cursor = self.cursor;
            // Whoever asked may have gone.
            let _ = done.send(Drained { complete, cursor });
        }
    }

    /// Moves events from the journal into the window and from there to the client. Whether there is
    /// more to do at once.
    fn fill(&mut self) -> bool {
        if self.is_winding_up() {
            return false;
        }
        let read = self.read();
        if !self.let_go_of_erased() {
            return read;
        }
        if self.exact.is_some() {
            // A batch is given once; what comes next is an answer.
            return read || self.dispatch();
        }
        let batching = self.batching();
        let allowed = self.allowance();
        let Some(line) = &self.line else { return read };
        if self.ending.is_some() || line.batching != batching {
            return false;
        }
        let mut failures = Vec::new();
        let mut sent = 0;
        let most = allowed.min(bounds::JOURNAL_READ_EVENTS);
        while sent < most {
            let held = |family| self.holds.is_held(family);
            let Some((slot, record)) = self.window.next_to_send(self.alone_through, held) else {
                break;
            };
            match line.publisher.send(slot, &record) {
                Ok(()) => {
                    self.window.sent(slot);
                    self.trail.sent(slot, self.window.front(), &self.parts.clock);
                    self.pace.went(1);
                }
                Err(NotTaken::QueueFull) => return false,
                Err(NotTaken::Failed(failure)) => {
                    failures.push((slot, failure));
                    break;
                }
            }
            sent += 1;
        }
        let refused = !failures.is_empty();
        for (slot, failure) in failures {
            // What the client itself finds too large was alone.
            self.failed(slot, failure, true);
        }
        read || refused || sent == bounds::JOURNAL_READ_EVENTS
    }

    fn hear_now(&mut self, heard: &mut Vec<Report>) {
        if let Some(line) = &mut self.line {
            while heard.len() < heard.capacity() {
                let Ok(report) = line.reports.fates.try_recv() else {
                    break;
                };
                heard.push(report);
            }
        }
        self.settle_all(heard);
    }

    fn next_deadline(&self) -> Option<Deadline> {
        let latest = self.ending.as_ref().map(|ending| ending.latest);
        let drain = self.drain.as_ref().map(|(deadline, _)| *deadline);
        let unreadable = self.unreadable.map(|(until, _)| until);
        let all = [self.pause, self.holds.next(), latest, drain, unreadable, self.paced()];
        all.into_iter().flatten().reduce(|first, other| first.earlier(Some(other)))
    }
}

enum Word {
    Fates,
    Ailment(Failure),
}

/// The next thing that the client says; never, while there is no client or it has no more to say.
async fn next_word(reports: Option<&mut Reports>, heard: &mut Vec<Report>) -> Word {
    let Some(reports) = reports else {
        return std::future::pending().await;
    };
    let room = heard.capacity();
    tokio::select! {
        count = reports.fates.recv_many(heard, room) => match count {
            0 => std::future::pending().await,
            _ => Word::Fates,
        },
        failure = reports.ailments.next() => Word::Ailment(failure),
    }
}

async fn next_exact(exact: Option<&mut Exact<'_>>) -> exact::Word {
    match exact {
        Some(exact) => exact.next_word().await,
        None => std::future::pending().await,
    }
}

async fn next_status(
    first: Option<&mut watch::Receiver<Status>>,
) -> Result<(), watch::error::RecvError> {
    match first {
        Some(first) => first.changed().await,
        None => std::future::pending().await,
    }
}

async fn next_inspection(found: Option<&mut mpsc::Receiver<Inspection>>) -> Option<Inspection> {
    match found {
        Some(found) => found.recv().await,
        None => std::future::pending().await,
    }
}

async fn next_registration(registrar: Option<&mut Registrar>) -> Option<Registration> {
    match registrar {
        Some(registrar) => registrar.found.recv().await,
        None => std::future::pending().await,
    }
}

async fn wait(timer: Option<Deadline>) {
    match timer {
        Some(deadline) => deadline.wait().await,
        None => std::future::pending().await,
    }
}
