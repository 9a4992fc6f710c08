//! Publishing a part of the journal again: counted first, then run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::choice::filter;
use super::{Actor, ChangeAsk, Desk, Filter, Reason, Refusal};
use crate::clock::Timestamp;
use crate::event::{Family, ReplayId};
use crate::journal::How;
use crate::replay::{Asked, Choice, CountError, Counted, ReplayError, Replays, Standing};
use crate::{bounds, publish};

/// What to publish again, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayAsk {
    /// Which events; `limit` and `cursor` mean nothing here.
    #[serde(default)]
    pub filter: Filter,
    /// The highest sequence that is meant: what a plan has seen. Absent: the journal's head now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// Events a second, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Another first part of the topics' names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_prefix: Option<String>,
    /// Only count.
    #[serde(default)]
    pub dry_run: bool,
    /// Why; not needed to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// One event's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Its sequence.
    pub sequence: u64,
    /// When it was received.
    pub received: Timestamp,
}

/// What a replay would publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The filter, with its times made absolute: a run means what its plan meant.
    pub filter: Filter,
    /// The highest sequence that was looked at.
    pub through: u64,
    /// Events a second, at most.
    pub rate: u32,
    /// The first part of the topics' names.
    pub to_prefix: String,
    /// How many events.
    pub events: u64,
    /// How many for each topic.
    pub topics: BTreeMap<String, u64>,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Place>,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Place>,
    /// How long it would take at that rate, in seconds.
    pub seconds: f64,
}

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// It publishes.
    Running,
    /// It waits: for live traffic, for Kafka, or for its turn.
    Waiting,
    /// All of it is on Kafka.
    Done,
    /// An operator ended it.
    Cancelled,
    /// It cannot go on without a human.
    Failed,
}

/// One replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayReport {
    /// Its name, which stands in each record's `hookgate-replay-id`.
    pub id: String,
    /// How it stands.
    pub state: ReplayState,
    /// Why it waits or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who began it, by the name of the token.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Which events.
    pub filter: Filter,
    /// The highest sequence that it goes to.
    pub through: u64,
    /// Events a second, at most.
    pub rate: u32,
    /// The first part of the topics' names.
    pub to_prefix: String,
    /// How many it was to publish.
    pub total: u64,
    /// How many Kafka has acknowledged.
    pub published: u64,
    /// How many were passed over: too large for Kafka, even alone.
    #[serde(default)]
    pub passed_over: u64,
    /// How many were gone by the time it came to them: erased, or let go by retention. Known when
    /// it is done.
    pub gone: u64,
    /// Every event up to here is dealt with.
    pub position: u64,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// All replays that are kept, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayPage {
    /// The replays.
    pub replays: Vec<ReplayReport>,
}

/// The answer to [`ReplayAsk`]: a plan for a dry run, else the replay that began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReplayAnswer {
    /// What it would do.
    Plan(Plan),
    /// What has begun.
    Begun(ReplayReport),
}

