//! Deliveries as test cases.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::specimen::Stage;
use super::{Actor, Desk, Reason, Refusal};
use crate::bounds;
use crate::event::SourceName;
use crate::intake::{Source, Sources, Tapped};
use crate::scrub::madeup::Maker;

/// Asks for the next authentic deliveries of a source, scrubbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureAsk {
    /// The source; its configuration must allow it (`capture = true`).
    pub source: String,
    /// How many.
    #[schemars(range(min = 1, max = bounds::CAPTURE_DELIVERIES_MAX))]
    pub count: u32,
    /// Why.
    pub reason: Reason,
}

/// One delivery as a fixture: nothing of a person in it, signed with a test secret. They come as
/// lines of JSON, each when its delivery comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapturedDelivery {
    /// What the provider calls it, as a folder's name; `unknown` where it is not on the list.
    pub name: String,
    /// The request as it would arrive (`request.http`).
    pub request: String,
    /// The event as it would leave (`event.json`).
    pub event: String,
    /// How many deliveries were passed over before this one: no JSON, too large, or too fast one
    /// after another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over: u64,
}

impl Desk {
    /// The next authentic deliveries of a source, made up, as they come: those that bring something
    /// new, so no second copies. Ends with the last of them, after [`bounds::CAPTURE_FOR`], or when
    /// the receiver is dropped.
    ///
    /// # Errors
    /// `Conflict` where the configuration does not allow it, the source is being captured or
    /// [`bounds::CAPTURES_AT_ONCE`] are,
    /// `Invalid` for a count that is not possible, `NotFound` where no such source is configured.
    pub async fn capture(
        &self,
        by: &Actor,
        ask: CaptureAsk,
    ) -> Result<mpsc::Receiver<CapturedDelivery>, Refusal> {
        // What was asked for may be anything; only a source's name may stand in the log.
        let target = self.source(&ask.source).ok().map(|source| format!("source {}", source.name));
        let begin = async { self.begin(&ask) };
        self.audited(by, "capture", target.as_deref(), &ask.reason, begin).await
    }

    fn begin(&self, ask: &CaptureAsk) -> Result<mpsc::Receiver<CapturedDelivery>, Refusal> {
        let source = self.source(&ask.source)?;
        if !(1..=bounds::CAPTURE_DELIVERIES_MAX).contains(&ask.count) {
            let rule = format!("must be 1 to {}", bounds::CAPTURE_DELIVERIES_MAX);
            return Err(Refusal::Invalid { field: "count", rule });
        }
        let conflict = |text: &str| Refusal::Conflict(text.to_owned());
        if !source.captures() {
            let text = "the configuration does not allow it: write capture = true into the \
                 [[source]] and reload";
            return Err(conflict(text));
        }
        let stage = Stage::of(source.provider());
        let stage = stage.ok_or_else(|| conflict("there is no test secret for this provider"))?;
        let text = "as many sources as can be are being captured: let one of them end";
        let turn = Arc::clone(&self.captures).try_acquire_owned().map_err(|_| conflict(text))?;
        let text = "the source is being captured already: let that end, or end it";
        let tapped = source.tap().ok_or_else(|| conflict(text))?;
        let (to, from) = mpsc::channel(1);
        let sources = self.inner.sources.clone();
        let running = Running { sources, tapped, stage, to, left: ask.count, given: 0, lost: 0 };
        tokio::spawn(async move {
            running.run().await;
            drop(turn);
        });
        Ok(from)
    }

    /// A source in force, by its name.
    pub(super) fn source(&self, name: &str) -> Result<Arc<Source>, Refusal> {
        let found = self.inner.sources.named(&SourceName::new(name));
        found.ok_or_else(|| {
            let known = self.inner.sources.now();
            let known: Vec<&str> = known.iter().map(|source| source.name.as_str()).collect();
            let known = known.join(", ");
            Refusal::NotFound(format!("there is no such source: configured are {known}"))
        })
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A capture under way.
struct Running {
    sources: Arc<Sources>,
    tapped: Tapped,
    stage: Stage,
    to: mpsc::Sender<CapturedDelivery>,
    left: u32,
    given: u64,
    lost: u64,
}

impl Running {
    async fn run(mut self) {
        let over = sleep(bounds::CAPTURE_FOR);
        let ended = tokio::select! {
            why = self.give() => why,
            () = over => "its time is over",
        };
        let (source, given) = (&self.tapped.source().name, self.given);
        let passed_over = self.lost + self.tapped.passed_over();
        tracing::info!(%source, given, passed_over, ended, "a capture has ended");
    }

    /// Gives out deliveries; tells why no more come.
    async fn give(&mut self) -> &'static str {
        let maker = Arc::new(Maker::new(rand::random()));
        while self.left > 0 {
            let next = tokio::select! {
                next = timeout(bounds::CAPTURE_LOOK, self.tapped.next()) => next,
                () = self.to.closed() => return "nobody listens any more",
            };
            let Ok(Some(verified)) = next else {
                match self.follow() {
                    Ok(()) => continue,
                    Err(why) => return why,
                }
            };
            let (source, stage) = (self.tapped.source().clone(), self.stage.clone());
            let by = Arc::clone(&maker);
            let made = spawn_blocking(move || stage.specimen(&source, &verified, &by)).await;
            self.lost += self.tapped.passed_over();
            let Ok(Some(mut made)) = made else {
                self.lost += 1;
                continue;
            };
            made.passed_over = std::mem::take(&mut self.lost);
            if self.to.send(made).await.is_err() {
                return "nobody listens any more";
            }
            (self.left, self.given) = (self.left - 1, self.given + 1);
        }
        "all were given"
    }

    /// After a reload the deliveries come to another source of the same name.
    fn follow(&mut self) -> Result<(), &'static str> {
        let before = self.tapped.source();
        let Some(now) = self.sources.named(&before.name) else {
            return Err("its source has left the configuration");
        };
        if Arc::ptr_eq(&now, before) {
            return Ok(());
        }
        if !now.captures() {
            return Err("the configuration does not allow it any more");
        }
        self.lost += self.tapped.passed_over();
        self.tapped = now.tap().ok_or("another capture of its source has begun")?;
        Ok(())
    }
}
