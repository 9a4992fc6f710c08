//! The day that each consumer is led through, part by part; it ends with the first complaint.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::judge::{Told, Worked, all_are, are_of, work_is};
use crate::languages::Language;
use crate::proof::{LOOK, PATIENCE};
use crate::running::Running;
use crate::stage::{GROUP, Stage};

/// Enough that what is said of them fills a pipe that nobody reads.
const MANY: u64 = 1_600;
/// Looks that show the same: then nothing is under way to Kafka any more…
const STILL: u32 = 25;
/// …and then nothing will be.
const STILL_FOR_GOOD: u32 = 500;
const ROOM: &str = "consult-0a1b2c3d";
const WHY: &str = "ticket 4711";
const LATE: &str = "ev1_latelatelatelatelatelatela";
/// A replay that nobody had heard of when that was erased.
const LATER: &str = "rp_later";

/// Where the consumer is.
struct Day<'a> {
    stage: Stage<'a>,
    /// What its work should be.
    should: BTreeSet<Worked>,
    /// How many records the topics it reads hold.
    records: usize,
}

/// Leads a consumer through the day; what is wrong with it.
pub(crate) async fn day(language: &Language) -> Result<(), String> {
    let stage = Stage::set(language).await;
    let mut day = Day { stage, should: BTreeSet::new(), records: 0 };
    let fixtures = day.stage.fixtures();
    let running = day.killed_before_its_commit(&fixtures).await?;
    let running = day.started_again_quietly(running).await?;
    let running = day.what_is_published_twice(running, &fixtures).await?;
    let running = day.replays(running).await?;
    let running = day.erasures(running).await?;
    let running = day.erased_before_it_came(running).await?;
    let running = day.erased_and_replayed(running).await?;
    let running = day.what_was_not_committed(running).await?;
    let running = day.words_of_tomorrow(running).await?;
    day.begun_anew(running).await?;
    day.stage.end().await;
    Ok(())
}

