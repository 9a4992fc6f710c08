//! What each thing that fails at start does to the process: exit code, words, and nothing else.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use hookgate::publish::Embedded;
use tokio::process::Command;
use tokio::time::timeout;

use crate::proof::PATIENCE;
use crate::proof::consumer::read;
use crate::proof::gate::{Gate, Place};
use crate::proof::road::Road;
use crate::proof::wire::Client;

fn place() -> Place {
    Place::new("127.0.0.1:1", "video", "1ms", "")
}

async fn output(mut program: Command) -> Output {
    program.stdout(Stdio::piped()).stderr(Stdio::piped());
    timeout(PATIENCE, program.spawn().unwrap().wait_with_output()).await.expect("it ends").unwrap()
}

/// It ends at once with this code, and its last words hold these.
#[track_caller]
fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("deliveries are taken"), "{said}");
}

/// A place whose gateway has run and taken nothing.
async fn used() -> Place {
    let place = place();
    Gate::start(&place).await.stop().await;
    place
}

fn rewrite(place: &Place, from: &str, to: &str) {
    let text = std::fs::read_to_string(place.file()).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(place.file(), text.replacen(from, to, 1)).unwrap();
}

#[tokio::test]
async fn a_mistake_in_the_configuration_is_78_before_anything_is_opened() {
    let place = place();
    rewrite(&place, "drain_grace", "drain_race");
    assert_refused(&output(place.serve()).await, 78, &["drain_race"]);
    assert!(!place.journal("").exists(), "no folder was made");
}

#[tokio::test]
async fn a_taken_port_is_1_and_lets_the_journal_go() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["server.listen", "admin.listen"] {
        let place = place();
        let text = std::fs::read_to_string(place.file()).unwrap();
        let (first, second) = text.split_once("[admin]").unwrap();
        let (first, second) = match key {
            "server.listen" => (first.replace("127.0.0.1:0", &address), second.to_owned()),
            _ => (first.to_owned(), second.replace("127.0.0.1:0", &address)),
        };
        std::fs::write(place.file(), format!("{first}[admin]{second}")).unwrap();
        assert_refused(&output(place.serve()).await, 1, &[key, "in use"]);
        std::fs::write(place.file(), text).unwrap();
        Gate::start(&place).await.stop().await;
    }
}

#[tokio::test]
async fn a_journal_in_use_is_1_and_disturbs_nobody() {
    let place = place();
    let gate = Gate::start(&place).await;
    assert_refused(&output(place.serve()).await, 1, &["in use by another process"]);
    assert_eq!(gate.readyz().await.unwrap().0, 200);
    gate.stop().await;
}

#[tokio::test]
async fn a_damaged_journal_is_1_and_is_left_as_it_is() {
    let place = used().await;
    let file = place.journal("journal.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..400].fill(0xff);
    std::fs::write(&file, &bytes).unwrap();
    let words = ["is damaged", "restore a backup", "SQLite code"];
    assert_refused(&output(place.serve()).await, 1, &words);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_event_holds_up_none_behind_it_and_is_shown() {
    let place = place();
    let mut roads = Road::all(place.config()).into_iter();
    let road = roads.find(|road| road.source.as_str() == "daily").unwrap();
    let gate = Gate::start(&place).await;
    for number in 1..=5 {
        let request = road.signed(&crate::restart::event(number));
        let answer = Client::default().ask(gate.public, &request).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    gate.kill().await;
    let by_hand = rusqlite::Connection::open(place.journal("journal.db")).unwrap();
    by_hand.execute("UPDATE event SET value = x'00' WHERE sequence = 3", []).unwrap();
    drop(by_hand);
    let broker = Embedded::start("video", 2).unwrap();
    rewrite(&place, "127.0.0.1:1\"", &format!("{}\"", broker.brokers()));
    let gate = Gate::start(&place).await;
    let said = gate.until_said("the journal is damaged from the first").await;
    assert!(said.contains("ERROR") && said.contains("\"first_event\":3"), "{said}");
    gate.until_said("every row of the journal has been looked at").await;
    gate.until_published().await;
    assert_eq!(gate.metric("hookgate_journal_damaged_events").await, 1.0);
    let (status, said) = gate.readyz().await.unwrap();
    let journal = &said["checks"]["journal"];
    assert_eq!((status, journal["status"].as_str()), (200, Some("degraded")), "{said}");
    assert!(journal["reason"].as_str().unwrap().contains("hookgate journal check"), "{said}");
    let ledger = gate.stop().await;
    let daily = ledger.iter().find(|row| row["source"] == "daily").unwrap();
    assert_eq!((&daily["published"], &daily["erased_unpublished"]), (&4.into(), &1.into()));
    let records = read(&place.config().kafka).await;
    let sequences: std::collections::BTreeSet<_> = records.iter().map(|r| r.sequence).collect();
    assert_eq!(sequences.into_iter().collect::<Vec<_>>(), [1, 2, 4, 5]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_1() {
    let place = place();
    std::fs::write(place.journal("").parent().unwrap().join("journal"), "a file").unwrap();
    assert_refused(&output(place.serve()).await, 1, &["has no usable folder"]);
}

#[tokio::test]
async fn an_absent_kafka_keeps_no_gateway_from_starting() {
    let place = place();
    let gate = Gate::start(&place).await;
    let (status, said) = gate.readyz().await.unwrap();
    assert_eq!((status, said["checks"]["kafka"]["status"].as_str()), (200, Some("degraded")));
    gate.stop().await;
}

#[tokio::test]
async fn what_was_passed_must_be_a_listening_socket() {
    let place = place();
    let file = std::fs::File::open(place.file()).unwrap();
    let mut program = place.serve_on(&TcpListener::bind("127.0.0.1:0").unwrap(), "public");
    program.stdin(file);
    assert_refused(&output(program).await, 1, &["LISTEN_FDS", "no listening TCP socket"]);
}

#[tokio::test]
async fn journal_check_tells_a_whole_journal_from_a_damaged_one_beside_a_gateway_and_without() {
    let place = place();
    let check = || {
        let mut program = place.program();
        program.args(["journal", "check", "--config"]).arg(place.file());
        program
    };
    let none = output(check()).await;
    assert_refused(&none, 1, &["has a file that cannot be opened"]);
    let gate = Gate::start(&place).await;
    let beside = output(check()).await;
    let said = String::from_utf8_lossy(&beside.stdout).into_owned();
    assert_eq!(beside.status.code(), Some(0), "{said}");
    for part in ["pages", "order", "ledger", "rows", "identities"] {
        let line = said.lines().find(|line| line.trim_start().starts_with(part));
        assert!(line.is_some_and(|line| line.contains("good")), "{part}: {said}");
    }
    gate.stop().await;
    let mut by_folder = place.program();
    by_folder.args(["journal", "check", "--dir"]).arg(place.journal(""));
    assert_eq!(output(by_folder).await.status.code(), Some(0));
    let file = place.journal("journal.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 4_096;
    bytes[last..].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    let damaged = output(check()).await;
    let said = String::from_utf8_lossy(&damaged.stdout);
    assert_eq!(damaged.status.code(), Some(1), "{said}");
    assert!(said.contains("pages: "), "{said}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let mut neither = place.program();
    neither.args(["journal", "check"]);
    assert_eq!(output(neither).await.status.code(), Some(2));
}
