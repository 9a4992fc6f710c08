//! Deliveries as test cases, and the pseudonym of an id.

use std::fmt;
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
use crate::normalize::Personal;
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

/// Asks for the pseudonym of a provider's id.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PseudonymAsk {
    /// The source whose tenant and provider count.
    pub source: String,
    /// The provider's stable id of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// A room's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Their pseudonyms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PseudonymAnswer {
    /// `p1_…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// `r1_…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The room in record keys, `k1_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_key: Option<String>,
    /// Whether this source lets the room's name out: its events then carry the name itself, and
    /// not these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub room_by_name: bool,
}

/// Shows which fields are given and nothing of them.
impl fmt::Debug for PseudonymAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |given: &Option<String>| given.as_ref().map(|_| "[personal]");
        f.debug_struct("PseudonymAsk")
            .field("source", &self.source)
            .field("participant", &hidden(&self.participant))
            .field("room", &hidden(&self.room))
            .field("reason", &self.reason)
            .finish()
    }
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

    /// The pseudonym of a provider's id, for support work. The id itself is neither kept nor shown
    /// again: the audit log says the pseudonym.
    ///
    /// # Errors
    /// `Invalid` where neither or an empty or overlong id is given, or the reason repeats it,
    /// `NotFound` where no such source is configured.
    pub async fn pseudonym(
        &self,
        by: &Actor,
        ask: PseudonymAsk,
    ) -> Result<PseudonymAnswer, Refusal> {
        let found = self.pseudonyms(&ask);
        // Before the record: it holds the reason.
        let by_name = found.as_ref().is_ok_and(|found| found.room_by_name);
        for name in ask.participant.iter().chain(ask.room.iter().filter(|_| !by_name)) {
            ask.reason.is_without(name)?;
        }
        let answer = found.as_ref().ok();
        let seen = answer.map(|found| [found.participant.as_deref(), found.room.as_deref()]);
        let seen = seen.map(|seen| seen.into_iter().flatten().collect::<Vec<_>>().join(" "));
        self.audited(by, "pseudonym", seen.as_deref(), &ask.reason, async { found.clone() }).await
    }

    fn pseudonyms(&self, ask: &PseudonymAsk) -> Result<PseudonymAnswer, Refusal> {
        let source = self.source(&ask.source)?;
        let participant = id("participant", ask.participant.as_deref())?;
        let room = id("room", ask.room.as_deref())?;
        if participant.is_none() && room.is_none() {
            let rule = "must be given, or room: the provider's id of a person, or a room's name";
            return Err(Refusal::Invalid { field: "participant", rule: rule.to_owned() });
        }
        let boundary = source.boundary();
        Ok(PseudonymAnswer {
            participant: participant.map(|id| boundary.person(id).to_string()),
            room: room.map(|name| boundary.room(name).to_string()),
            room_key: room.map(|name| boundary.room_key(name).to_string()),
            room_by_name: room.is_some_and(|name| boundary.lets_out(name)),
        })
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

/// An id as it was asked for, personal from here on.
fn id<'a>(
    field: &'static str,
    given: Option<&'a str>,
) -> Result<Option<Personal<&'a str>>, Refusal> {
    match given {
        Some(text) if text.is_empty() || text.len() > bounds::PSEUDONYM_ID_BYTES_MAX => {
            let most = bounds::PSEUDONYM_ID_BYTES_MAX;
            let rule = format!("must be 1 to {most} bytes, exactly as the provider writes it");
            Err(Refusal::Invalid { field, rule })
        }
        given => Ok(given.map(Personal::new)),
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
