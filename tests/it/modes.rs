//! A source in every mode, moved from one to the next by reloads and restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use hookgate::event::SourceName;
use hookgate::journal::LedgerRow;
use hookgate::publish::{Delivery, Embedded, Received, Settings};
use tokio::time::timeout;

use crate::depot::{PATIENCE, read, sequences};
use crate::gateway::{Client, DAILY, Gate, LIVEKIT, event, signed};
use crate::reload::{Notebook, reload, reloaded};

const LIVE: &str = "aliases = [\"/v1/daily_webhook\"]";
const HOLD: &str = "aliases = [\"/v1/daily_webhook\"]\nmode = \"hold\"";

/// A gateway that publishes to a broker of its own.
struct Stand {
    gate: Gate,
    notebook: Notebook,
    settings: Settings,
    _broker: Embedded,
}

impl Stand {
    async fn start() -> Self {
        let broker = Embedded::start("video", 4).unwrap();
        let (mut plan, notebook) = Notebook::plan();
        plan.parts.publish = true;
        plan.config.kafka.brokers = broker.brokers().to_owned();
        let settings = plan.config.kafka.clone();
        Self { gate: plan.start().await, notebook, settings, _broker: broker }
    }

    /// Stops it, and starts another on the same journal with what the notebook says now.
    async fn again(self) -> Self {
        let Self { gate, notebook, settings, _broker } = self;
        let Gate { app, folder, .. } = gate;
        app.drain().await;
        let mut plan = notebook.plan_in(folder);
        plan.parts.publish = true;
        plan.config.kafka = settings.clone();
        Self { gate: plan.start().await, notebook, settings, _broker }
    }

    async fn daily(&self, ids: std::ops::Range<u32>) {
        for id in ids {
            let request = self.gate.signed(DAILY, &event(DAILY, &format!("d{id}")));
            self.gate.post(&request).await.is(200, "accepted");
        }
    }

    async fn livekit(&self, id: u32) {
        let request = self.gate.signed(LIVEKIT, &event(LIVEKIT, &format!("EV_{id:012}")));
        self.gate.post(&request).await.is(200, "accepted");
    }

    async fn mode(&self, from: &str, to: &str) {
        self.notebook.change(from, to);
        reloaded(&self.gate).await;
    }

    fn row(&self, source: &str) -> LedgerRow {
        let ledger = self.gate.app.journal().ledger().unwrap();
        let found = ledger.into_iter().find(|row| row.source.as_str() == source);
        let row = found.unwrap_or_else(|| empty(source));
        let accounted = row.published + row.pending + row.held + row.erased_unpublished;
        assert_eq!(row.accepted + row.quarantined, accounted, "{row:?}");
        row
    }

    /// Waits until the ledger of a source is so.
    async fn until(&self, source: &str, so: impl Fn(&LedgerRow) -> bool) -> LedgerRow {
        let looking = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            loop {
                tick.tick().await;
                let row = self.row(source);
                if so(&row) {
                    return row;
                }
            }
        };
        let found = timeout(PATIENCE, looking).await;
        let journal = self.gate.app.journal();
        let (holds, lanes) = (journal.holds().borrow().clone(), journal.lanes());
        found.unwrap_or_else(|_| panic!("{:?} {holds:?} {lanes:?}", self.row(source)))
    }

    /// Waits until no source is on hold.
    async fn released(&self) {
        let mut holds = self.gate.app.journal().holds();
        let released = timeout(PATIENCE, holds.wait_for(|holds| holds.is_empty())).await;
        released.expect("it is live again").unwrap();
    }

    async fn read(&self, count: usize) -> Vec<Received> {
        read(&self.settings, count).await
    }
}

fn empty(source: &str) -> LedgerRow {
    LedgerRow {
        source: SourceName::new(source),
        accepted: 0,
        quarantined: 0,
        published: 0,
        pending: 0,
        held: 0,
        erased_unpublished: 0,
        last_received: None,
    }
}

