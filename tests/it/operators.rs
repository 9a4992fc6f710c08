//! The verbs against a running gateway, as a shell runs them: what came, what is stuck, what is
//! known of one event.

use std::process::{Output, Stdio};
use std::time::Duration;

use hookgate::desk::{Detail, EventRow};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::gateway::{DAILY, Gate, OPERATOR, VIEWER, event};

const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway and a shell beside it.
struct Shell {
    gate: Gate,
}

impl Shell {
    async fn start() -> Self {
        let gate = Gate::start().await;
        for (name, token) in [("viewer", VIEWER), ("operator", OPERATOR)] {
            std::fs::write(gate.folder.path().join(name), token).unwrap();
        }
        Self { gate }
    }

    fn command(&self, token: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
        command.args(args).env_clear();
        command.env("HOOKGATE_TOKEN_FILE", self.gate.folder.path().join(token));
        command.env("HOOKGATE_ADMIN", format!("http://{}", self.gate.app.admin()));
        command
    }

    async fn run(&self, token: &str, args: &[&str]) -> Output {
        self.command(token, args).output().await.unwrap()
    }

    /// What is printed by a verb that succeeds.
    async fn told(&self, args: &[&str]) -> String {
        let output = self.run("viewer", args).await;
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {err}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Posts a body and waits until it is found.
    async fn post(&self, body: &str) {
        assert_eq!(self.gate.post(&self.gate.signed(DAILY, body)).await.status, 200);
        let mut head = self.gate.app.journal().head();
        let head = *head.borrow_and_update();
        let search = self.gate.app.journal().search().unwrap();
        search.standing().wait_for(|standing| standing.through >= head).await.unwrap();
    }
}

#[tokio::test]
async fn what_came_is_listed_shown_and_told_apart() {
    let shell = Shell::start().await;
    for id in ["a", "b"] {
        shell.post(&event(DAILY, id)).await;
    }
    shell.post("{\"type\":\"never.heard\",\"id\":\"c\",\"event_ts\":1}").await;
    let lines =
        shell.told(&["events", "list", "--source", "daily", "--since", "1h", "--json"]).await;
    let rows: Vec<EventRow> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sequences: Vec<_> = rows.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, [3, 2, 1]);
    let table = shell.told(&["events", "list", "--state", "unpublished", "--limit", "1"]).await;
    assert_eq!(table.lines().count(), 2, "{table}");
    let first = rows.last().unwrap();
    for event in ["1", &first.event_id] {
        let text = shell.told(&["events", "show", event, "--json"]).await;
        let detail: Detail = serde_json::from_str(&text).unwrap();
        assert_eq!((&detail.row.event_id, detail.answered.as_str()), (&first.event_id, "accepted"));
    }
    let room = first.room.clone().unwrap();
    let by_room = shell.told(&["events", "list", "--room", &room, "--json"]).await;
    assert_eq!(by_room.lines().count(), 2, "{by_room}");
    let quarantine = shell.told(&["quarantine", "list", "--quarantined-for", "unknown_kind"]).await;
    assert!(quarantine.ends_with("\n1 event: 1 unknown_kind\n"), "{quarantine}");
    let screen = shell.told(&["status"]).await;
    assert!(screen.contains("search   up to 3\n"), "{screen}");
    let newest = shell.told(&["events", "tail", "--limit", "1", "--json"]).await;
    assert_eq!(serde_json::from_str::<EventRow>(&newest).unwrap().sequence, 3);
}

#[tokio::test]
async fn a_tail_follows_what_comes() {
    let shell = Shell::start().await;
    shell.post(&event(DAILY, "a")).await;
    let args = ["events", "tail", "--follow", "--json"];
    let mut command = shell.command("viewer", &args);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for (id, sequence) in [("b", 1), ("c", 2), ("d", 3)] {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        assert_eq!(serde_json::from_str::<EventRow>(&line).unwrap().sequence, sequence);
        shell.post(&event(DAILY, id)).await;
    }
}

#[tokio::test]
async fn who_may_only_look_changes_nothing_and_no_refusal_repeats_a_value() {
    let shell = Shell::start().await;
    let forget = ["forget", "--tenant", "t", "--room", "canary", "--reason", "x", "--yes"];
    let output = shell.run("viewer", &forget).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("role is `operator`"), "{said}");
    for (args, field) in [
        (["events", "list", "--since", "canary"], "since must be"),
        (["events", "list", "--kind", "canary"], "kind "),
        (["events", "list", "--room", "Zoe's canary room"], "room "),
    ] {
        let output = shell.run("viewer", &args).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(field) && !said.contains("canary"), "{said}");
    }
    let output = shell.run("viewer", &["events", "show", "77"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
