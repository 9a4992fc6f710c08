//! What goes on through a reload: connections, what is under way, counters, rates; and with them
//! the way to a new secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::gateway::{Client, DAILY, DAILY_SECRET, LIVEKIT, event};

use super::{ALIAS, Notebook, OTHER, reloaded, signed_by};

const NEW_SECRET: &str = "CCECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_by_reloads_under_load_without_one_failed_delivery() {
    let (gate, notebook) = Notebook::start().await;
    notebook.set("NEW", NEW_SECRET);
    let new = |id: &str| signed_by((NEW_SECRET, None), DAILY, &event(DAILY, id), gate.clock.now());
    let old = |id: &str| gate.signed(DAILY, &event(DAILY, id));
    // Four senders that sign with the old secret until it goes, each on one connection.
    let (done, mut senders) = (Arc::new(AtomicBool::new(false)), Vec::new());
    for sender in 0..4 {
        let (done, public, clock) = (done.clone(), gate.app.public(), gate.clock.clone());
        senders.push(tokio::spawn(async move {
            let mut client = Client::connect(public).await;
            let mut sent = 0_u32;
            while !done.load(Ordering::Acquire) {
                let body = event(DAILY, &format!("load-{sender}-{sent}"));
                client.send(&signed_by((DAILY_SECRET, None), DAILY, &body, clock.now())).await;
                client.answer().await.is(200, "accepted");
                sent += 1;
            }
            (client, sent)
        }));
    }
    let mut client = gate.connect().await;
    client.send(&new("a")).await;
    client.answer().await.is(401, "bad_signature");
    let used = r#"hookgate_secret_last_used_timestamp_seconds{source="daily",secret="NEW"}"#;
    notebook.change("{ env = \"DAILY\" }", "{ env = \"NEW\" }, { env = \"DAILY\" }");
    reloaded(&gate).await;
    assert_eq!(gate.metric(used).await, 0.0);
    client.send(&new("a")).await;
    client.answer().await.is(200, "accepted");
    assert!(gate.metric(used).await > 0.0);
    client.send(&old("b")).await;
    client.answer().await.is(200, "accepted");
    done.store(true, Ordering::Release);
    let mut on_the_old = Vec::new();
    for sender in senders {
        let (client, sent) = sender.await.unwrap();
        assert!(sent > 0);
        on_the_old.push(client);
    }
    notebook.change("{ env = \"NEW\" }, { env = \"DAILY\" }", "{ env = \"NEW\" }");
    let told = reloaded(&gate).await;
    assert_eq!(told.changed, ["source.daily.secrets[1]: DAILY → none"]);
    // The very connections that were open all the time.
    for mut sender in on_the_old {
        sender.send(&old("c")).await;
        sender.answer().await.is(401, "bad_signature");
        sender.send(&new("d")).await;
        assert_eq!(sender.answer().await.status, 200);
    }
    client.send(&new("e")).await;
    client.answer().await.is(200, "accepted");
    let gone = r#"secret="DAILY""#;
    assert!(!gate.ask("/metrics").await.body.contains(gone), "a secret that left is still shown");
}

#[tokio::test]
async fn what_is_under_way_ends_with_the_source_it_began_with() {
    let (gate, notebook) = Notebook::start().await;
    let body = event(DAILY, "a");
    let request = gate.signed_with("/v1/daily_webhook", &body, "Expect: 100-continue\r\n");
    let head = request.len() - body.len();
    let mut client = gate.connect().await;
    client.send(&request[..head]).await;
    assert_eq!(client.answer().await.status, 100);
    notebook.change("name = \"daily\"", "name = \"renamed\"");
    notebook.change(ALIAS, "aliases = []");
    let told = reloaded(&gate).await;
    assert_eq!(told.changed, ["source.daily removed", "source.renamed added"]);
    client.send(&request[head..]).await;
    client.answer().await.is(200, "accepted");
    client.send(&gate.signed("/v1/daily_webhook", "{}")).await;
    client.answer().await.is(404, "unknown_source");
    let stored = gate.app.journal().look_after(0).unwrap();
    assert_eq!((stored.len(), stored[0].source.as_str()), (1, "daily"));
}

#[tokio::test]
async fn series_of_a_new_source_begin_at_zero_and_those_of_one_that_stays_go_on() {
    let (gate, notebook) = Notebook::start().await;
    gate.post(&gate.signed(DAILY, &event(DAILY, "a"))).await.is(200, "accepted");
    let daily = r#"hookgate_deliveries_total{source="daily",outcome="accepted"}"#;
    let other = r#"hookgate_deliveries_total{source="other",outcome="accepted"}"#;
    let last = r#"hookgate_source_last_event_timestamp_seconds{source="daily"}"#;
    let came = gate.metric(last).await;
    notebook.add(OTHER);
    reloaded(&gate).await;
    assert_eq!((gate.metric(daily).await, gate.metric(other).await), (1.0, 0.0));
    assert_eq!(gate.metric(last).await, came);
    gate.post(&gate.signed(DAILY, &event(DAILY, "b"))).await.is(200, "accepted");
    gate.post(&gate.signed("/v1/webhooks/other", &event(DAILY, "b"))).await.is(200, "accepted");
    assert_eq!((gate.metric(daily).await, gate.metric(other).await), (2.0, 1.0));
    notebook.change(OTHER, "");
    reloaded(&gate).await;
    assert!(!gate.ask("/metrics").await.body.contains(r#"source="other""#));
}

#[tokio::test]
async fn a_reload_gives_no_source_its_burst_again_unless_its_rate_changed() {
    let clock = hookgate::clock::Clock::manual(hookgate::clock::Clock::system().now());
    let (plan, notebook) = Notebook::plan();
    let gate = plan.clock(clock).start().await;
    let slow = "provider = \"livekit\"\nrate = { per_second = 1, burst = 2 }";
    notebook.change("provider = \"livekit\"", slow);
    reloaded(&gate).await;
    // By hand the clock does not move, so that what is used up stays used up.
    for (id, status) in [("a", 200), ("b", 200), ("c", 429)] {
        let answer = gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, id))).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    notebook.change(ALIAS, "aliases = []");
    reloaded(&gate).await;
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "d"))).await.is(429, "rate_limited");
    notebook.change("burst = 2", "burst = 3");
    reloaded(&gate).await;
    gate.post(&gate.signed(LIVEKIT, &event(LIVEKIT, "e"))).await.is(200, "accepted");
}