/// The sequences of each source, as consumers read them.
fn by_source(records: &[Received]) -> BTreeMap<String, Vec<u64>> {
    let mut by_source = BTreeMap::<String, Vec<u64>>::new();
    for (record, sequence) in records.iter().zip(sequences(records)) {
        let event: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        by_source.entry(event["source"].as_str().unwrap().to_owned()).or_default().push(sequence);
    }
    by_source
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_source_delays_no_other_and_its_events_go_out_before_its_newer_ones() {
    let stand = Stand::start().await;
    stand.daily(0..3).await;
    stand.mode(LIVE, HOLD).await;
    stand.daily(3..6).await;
    let malformed = stand.gate.signed(DAILY, "no json");
    stand.gate.post(&malformed).await.is(200, "quarantined");
    stand.gate.post(&malformed).await.is(200, "duplicate");
    stand.livekit(1).await;
    stand.until("livekit", |row| row.published == 1).await;
    let row = stand.until("daily", |row| row.published == 3).await;
    assert_eq!((row.accepted, row.quarantined, row.held, row.pending), (6, 1, 4, 0));
    assert_eq!(stand.gate.metric(r#"hookgate_journal_unpublished{state="held"}"#).await, 4.0);
    assert_eq!(by_source(&stand.read(4).await)["/sources/daily"], [1, 2, 3]);
    stand.mode(HOLD, LIVE).await;
    stand.daily(6..9).await;
    stand.released().await;
    stand.daily(9..12).await;
    let row = stand.until("daily", |row| row.published == 13).await;
    assert_eq!((row.held, row.pending), (0, 0));
    let read = by_source(&stand.read(14).await);
    // Across topics there is no order: the one in quarantine stands where it came.
    let mut daily = read["/sources/daily"].clone();
    let quarantined = daily.iter().position(|sequence| *sequence == 7).unwrap();
    daily.remove(quarantined);
    assert!(daily.is_sorted() && daily.len() == 12, "{daily:?}");
    assert_eq!(read["/sources/livekit"].len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_a_source_comes_back_live_in_order_and_once() {
    let stand = Stand::start().await;
    stand.mode(LIVE, HOLD).await;
    let (public, clock) = (stand.gate.app.public(), stand.gate.clock.clone());
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let sender = tokio::spawn(async move {
        let (mut client, mut count) = (Client::connect(public).await, 0_u64);
        while !*stopped.borrow_and_update() {
            let body = event(DAILY, &format!("load{count}"));
            client.send(&signed(DAILY, &body, clock.now())).await;
            client.answer().await.is(200, "accepted");
            count += 1;
        }
        count
    });
    stand.until("daily", |row| row.held >= 50).await;
    for _ in 0..2 {
        stand.mode(HOLD, LIVE).await;
        stand.released().await;
        stand.mode(LIVE, HOLD).await;
        let held = stand.row("daily").accepted;
        stand.until("daily", |row| row.accepted > held + 20).await;
    }
    stand.mode(HOLD, LIVE).await;
    stand.released().await;
    stop.send_replace(true);
    let count = sender.await.unwrap();
    let sent = usize::try_from(count).unwrap();
    let read = by_source(&stand.read(sent).await);
    stand.until("daily", |row| row.published == count && row.held + row.pending == 0).await;
    assert_eq!(read["/sources/daily"], (1..=count).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_outlives_restarts_and_follows_the_mode_it_finds() {
    let stand = Stand::start().await;
    stand.mode(LIVE, HOLD).await;
    stand.daily(0..3).await;
    let stand = stand.again().await;
    stand.daily(3..5).await;
    assert_eq!((stand.row("daily").held, stand.row("daily").published), (5, 0));
    // The mode changes while nothing runs.
    stand.notebook.change(HOLD, LIVE);
    let stand = stand.again().await;
    stand.released().await;
    stand.daily(5..6).await;
    stand.until("daily", |row| row.published == 6 && row.held == 0).await;
    assert_eq!(by_source(&stand.read(6).await)["/sources/daily"], [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_leaves_on_hold_keeps_its_events_until_it_is_back_and_live() {
    let stand = Stand::start().await;
    stand.mode(LIVE, HOLD).await;
    stand.daily(0..2).await;
    stand.mode("name = \"daily\"", "name = \"gone\"").await;
    let warnings = stand.gate.app.desk().in_force().warnings;
    assert!(warnings.iter().any(|line| line.starts_with("source.daily: has left")), "{warnings:?}");
    stand.livekit(1).await;
    stand.until("livekit", |row| row.published == 1).await;
    assert_eq!(stand.row("daily").held, 2);
    stand.mode("name = \"gone\"", "name = \"daily\"").await;
    assert_eq!(stand.row("daily").held, 2);
    stand.mode(HOLD, LIVE).await;
    stand.until("daily", |row| row.published == 2 && row.held == 0).await;
    let warnings = stand.gate.app.desk().in_force().warnings;
    assert!(!warnings.iter().any(|line| line.starts_with("source.daily: has left")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_wished_again_before_it_is_out_holds_on() {
    let mut stand = Stand::start().await;
    stand.mode(LIVE, HOLD).await;
    stand.daily(0..2).await;
    // Nothing can go out: the brokers are gone.
    stand._broker = Embedded::start("video", 4).unwrap();
    stand.mode(HOLD, LIVE).await;
    stand.daily(2..4).await;
    stand.mode(LIVE, HOLD).await;
    stand.daily(4..6).await;
    let row = stand.until("daily", |row| row.held == 6).await;
    assert_eq!((row.published, row.pending), (0, 0));
    let daily = SourceName::new("daily");
    let hold = stand.gate.app.journal().holds().borrow().of(&daily).unwrap();
    assert_eq!((hold.since, hold.until), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_cannot_hold_a_source_changes_nothing() {
    let stand = Stand::start().await;
    stand.notebook.change(LIVE, HOLD);
    stand.gate.app.journal().close();
    let refusal = reload(&stand.gate).await.unwrap_err();
    assert!(refusal.to_string().starts_with("nothing was changed"), "{refusal}");
    assert_eq!(stand.settings.delivery, Delivery::AtLeastOnce);
    let live = stand.gate.app.desk().in_force();
    stand.notebook.change(HOLD, LIVE);
    assert_eq!(reloaded(&stand.gate).await.now, live.fingerprint);
}
