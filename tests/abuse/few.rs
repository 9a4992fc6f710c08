//! A gate with too few file descriptors says so, and works with those there are.

use std::time::Duration;

use crate::crowds;
use crate::honest::Honest;
use crate::proof::gate::{Gate, Place};
use crate::target::{self, Target};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_too_few_descriptors_there_are_fewer_connections_and_nobody_is_refused() {
    let place = Place::new("127.0.0.1:1", "video", "1ms", "");
    target::listens_everywhere(&place);
    let gate = Gate::started(place.serve_with_descriptors(600)).await;
    let said = gate.said();
    let line = said.iter().find(|line| line.contains("too few for all connections")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["level"], &line["available"]), (&"WARN".into(), &600.into()), "{line}");
    let target = Target::new(&gate, &place);
    let honest = Honest::start(&target);
    honest.until_more(20).await;
    crowds::idle(target, Duration::from_secs(2)).await;
    honest.until_more(20).await;
    let fared = honest.end().await;
    assert_eq!(fared.refused, 0, "{fared:?}");
    let said = gate.said();
    let cannot = said.iter().find(|line| line.contains("cannot be accepted"));
    assert_eq!(cannot, None, "it never ran out of descriptors");
    gate.kill().await;
}