impl Desk {
    /// Counts what a replay would publish, or begins it.
    ///
    /// # Errors
    /// `Invalid` where a field is not as it must be; `TooSlow` where counting takes longer than it
    /// may; `Conflict` where nothing matches or too many replays are open.
    pub async fn replay(&self, by: &Actor, ask: ReplayAsk) -> Result<ReplayAnswer, Refusal> {
        let plan = self.plan(&ask).await?;
        if ask.dry_run {
            return Ok(ReplayAnswer::Plan(plan.shown()));
        }
        let Some(reason) = ask.reason else {
            let rule = "must say why; only a dry run needs none".to_owned();
            return Err(Refusal::Invalid { field: "reason", rule });
        };
        if plan.counted.events == 0 {
            let text = "nothing in the journal matches: there is nothing to publish again";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        let asked = Asked {
            choice: plan.choice,
            rate: plan.rate,
            to_prefix: plan.to_prefix,
            by: by.name.clone(),
            reason: reason.as_str().to_owned(),
        };
        let target = format!("{} events to {}", plan.counted.events, asked.to_prefix);
        let replays = self.replaying()?.clone();
        let begin = async {
            let begun = replays.begin(asked, &plan.counted).await.map_err(refused)?;
            Ok(ReplayAnswer::Begun(report(begun)))
        };
        self.audited(by, "replay.run", Some(&target), &reason, begin).await
    }

    /// All replays that are kept, the newest first.
    ///
    /// # Errors
    /// `Unavailable` where the journal cannot be read.
    pub async fn replays(&self) -> Result<ReplayPage, Refusal> {
        let all = self.replaying()?.list().await.map_err(|error| refused(error.into()))?;
        Ok(ReplayPage { replays: all.into_iter().map(report).collect() })
    }

    /// One of them.
    ///
    /// # Errors
    /// `NotFound` where there is none of this name.
    pub async fn replay_report(&self, id: &str) -> Result<ReplayReport, Refusal> {
        let unknown = || refused(ReplayError::Unknown);
        let id = ReplayId::parse(id).ok_or_else(unknown)?;
        let found = self.replaying()?.report(&id).await.map_err(|error| refused(error.into()))?;
        found.map(report).ok_or_else(unknown)
    }

    /// Ends one; what is on Kafka stays there.
    ///
    /// # Errors
    /// `NotFound` where there is none of this name, `Conflict` where it has ended.
    pub async fn cancel_replay(
        &self,
        by: &Actor,
        id: &str,
        ask: ChangeAsk,
    ) -> Result<ReplayReport, Refusal> {
        let replays = self.replaying()?.clone();
        let id = ReplayId::parse(id).ok_or_else(|| refused(ReplayError::Unknown))?;
        let cancel = async { replays.cancel(&id).await.map(report).map_err(refused) };
        self.audited(by, "replay.cancel", Some(id.as_str()), &ask.reason, cancel).await
    }

    fn replaying(&self) -> Result<&Replays, Refusal> {
        let none = || Refusal::Unavailable("this gateway publishes nothing".to_owned());
        self.inner.replays.as_ref().ok_or_else(none)
    }

    async fn plan(&self, ask: &ReplayAsk) -> Result<Planned, Refusal> {
        let replays = self.replaying()?;
        let choice = self.choice(&ask.filter)?;
        let rate = ask.rate.unwrap_or(bounds::REPLAY_RATE_DEFAULT);
        if !(1..=bounds::REPLAY_RATE_MAX).contains(&rate) {
            let rule = format!("must be 1 to {} events a second", bounds::REPLAY_RATE_MAX);
            return Err(Refusal::Invalid { field: "rate", rule });
        }
        let to_prefix = ask.to_prefix.clone();
        let to_prefix = to_prefix.unwrap_or_else(|| replays.topic_prefix().to_owned());
        if !publish::is_topic_prefix(&to_prefix) {
            let rule = publish::TOPIC_PREFIX.to_owned();
            return Err(Refusal::Invalid { field: "to_prefix", rule });
        }
        let head = *self.inner.journal.head().borrow();
        let through = ask.through.unwrap_or(head);
        if through > head {
            let rule = "must be a sequence that the journal has given".to_owned();
            return Err(Refusal::Invalid { field: "through", rule });
        }
        let (journal, clock) = (self.inner.journal.clone(), self.inner.clock.clone());
        let counting = {
            let choice = choice.clone();
            let within = bounds::REPLAY_PLAN_WITHIN;
            spawn_blocking(move || Counted::of(&choice, &journal, through, &clock, within))
        };
        let counted = match counting.await {
            Ok(Ok(counted)) => counted,
            Ok(Err(CountError::TooSlow)) => return Err(Refusal::TooSlow),
            Ok(Err(CountError::Unreadable(error))) => return Err(refused(error.into())),
            Err(_panicked) => return Err(Refusal::Defect),
        };
        Ok(Planned { choice, rate, to_prefix, through, counted })
    }
}

/// What a replay would do.
struct Planned {
    choice: Choice,
    rate: u32,
    to_prefix: String,
    through: u64,
    counted: Counted,
}

impl Planned {
    fn shown(self) -> Plan {
        let Self { choice, rate, to_prefix, through, counted } = self;
        let topic =
            |(family, count): (Family, u64)| (format!("{to_prefix}.{}", family.as_str()), count);
        let place = |(sequence, received)| Place { sequence, received };
        Plan {
            filter: filter(&choice),
            through,
            rate,
            events: counted.events,
            topics: counted.families.into_iter().map(topic).collect(),
            first: counted.first.map(place),
            last: counted.last.map(place),
            seconds: counted.events as f64 / f64::from(rate),
            to_prefix,
        }
    }
}

/// A replay, as it is shown.
fn report(standing: Standing) -> ReplayReport {
    let gone = standing.gone();
    let Standing { replay, asked, position, waits } = standing;
    let (state, detail, ended) = match (replay.ending, waits) {
        (Some(ending), _) => {
            let state = match ending.how {
                How::Done => ReplayState::Done,
                How::Cancelled => ReplayState::Cancelled,
                How::Failed => ReplayState::Failed,
            };
            (state, ending.detail, Some(ending.at))
        }
        (None, Some(why)) => (ReplayState::Waiting, Some(why), None),
        (None, None) => (ReplayState::Running, None, None),
    };
    ReplayReport {
        id: replay.id.to_string(),
        state,
        detail,
        by: asked.by,
        reason: asked.reason,
        filter: filter(&asked.choice),
        through: replay.through,
        rate: asked.rate,
        to_prefix: asked.to_prefix,
        total: replay.total,
        published: replay.published,
        passed_over: replay.passed_over,
        gone,
        position,
        started: replay.started,
        ended,
    }
}

fn refused(error: ReplayError) -> Refusal {
    match error {
        ReplayError::Unknown => Refusal::NotFound(error.to_string()),
        ReplayError::Over | ReplayError::TooMany => Refusal::Conflict(error.to_string()),
        ReplayError::Stopping | ReplayError::NotKept(_) | ReplayError::Unreadable(_) => {
            Refusal::Unavailable(error.to_string())
        }
        ReplayError::Defect => Refusal::Defect,
    }
}
