//! Erasing a participant or a room.
//!
//! The whole journal is searched, whatever the search file knows, off the runtime and in slices;
//! one erasure at a time. The answer and the audit log carry only names that may be seen.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Actor, Desk, Reason, Refusal};
use crate::bounds;
use crate::event::{EventId, Kind};
use crate::intake::Source;
use crate::journal::{AppendError, Journal, ReadError};
use crate::normalize::Personal;
use crate::scrub::names::is_name;
use crate::scrub::{Clean, Erased};

mod trace;

use trace::{Trace, Whom, is_pseudonym};

/// Whom or what to forget: exactly one of `participant` and `room`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetAsk {
    /// The tenant in whose events.
    pub tenant: String,
    /// A person: `p1_…` of any version, or the provider's id of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// A room: as it may be seen, or as the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Shows which fields are given and nothing of them.
impl fmt::Debug for ForgetAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |given: &Option<String>| given.as_ref().map(|_| "[personal]");
        f.debug_struct("ForgetAsk")
            .field("tenant", &self.tenant)
            .field("participant", &hidden(&self.participant))
            .field("room", &hidden(&self.room))
            .field("reason", &self.reason)
            .finish()
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForgetStatus {
    /// Gone from the journal's file, its free pages and its log.
    Erased,
    /// Gone from what is read; the log could not be truncated yet, which is tried again.
    Pending,
}

/// What was found and what cannot be erased here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// How far it has come.
    pub status: ForgetStatus,
    /// Events whose content is gone.
    pub events: u64,
    /// Events of theirs that were erased before.
    pub already: u64,
    /// Events that were not known to be on Kafka. Those already on their way go out before the
    /// erasure event; the others never will.
    pub unpublished: u64,
    /// Sessions of the person, or of the room and what was made in it, that were followed.
    pub sessions: u64,
    /// The pseudonyms or room names, as they may be seen, that were looked for.
    pub refs: Vec<String>,
    /// The erasure event for consumers; absent where nothing was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure_event_id: Option<String>,
    /// What a human must still do: topics, backups, consumers.
    pub not_erased_here: Vec<String>,
}

/// Who and what is looked for, before any event is.
struct Sought {
    whom: Whom,
    tenant: String,
    /// Under all of these.
    names: Vec<String>,
    /// Those of them that may be seen.
    refs: Vec<String>,
}

impl Desk {
    /// Erases a participant or a room from the journal: every event of theirs up to now, under
    /// every pseudonym there is a key for, and those that are known by the same sessions. What
    /// comes later is new data and is kept as ever. Events that are on their way to Kafka when this
    /// is asked go out before the event that tells consumers; all others never do.
    ///
    /// # Errors
    /// An ask that names not exactly one; another erasure under way; a journal that cannot be read
    /// or written. What was erased before an error stays erased, and consumers were told: ask again
    /// for the rest.
    pub async fn forget(&self, by: &Actor, ask: ForgetAsk) -> Result<Forgotten, Refusal> {
        let sought = self.sought(&ask)?;
        let target = sought.refs.first().map(|name| format!("{}/{name}", sought.tenant));
        let target = target.unwrap_or_else(|| sought.tenant.clone());
        self.audited(by, "forget", Some(&target), &ask.reason, self.erase(sought)).await
    }

