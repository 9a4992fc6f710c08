//! The example consumers of `deploy/consumers/`, each on a real Apache Kafka and two real gateways.
//!
//! One day with everything in it that a consumer must stand: a kill between its work and its commit,
//! a quiet restart, what another replica publishes too, a replay nobody told it of, one it was told
//! of, erasures, words it does not know, and a group that begins anew. It is judged by what it says
//! and by what its work is afterwards. Consumers that are broken on purpose are judged as well, and
//! each must be found out.
//!
//! ```sh
//! export HOOKGATE_TEST_KAFKA=$(tests/kafka/broker start target/kafka/consumers)
//! tests/consumers/tools && cargo test --features consumers --test consumers
//! ```

#![cfg(test)]

mod day;
mod judge;
mod languages;
mod running;
mod stage;

#[path = "../proof/mod.rs"]
mod proof;

use day::day;
use languages::Language;

#[tokio::test(flavor = "multi_thread")]
async fn the_python_consumer_works_on_every_event_once() {
    day(&Language::python()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_java_consumer_works_on_every_event_once() {
    day(&Language::java()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_consumer_works_on_every_event_once() {
    day(&Language::typescript()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_consumer_works_on_every_event_once() {
    day(&Language::rust()).await.unwrap();
}

/// What is changed in the Python consumer, and how the judge must say it.
const BROKEN: [(&str, &str, &str, &str); 8] = [
    ("it knows no id", "if not new:", "if False:", "worked on twice"),
    ("it takes no replay", "if replay in ACCEPTED:", "if False:", "should be handled"),
    ("it takes every replay", "if replay in ACCEPTED:", "if replay:", "should be skipped"),
    ("it does not forget", "db.execute(FORGET,", "db.execute(\"SELECT ?, ?, ?, ?\",", "forgotten"),
    ("it marks nothing as erased", "mark(\"erased\", erasure", "(\"\", erasure", "forgotten"),
    (
        "it has no tombstone",
        "mark(\"erased\", erasure",
        "mark(\"\", erasure",
        "forgotten, of a replay",
    ),
    (
        "it commits first",
        "        with db:  #",
        "        consumer.commit(asynchronous=False)\n        with db:  #",
        "before its work is done",
    ),
    (
        "it reads what was aborted",
        "\"read_committed\"",
        "\"read_uncommitted\"",
        "is told of and should",
    ),
];

async fn is_found_out(number: usize) {
    let (what, from, to, complaint) = BROKEN[number];
    let found = day(&Language::broken(from, to)).await;
    let found = found.expect_err(what);
    assert!(found.contains(complaint), "{what}: {found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_knows_no_id_is_found_out() {
    is_found_out(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_takes_no_replay_is_found_out() {
    is_found_out(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_takes_every_replay_is_found_out() {
    is_found_out(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_does_not_forget_is_found_out() {
    is_found_out(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_marks_nothing_as_erased_is_found_out() {
    is_found_out(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_knows_erased_ids_as_seen_alone_is_found_out() {
    is_found_out(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_commits_first_is_found_out() {
    is_found_out(6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_reads_what_was_aborted_is_found_out() {
    is_found_out(7).await;
}
