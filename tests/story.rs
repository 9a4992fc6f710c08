//! Three in the morning: the operator's whole story on the built program and a real Apache Kafka.
//!
//! Events come; Kafka dies and `status` tells; Kafka returns; a consumer asks for a room's last hour
//! again (plan, run, cancel, run); a participant is forgotten; a backup is restored, and nothing is
//! published twice. Every command's words and exit code are looked at, and at the end what the topics
//! hold. Delivery is exactly once, so that a record too many cannot hide.
//!
//! ```sh
//! cargo test --features real-kafka --test story -- --nocapture
//! ```

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hookgate::publish::Tail;
use serde_json::Value;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};

mod proof;

use proof::broker::Broker;
use proof::gate::{Gate, Place};
use proof::{LOOK, PATIENCE};

const KAFKA: &str =
    "create_topics = true\npartitions = 4\nreplication_factor = 1\ndelivery = \"exactly_once\"";
const TOKEN: &str = "a-token-that-only-this-story-knows";
const ROOM: &str = "consult-0a1b2c3d";
const WHY: &str = "ticket 4711";

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    /// Each line of JSON.
    #[track_caller]
    fn json(self) -> Vec<Value> {
        self.good().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The operator's shell.
struct Shell {
    place: Place,
    folder: tempfile::TempDir,
}

impl Shell {
    fn new(brokers: &str) -> Self {
        let place = Place::new(brokers, "video", "1ms", KAFKA);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        let digest = sha256(TOKEN);
        let tokens = format!("# who may do what\nolga:operator:{digest}\n");
        std::fs::write(folder.path().join("tokens"), tokens).unwrap();
        Self { place, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A gateway on this journal.
    async fn gate(&self, journal: Option<&Path>) -> Gate {
        let mut serve = self.place.serve();
        serve.env("HOOKGATE__ADMIN__TOKEN_FILE", self.path("tokens"));
        if let Some(dir) = journal {
            serve.env("HOOKGATE__JOURNAL__DIR", dir);
        }
        Gate::started(serve).await
    }

    /// A command without a gateway.
    async fn alone(&self, arguments: &[&str]) -> Said {
        ran(self.place.program().args(arguments)).await
    }

    /// A command to a gateway.
    async fn ask(&self, gate: &Gate, arguments: &[&str]) -> Said {
        let mut program = self.place.program();
        program.args(arguments).args(["--admin", &format!("http://{}", gate.admin)]);
        ran(program.arg("--token-file").arg(self.path("token"))).await
    }

    /// All fixtures of both providers, each so many times.
    async fn send(&self, gate: &Gate, times: u32) {
        for source in ["daily", "livekit"] {
            let fixtures = format!("{}/fixtures/{source}", env!("CARGO_MANIFEST_DIR"));
            let mut program = self.place.program();
            program.args(["send", &fixtures, "--to", &format!("http://{}", gate.public)]);
            program.arg("--config").arg(self.place.file()).args(["--source", source]);
            ran(program.args(["--repeat", &times.to_string()])).await.good();
        }
    }

    async fn status(&self, gate: &Gate) -> Value {
        self.ask(gate, &["status", "--json"]).await.json().remove(0)
    }

    /// Looks until the status is so.
    async fn until_status(&self, gate: &Gate, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut looks = interval(LOOK);
        let looking = async {
            loop {
                looks.tick().await;
                let status = self.status(gate).await;
                if is(&status) {
                    return status;
                }
            }
        };
        timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never {what}"))
    }
}

async fn ran(program: &mut Command) -> Said {
    let output = timeout(PATIENCE, program.stdin(Stdio::null()).output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap();
    Said { code, out: text(&output.stdout), err: text(&output.stderr) }
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn total(status: &Value, column: &str) -> u64 {
    let rows = status["ledger"].as_array().unwrap();
    rows.iter().map(|row| row[column].as_u64().unwrap()).sum()
}

fn all_published(status: &Value) -> bool {
    status["kafka"]["state"] == "up" && status["kafka"]["backlog"] == 0
}

/// As many records as the topics should hold, by id: how often live, and in which replays.
struct Read {
    live: BTreeMap<String, u64>,
    replayed: BTreeMap<String, Vec<(String, u64, String)>>,
    kinds: BTreeSet<String>,
}

async fn read(place: &Place, count: usize) -> Read {
    let settings = place.config().kafka;
    let tail = spawn_blocking(move || Tail::open(&settings).unwrap()).await.unwrap();
    let mut read =
        Read { live: BTreeMap::new(), replayed: BTreeMap::new(), kinds: BTreeSet::new() };
    for number in 0..count {
        let next = timeout(PATIENCE, tail.next()).await;
        let next = next.unwrap_or_else(|_| panic!("only {number} of {count} records came"));
        let record = next.unwrap();
        let event: Value = serde_json::from_slice(&record.value).unwrap();
        let id = event["id"].as_str().unwrap().to_owned();
        read.kinds.insert(event["type"].as_str().unwrap().to_owned());
        match record.header("hookgate-replay-id") {
            None => *read.live.entry(id).or_default() += 1,
            Some(replay) => {
                let sequence = record.header("hookgate-sequence").unwrap().parse().unwrap();
                let key = String::from_utf8(record.key.clone()).unwrap();
                let key = format!("{}: {key}", record.family.as_str());
                let list = read.replayed.entry(replay.to_owned()).or_default();
                list.push((key, sequence, id));
            }
        }
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "a night is told in one piece")]
async fn an_operator_gets_through_the_night() {
    let (broker, address) = Broker::start("story").await;
    let shell = Shell::new(&address);
    let gate = shell.gate(None).await;

    // Events come.
    shell.send(&gate, 3).await;
    let status = shell.until_status(&gate, "published", all_published).await;
    assert!(status["ready"] == true && status["instance"] == "gate-proof", "{status}");
    let taken = total(&status, "accepted") + total(&status, "quarantined");
    assert_eq!(total(&status, "published"), taken);
    let screen = shell.ask(&gate, &["status"]).await.good();
    for word in ["gate-proof", "daily", "livekit", "exactly_once"] {
        assert!(screen.contains(word), "{word} is not in\n{screen}");
    }

    // Kafka dies, and status tells.
    broker.order("kill").await;
    shell.send(&gate, 1).await;
    let down = |status: &Value| status["kafka"]["state"] == "down";
    let status = shell.until_status(&gate, "seen to be down", down).await;
    let waiting = status["kafka"]["backlog"].as_u64().unwrap();
    assert!(waiting > 0 && total(&status, "pending") == waiting, "{status}");
    assert!(status["ready"] == true && status["status"] == "degraded", "{status}");
    let screen = shell.ask(&gate, &["status"]).await.good();
    assert!(screen.contains("down"), "{screen}");
    let caught_up = |status: &Value| status["search"]["lag_events"] == 0;
    let status = shell.until_status(&gate, "searchable", caught_up).await;
    let cursor = status["kafka"]["cursor"].as_u64().unwrap();
    let list = shell.ask(&gate, &["events", "list", "--limit", "1000", "--json"]).await.json();
    let stuck = list.iter().filter(|event| event["sequence"].as_u64().unwrap() > cursor);
    let states: Vec<_> = stuck.map(|event| event["state"].as_str().unwrap()).collect();
    assert_eq!(states.len() as u64, waiting);
    assert!(states.iter().all(|state| ["pending", "quarantined"].contains(state)), "{states:?}");

    // Kafka returns.
    broker.order("restart").await;
    let status = shell.until_status(&gate, "published again", all_published).await;
    let taken = total(&status, "accepted") + total(&status, "quarantined");
    assert_eq!(total(&status, "published"), taken);

    // A consumer asks for a room's last hour.
    let meant = ["--room", ROOM, "--since", "1h"];
    let planned = [&["replay", "plan"][..], &meant, &["--json"]].concat();
    let plan = shell.ask(&gate, &planned).await.json().remove(0);
    let events = plan["events"].as_u64().unwrap();
    assert!(events > 10, "{plan}");
    let begun = [&["replay", "run"][..], &meant, &["--rate", "1", "--detach", "--reason", WHY]];
    let said = shell.ask(&gate, &begun.concat()).await.good();
    let slow = said.split_once("replay ").unwrap().1.split(' ').next().unwrap().to_owned();
    let cancel = ["replay", "cancel", &slow, "--reason", "wrong rate"];
    shell.ask(&gate, &cancel).await.good();
    let report = shell.ask(&gate, &["replay", "status", &slow, "--json"]).await.json().remove(0);
    assert_eq!(report["state"], "cancelled", "{report}");
    let cancelled = report["published"].as_u64().unwrap();
    assert!(cancelled < events, "{report}");
    let run = [&["replay", "run"][..], &meant, &["--rate", "500", "--reason", WHY]].concat();
    let said = shell.ask(&gate, &run).await.good();
    assert!(said.contains("has begun"), "{said}");
    let list = shell.ask(&gate, &["replay", "list", "--json"]).await.json();
    let done = list.iter().find(|replay| replay["state"] == "done").expect("one is done");
    assert_eq!((&done["published"], &done["total"]), (&events.into(), &events.into()));
    let done = done["id"].as_str().unwrap().to_owned();

    // A participant is forgotten.
    let page = ["events", "list", "--kind", "participant.joined", "--source", "daily", "--json"];
    let joined = shell.ask(&gate, &page).await.json().remove(0);
    let sequence = joined["sequence"].to_string();
    let shown = shell.ask(&gate, &["events", "show", &sequence, "--json"]).await.json().remove(0);
    let person = shown["event"]["data"]["participant"]["ref"].as_str().unwrap().to_owned();
    assert_eq!(shown["state"], "published", "{shown}");
    let held = std::fs::read(shell.place.journal("journal.db")).unwrap();
    // Of the person themselves the erasure event tells consumers; of their sessions nothing stays.
    let session = shown["event"]["data"]["participant"]["session_id"].as_str().unwrap().to_owned();
    let is_in = |bytes: &[u8]| bytes.windows(session.len()).any(|part| part == session.as_bytes());
    let log = std::fs::read(shell.place.journal("journal.db-wal")).unwrap();
    assert!(is_in(&held) || is_in(&log), "the session was kept");
    let forget = ["forget", "--tenant", "tenant-fixtures", "--participant", &person, "--yes"];
    let forget = [&forget[..], &["--reason", WHY, "--json"]].concat();
    let forgotten = shell.ask(&gate, &forget).await.json().remove(0);
    // Pending is what a reader of the log still holds; it is tried again.
    assert!(forgotten["status"] == "erased" || forgotten["status"] == "pending", "{forgotten}");
    let scoured = |status: &Value| status["journal"]["erasure_pending"] == false;
    shell.until_status(&gate, "nothing of it left", scoured).await;
    assert!(forgotten["events"].as_u64().unwrap() > 0, "{forgotten}");
    let shown = shell.ask(&gate, &["events", "show", &sequence, "--json"]).await.json().remove(0);
    assert!(shown["state"] == "erased" && shown.get("event").is_none(), "{shown}");
    for name in ["journal.db", "journal.db-wal", "search.db", "search.db-wal"] {
        let bytes = std::fs::read(shell.place.journal(name)).unwrap_or_default();
        assert!(!is_in(&bytes), "{name} still holds the session");
    }

    // A backup, more events, and the backup restored. All that is in it is on Kafka: the operator
    // goes on after its head.
    let status = shell.until_status(&gate, "published after forgetting", all_published).await;
    let backed_up = total(&status, "published");
    let (file, config) = (shell.path("backup.db"), shell.place.file());
    let (file, config) = (file.to_str().unwrap(), config.to_str().unwrap());
    let backup = shell.alone(&["backup", "--config", config, "--to", file]).await;
    backup.good();
    shell.send(&gate, 1).await;
    let status = shell.until_status(&gate, "published after the backup", all_published).await;
    let published = total(&status, "published");
    assert!(published > backed_up);
    let audit = shell.ask(&gate, &["audit", "list", "--json"]).await.json();
    let by_olga = |action: &str| audit.iter().any(|record| record["action"] == action);
    assert!(by_olga("replay.run") && by_olga("replay.cancel") && by_olga("forget"), "{audit:#?}");
    gate.stop().await;
    let journal = shell.path("restored");
    let to = journal.to_str().unwrap();
    shell.alone(&["restore", "--from", file, "--dir", to]).await.good();
    let gate = shell.gate(Some(&journal)).await;
    let stopped = |status: &Value| {
        status["kafka"]["state"] == "waiting"
            && status["kafka"]["reason"].as_str().is_some_and(|reason| reason.contains("adopt"))
    };
    shell.until_status(&gate, "loud about the restored journal", stopped).await;
    let adopt = ["journal", "adopt", "--config", config, "--after", "head", "--reason", WHY];
    let mut program = shell.place.program();
    ran(program.args(adopt).env("HOOKGATE__JOURNAL__DIR", &journal)).await.good();
    shell.until_status(&gate, "going on after a human's word", all_published).await;
    shell.send(&gate, 1).await;
    let status = shell.until_status(&gate, "published after the restore", all_published).await;
    let since = total(&status, "published") - backed_up;
    gate.stop().await;

    // What the topics hold: each event once, the replay in order, the erasure told.
    let records = published + since + cancelled + events + 1;
    let read = read(&shell.place, usize::try_from(records).unwrap()).await;
    let doubled: Vec<_> = read.live.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
    assert_eq!(read.replayed[&done].len() as u64, events);
    let mut last = BTreeMap::new();
    for (key, sequence, id) in &read.replayed[&done] {
        assert!(last.insert(key, *sequence) < Some(*sequence), "{key} out of order");
        assert!(read.live.contains_key(id), "replayed and never live");
    }
    assert!(read.kinds.contains("video.participant.erased"), "{:?}", read.kinds);
}