    fn sought(&self, ask: &ForgetAsk) -> Result<Sought, Refusal> {
        let (whom, field, given) = match (&ask.participant, &ask.room) {
            (Some(given), None) => (Whom::Participant, "participant", given),
            (None, Some(given)) => (Whom::Room, "room", given),
            (Some(_), Some(_)) | (None, None) => {
                let rule = "or room must be given, one of them: whom or what to forget";
                return Err(Refusal::Invalid { field: "participant", rule: rule.to_owned() });
            }
        };
        let most = bounds::PSEUDONYM_ID_BYTES_MAX;
        if given.is_empty() || given.len() > most {
            let rule = format!("must be 1 to {most} bytes, exactly as the provider writes it");
            return Err(Refusal::Invalid { field, rule });
        }
        let mut sought =
            Sought { whom, tenant: ask.tenant.clone(), names: Vec::new(), refs: Vec::new() };
        if is_pseudonym(given) {
            let is_person = is_name(given, 'p');
            if is_person != (whom == Whom::Participant) {
                let rule = "is a pseudonym of the other kind: p1_… is a person, r1_… and k1_… \
                     are rooms";
                return Err(Refusal::Invalid { field, rule: rule.to_owned() });
            }
            sought.both(given.clone());
            return Ok(sought);
        }
        let sources = self.inner.sources.now();
        let theirs =
            |source: &&Arc<Source>| source.boundary().settings().tenant.as_str() == sought.tenant;
        let theirs: Vec<_> = sources.iter().filter(theirs).cloned().collect();
        if theirs.is_empty() {
            let rule = "must be the tenant of a configured source, or the person or room must be \
                 given as a pseudonym (p1_…, r1_…, k1_…)";
            return Err(Refusal::Invalid { field: "tenant", rule: rule.to_owned() });
        }
        let id = Personal::new(given.as_str());
        for boundary in theirs.iter().map(|source| source.boundary()) {
            match whom {
                Whom::Participant => {
                    boundary.persons(id).iter().for_each(|one| sought.both(one.to_string()));
                }
                Whom::Room => {
                    if boundary.lets_out(id) {
                        sought.both(given.clone());
                    }
                    boundary.rooms(id).iter().for_each(|one| sought.both(one.to_string()));
                    boundary.room_keys(id).iter().for_each(|one| sought.both(one.to_string()));
                }
            }
        }
        if whom == Whom::Room && !sought.names.contains(given) {
            // Under an older configuration it may have left as it is.
            sought.names.push(given.clone());
        }
        if !sought.refs.contains(given) {
            ask.reason.is_without(given)?;
        }
        Ok(sought)
    }

    async fn erase(&self, sought: Sought) -> Result<Forgotten, Refusal> {
        let Ok(_alone) = self.forgetting.try_write() else {
            let text = "another erasure, or a release from quarantine, is under way; ask again \
                 when it is done";
            return Err(Refusal::Conflict(text.to_owned()));
        };
        let journal = &self.inner.journal;
        let through = *journal.head().borrow();
        let Sought { whom, tenant, names, refs } = sought;
        let mut hunt = Hunt {
            trace: Trace::new(whom, &tenant, &names),
            whom,
            tenant,
            illegible: 0,
            forgotten: Forgotten::nothing(refs),
        };
        loop {
            let journal = journal.clone();
            let passes = move || hunt.search(&journal, through).map(|whole| (hunt, whole));
            let searched = spawn_blocking(passes).await.map_err(|_panicked| Refusal::Defect)?;
            let (searched, whole) = searched.map_err(|error| {
                Refusal::Unavailable(format!("the journal cannot be searched: {error}"))
            })?;
            hunt = searched;
            self.entomb(&mut hunt).await?;
            if whole {
                break;
            }
        }
        let journal_is_clean = !journal.is_erasure_pending() || scoured(journal).await?;
        hunt.forgotten.status = match journal_is_clean && self.is_search_clean().await {
            true => ForgetStatus::Erased,
            false => ForgetStatus::Pending,
        };
        Ok(self.reported(hunt))
    }

    /// Makes tombstones of what a search has found; the events that tell of it go with the first.
    ///
    /// What is searched forgets it before: a step that fails then leaves whole rows, which are
    /// found when it is asked again, and never a tombstone that the search file still tells of.
    async fn entomb(&self, hunt: &mut Hunt) -> Result<(), Refusal> {
        let found = hunt.trace.take();
        let (sequences, ids): (Vec<u64>, Vec<EventId>) = found.into_iter().unzip();
        for some in sequences.chunks(bounds::SEARCH_FORGET_EVENTS) {
            self.unlearn(some.to_vec()).await?;
        }
        let mut telling = self.telling(hunt, &ids);
        let first = telling.first().map(|event| event.id().to_string());
        for step in sequences.chunks(bounds::ERASURE_STEP_ROWS) {
            let telling = std::mem::take(&mut telling);
            let done = self.inner.journal.erase(step.to_vec(), telling).await.map_err(unwritten)?;
            hunt.forgotten.events += done.events;
            hunt.forgotten.unpublished += done.unpublished;
        }
        hunt.forgotten.erasure_event_id = hunt.forgotten.erasure_event_id.take().or(first);
        Ok(())
    }

    /// Takes events out of the search file. Whether nothing of them is left in its log.
    async fn unlearn(&self, sequences: Vec<u64>) -> Result<bool, Refusal> {
        let journal = self.inner.journal.clone();
        let unlearned = spawn_blocking(move || match journal.search() {
            Some(search) => search.forget(sequences),
            None => Ok(true),
        });
        let unlearned = unlearned.await.map_err(|_panicked| Refusal::Defect)?;
        unlearned.map_err(|error| {
            Refusal::Unavailable(format!(
                "what is searched cannot forget it now, so not all is erased: {error}; ask again, \
                 or stop the gateway and delete search.db, which is made anew"
            ))
        })
    }