fn id(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

fn live(id: impl Into<String>) -> Worked {
    (id.into(), String::new())
}

/// Another meeting.
fn meeting(number: u64) -> String {
    json!({
        "version": "1.0.0", "type": "meeting.started", "id": format!("event-{number}"),
        "payload": {
            "start_ts": 1_795_168_800.5, "room": format!("consult-{:08x}", number % 7),
            "meeting_id": format!("6497c79b-f326-4942-aef8-{number:012}"),
        },
        "event_ts": 1_795_168_800.6,
    })
    .to_string()
}

impl Day<'_> {
    fn judged(&self) -> Result<(), String> {
        work_is(&self.stage.work(), &self.should)
    }

    /// It is killed after its work and before its commit: nothing is lost and nothing done twice.
    async fn killed_before_its_commit(&mut self, fixtures: &[Vec<u8>]) -> Result<Running, String> {
        let made = (0..MANY).map(|number| self.stage.signed(&meeting(number)));
        let requests = fixtures.iter().cloned().chain(made).collect();
        let taken = self.stage.post(&self.stage.gate, requests).await;
        self.should = taken.iter().map(live).collect();
        self.records = taken.len();
        let running = self.stage.run(GROUP, "", &[]);
        let standing = timeout(PATIENCE, self.until_it_stands(&running)).await;
        standing.map_err(|_| running.complaint("it does no work"))??;
        let mut said = running.killed().await?;
        let (worked, committed) = self.progress();
        let mut running = self.stage.run(GROUP, "", &[]);
        let again = running.told(self.records - committed).await?;
        let skipped = again.iter().filter(|told| told.action == "skipped").count();
        self.judged()?;
        if skipped != worked - committed {
            return Err(format!("{skipped} skipped, but {worked} - {committed} were done before"));
        }
        said.extend(again);
        let spoken: BTreeSet<_> = said.iter().map(|told| told.id.clone()).collect();
        if spoken != taken {
            return Err("some records are never told of".to_owned());
        }
        let handled: Vec<_> = said.into_iter().filter(|told| told.action != "skipped").collect();
        let once: BTreeSet<_> = handled.iter().map(|told| &told.id).collect();
        if once.len() != handled.len() {
            return Err("it says of one event twice that it was worked on".to_owned());
        }
        all_are(&handled, None, "handled")?;
        Ok(running)
    }

    /// Nobody reads what it says, so it stands still in the midst of saying what it did: then its work
    /// must be ahead of its commits.
    async fn until_it_stands(&self, running: &Running) -> Result<(), String> {
        let (mut looks, mut last, mut still) = (interval(LOOK), (0, 0), 0);
        loop {
            looks.tick().await;
            let now = self.progress();
            still = if now == last { still + 1 } else { 0 };
            last = now;
            let (worked, committed) = now;
            if worked > committed && still > STILL {
                return Ok(());
            }
            if worked > 0 && still > STILL_FOR_GOOD {
                return Err(running.complaint("it commits before its work is done"));
            }
        }
    }

    /// How much work is done, and how much of it committed to Kafka.
    fn progress(&self) -> (usize, usize) {
        let work = self.stage.count("work").unwrap_or_default();
        (usize::try_from(work).unwrap(), usize::try_from(self.stage.committed()).unwrap())
    }

    /// SIGTERM, and on from there: of what was committed not a word.
    async fn started_again_quietly(&mut self, running: Running) -> Result<Running, String> {
        running.stopped().await?;
        let one = self.stage.signed(&meeting(MANY));
        let taken = self.stage.post(&self.stage.gate, vec![one]).await;
        let mut running = self.stage.run(GROUP, "", &[]);
        let said = [running.next().await?];
        all_are(&said, None, "handled")?;
        are_of(&said, &taken)?;
        self.records += 1;
        self.should.extend(taken.iter().map(live));
        Ok(running)
    }

    /// The other replica has the same deliveries.
    async fn what_is_published_twice(
        &mut self,
        mut running: Running,
        fixtures: &[Vec<u8>],
    ) -> Result<Running, String> {
        let taken = self.stage.post(&self.stage.other, fixtures.to_vec()).await;
        let said = running.told(taken.len()).await?;
        self.judged()?;
        all_are(&said, None, "skipped")?;
        are_of(&said, &taken)?;
        self.records += taken.len();
        Ok(running)
    }

    /// One that it is not told of, and the same again, which it is.
    async fn replays(&mut self, mut running: Running) -> Result<Running, String> {
        let (replay, count) = self.replayed().await;
        let said = running.told(count).await?;
        all_are(&said, Some(&replay), "skipped")?;
        let ids: BTreeSet<_> = said.iter().map(|told| told.id.clone()).collect();
        running.stopped().await?;
        let (replay, count) = self.replayed().await;
        let mut running = self.stage.run(GROUP, &format!("rp_other,{replay}"), &[]);
        let said = running.told(count).await?;
        all_are(&said, Some(&replay), "handled")?;
        are_of(&said, &ids)?;
        self.should.extend(ids.into_iter().map(|id| (id, replay.clone())));
        self.records += 2 * count;
        self.judged()?;
        Ok(running)
    }

    /// A room's last hour again: which replay that is, and how many records.
    async fn replayed(&self) -> (String, usize) {
        let meant = ["--room", ROOM, "--since", "1h"];
        let plan = self.stage.ask(&[&["replay", "plan"][..], &meant, &["--json"]].concat()).await;
        let plan: Value = serde_json::from_str(&plan).unwrap();
        let topics = plan["topics"].as_object().unwrap().iter();
        let read = topics.filter(|(topic, _)| !topic.ends_with(".quarantine"));
        let count: u64 = read.map(|(_, count)| count.as_u64().unwrap()).sum();
        let count = usize::try_from(count).unwrap();
        assert!(count > 10, "{plan}");
        let said =
            self.stage.ask(&[&["replay", "run", "--reason", WHY][..], &meant].concat()).await;
        let (_, rest) = said.split_once("\nreplay ").unwrap();
        (rest.split(' ').next().unwrap().to_owned(), count)
    }

    /// A person is forgotten, and what the other replica publishes of them later stays away.
    async fn erasures(&mut self, mut running: Running) -> Result<Running, String> {
        let person = self.stage.somebody();
        let rows = format!("work WHERE person = '{person}'");
        let before = self.stage.count(&rows).unwrap();
        let gone = self.forget(&person).await;
        let said = running.next().await?;
        if (said.action.as_str(), said.kind.as_str()) != ("erased", "video.participant.erased") {
            return Err(format!("should be erased: {said:?}"));
        }
        self.records += 1;
        self.should.retain(|(id, _)| !gone.contains(id));
        self.judged()?;
        if self.stage.count(&rows) != Some(0) || before == 0 {
            return Err(format!("who was forgotten is still there; {before} pieces before"));
        }
        Ok(running)
    }

    /// The events whose content is gone then.
    async fn forget(&self, person: &str) -> BTreeSet<String> {
        let whom = ["forget", "--tenant", "tenant-fixtures", "--participant", person, "--yes"];
        self.stage.ask(&[&whom[..], &["--reason", WHY]].concat()).await;
        self.stage.gate.until_published().await;
        let list = ["events", "list", "--state", "erased", "--limit", "1000", "--json"];
        let list = self.stage.ask(&list).await;
        let each = list.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let gone: BTreeSet<_> = each.map(|e| e["event_id"].as_str().unwrap().to_owned()).collect();
        assert!(!gone.is_empty(), "{person} is in the journal");
        gone
    }

    /// Topics are read side by side: an erasure may come before what it erases.
    async fn erased_before_it_came(&mut self, running: Running) -> Result<Running, String> {
        running.stopped().await?;
        let body = json!({
            "version": "1.0.0", "type": "participant.joined", "id": "late-1",
            "payload": {
                "room": "consult-00000001", "user_id": "66666666-ffff-4fff-8fff-666666666666",
                "user_name": "Zoe", "session_id": "77777777-ffff-4fff-8fff-777777777777",
                "joined_at": 1_795_168_800.5,
            },
            "event_ts": 1_795_168_860.6,
        });
        let request = self.stage.signed(&body.to_string());
        let person = self.stage.event(&request)["data"]["participant"]["ref"].clone();
        self.stage.post(&self.stage.gate, vec![request]).await;
        self.forget(person.as_str().unwrap()).await;
        let mut running = self.stage.run(GROUP, "", &[]);
        running.told(2).await?;
        self.judged()?;
        let names = ["video.room.erased", LATE];
        let erasure = json!({"ref": "r1_nobody", "event_ids": [names[1]]});
        self.stage.put(&json!({
            "specversion": "1.0", "id": "ev1_erasureerasureerasureerasu", "type": names[0],
            "source": "/hookgate", "tenant": "tenant-fixtures", "time": "2026-11-20T10:00:00.000Z",
            "data": {"erasure": erasure},
        }));
        all_are(&[running.next().await?], None, "erased")?;
        self.stage.put(&json!({"specversion": "1.0", "id": LATE, "type": "video.room.started"}));
        let said = [running.next().await?];
        all_are(&said, None, "skipped")
            .map_err(|wrong| format!("it was forgotten before it came: {wrong}"))?;
        self.records += 4;
        self.judged()?;
        Ok(running)
    }

    /// A replay that it is told of after an erasure brings back nothing of what was erased.
    async fn erased_and_replayed(&mut self, running: Running) -> Result<Running, String> {
        running.stopped().await?;
        let mut running = self.stage.run(GROUP, LATER, &[]);
        for id in [LATE, "ev1_of_nobody"] {
            let event = json!({"specversion": "1.0", "id": id, "type": "video.room.started"});
            self.stage.put_replayed(&event, LATER);
        }
        let mut said = running.told(2).await?;
        said.sort();
        all_are(&said[..1], Some(LATER), "skipped")
            .map_err(|wrong| format!("it was forgotten, of a replay too: {wrong}"))?;
        all_are(&said[1..], Some(LATER), "handled")?;
        self.records += 2;
        self.should.insert(("ev1_of_nobody".to_owned(), LATER.to_owned()));
        self.judged()?;
        Ok(running)
    }

    /// A batch that the gateway took back, as with exactly-once delivery, is not there.
    async fn what_was_not_committed(&mut self, mut running: Running) -> Result<Running, String> {
        let event = |id: &str| json!({"specversion": "1.0", "id": id, "type": "video.room.ended"});
        self.stage.put_and_abort(&event("ev1_aborted"));
        self.stage.put(&event("ev1_kept"));
        are_of(&[running.next().await?], &["ev1_kept".to_owned()].into())?;
        self.records += 1;
        self.should.insert(live("ev1_kept"));
        self.judged()?;
        Ok(running)
    }

    /// Kinds, fields and headers that nobody knows yet hurt nobody, and a person's new name is taken.
    async fn words_of_tomorrow(&mut self, mut running: Running) -> Result<Running, String> {
        let old = self.stage.somebody();
        let events = [
            json!({"id": "ev1_bare", "source": "/sources/daily", "type": "video.room.bare"}),
            json!({
                "specversion": "1.0", "id": "ev1_tomorrow", "source": "/sources/daily",
                "type": "video.room.teleported", "tenant": "tenant-fixtures", "later": true,
                "subject": "consult-00000001", "time": "2026-11-20T10:00:00.000Z",
                "data": {"teleport": {"to": [1, {"deep": null}]}, "room": {"colour": "blue"}},
            }),
            json!({
                "specversion": "1.0", "id": "ev1_renamed", "source": "/sources/daily",
                "type": "video.participant.left", "tenant": "tenant-fixtures",
                "time": "2026-11-20T10:00:00.000Z",
                "data": {"participant": {"ref": "p2_new", "previous_ref": old}},
            }),
        ];
        events.iter().for_each(|event| self.stage.put(event));
        let said = running.told(events.len()).await?;
        all_are(&said, None, "handled")?;
        self.records += events.len();
        self.should.extend(events.iter().map(|event| live(id(event))));
        self.judged()?;
        match self.stage.count(&format!("work WHERE person = '{old}'")) {
            Some(0) => Ok(running),
            found => Err(format!("{found:?} pieces under the name before")),
        }
    }

    /// A group that begins anew on the state there is: all is known. And that state stays small.
    async fn begun_anew(&mut self, running: Running) -> Result<(), String> {
        running.stopped().await?;
        let mut running = self.stage.run("second", "", &[]);
        let mut said: Vec<Told> = running.told(1).await?;
        // SIGTERM in the midst of work: what it has said is committed.
        said.extend(running.ended().await?);
        let mut running = self.stage.run("second", "", &[]);
        said.extend(running.told(self.records - said.len()).await?);
        let odd = said.iter().find(|told| told.action != "skipped");
        odd.map_or(Ok(()), |odd| Err(format!("should be skipped the second time: {odd:?}")))?;
        self.judged()?;
        running.stopped().await?;
        let one = self.stage.signed(&meeting(MANY + 1));
        self.stage.post(&self.stage.gate, vec![one]).await;
        let mut running = self.stage.run(GROUP, "", &[("KEEP_DAYS", "0")]);
        all_are(&[running.next().await?], None, "handled")?;
        running.stopped().await?;
        let seen = self.stage.count("seen").unwrap();
        if seen > 10 { Err(format!("{seen} old ids are still remembered")) } else { Ok(()) }
    }
}
