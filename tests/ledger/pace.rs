//! Time that a run is about: providers' waits, outages, the moment of a blow. Never a guess at how
//! long something takes.

use std::time::Duration;

use tokio::time::{Instant, interval_at};

/// Lets so much time go by.
pub(crate) async fn pass(wait: Duration) {
    let wait = wait.max(Duration::from_micros(1));
    interval_at(Instant::now() + wait, wait).tick().await;
}