    /// Whether the search file's log is empty of what was taken out; else somebody goes on trying.
    async fn is_search_clean(&self) -> bool {
        if self.unlearn(Vec::new()).await == Ok(true) {
            return true;
        }
        let desk = self.clone();
        tokio::spawn(async move {
            loop {
                sleep(bounds::SCOUR_EVERY).await;
                // An error is a file that is made anew, or a gateway that stops.
                if desk.unlearn(Vec::new()).await != Ok(false) {
                    return;
                }
            }
        });
        false
    }

    fn telling(&self, hunt: &Hunt, ids: &[EventId]) -> Vec<Clean> {
        let kind = match hunt.whom {
            Whom::Participant => Kind::ParticipantErased,
            Whom::Room => Kind::RoomErased,
        };
        let found = hunt.trace.found();
        let asked = hunt.forgotten.refs.iter().map(String::as_str);
        let refs = if found.is_empty() { asked.collect() } else { found };
        let key = hunt.trace.only_key().map(|key| &key[..]);
        let (tenant, at) = (hunt.tenant.as_str(), self.inner.clock.now());
        let erased = Erased { kind, tenant, refs: &refs, key, at, events: ids };
        // Any boundary has the key of the ids.
        let sources = self.inner.sources.now();
        sources.first().map(|any| any.boundary().erasures(&erased)).unwrap_or_default()
    }

    fn reported(&self, hunt: Hunt) -> Forgotten {
        let mut forgotten = hunt.forgotten;
        forgotten.already = hunt.trace.already();
        forgotten.sessions = hunt.trace.sessions();
        let topics = self.inner.contract.topics.iter().map(|(_, topic)| topic.as_str());
        let topics = topics.collect::<Vec<_>>().join(", ");
        let mut left = vec![
            format!(
                "Kafka: what was published stays in the topics {topics} until their retention \
                 lets it go"
            ),
            "backups of the journal: one made before now brings the events back; after a restore, \
             forget again"
                .to_owned(),
            "what consumers keep: the erasure event tells them the event ids".to_owned(),
            "the erasure event itself, with the pseudonym, until retention lets it go".to_owned(),
        ];
        if hunt.illegible > 0 {
            left.push(format!(
                "{} damaged events of the journal, which cannot be read: run hookgate journal \
                 check",
                hunt.illegible
            ));
        }
        if hunt.trace.is_cut() {
            let most = bounds::FORGET_SESSIONS;
            left.push(format!("events of more than {most} sessions: ask again for the rest"));
        }
        forgotten.not_erased_here = left;
        forgotten
    }
}

impl Sought {
    /// Looked for, and may be seen.
    fn both(&mut self, name: String) {
        if !self.names.contains(&name) {
            self.names.push(name.clone());
            self.refs.push(name);
        }
    }
}

impl Forgotten {
    fn nothing(refs: Vec<String>) -> Self {
        Self {
            status: ForgetStatus::Pending,
            events: 0,
            already: 0,
            unpublished: 0,
            sessions: 0,
            refs,
            erasure_event_id: None,
            not_erased_here: Vec::new(),
        }
    }
}

/// One erasure, as far as it has come.
struct Hunt {
    trace: Trace,
    whom: Whom,
    tenant: String,
    /// Rows that could not be looked at.
    illegible: u64,
    forgotten: Forgotten,
}

impl Hunt {
    /// Passes over the journal up to a sequence until nothing new is learned, or as much is in hand
    /// as may be. Whether it came to its end. Blocks.
    fn search(&mut self, journal: &Journal, through: u64) -> Result<bool, ReadError> {
        loop {
            self.trace.begin_pass();
            self.illegible = 0;
            let mut last = 0;
            while last < through {
                let slice = journal.slice(last, through)?;
                slice.rows.iter().for_each(|event| self.trace.look(event));
                self.illegible += slice.illegible;
                last = slice.through.max(last + 1);
                if self.trace.is_full() {
                    return Ok(false);
                }
            }
            if !self.trace.has_grown() {
                return Ok(true);
            }
        }
    }
}

async fn scoured(journal: &Journal) -> Result<bool, Refusal> {
    journal.scour().await.map_err(unwritten)
}

fn unwritten(error: AppendError) -> Refusal {
    Refusal::Unavailable(format!("nothing can be erased now: {error}; ask again"))
}
