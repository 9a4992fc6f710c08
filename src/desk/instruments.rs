//! What tells how things stand, besides the journal: the courier, the counters of the sources, and
//! what the roof knows of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::{CertificateStatus, CheckStatus, KafkaStatus, SecretStatus, SourceStatus, Trends};
use crate::bounds::SECRET_ENDS_SOON;
use crate::clock::{Clock, Timestamp};
use crate::courier::{self, Kafka};
use crate::intake::Source;
use crate::journal::Retention;
use crate::publish::Delivery;

/// What tells how things stand, besides the journal and the sources.
pub struct Instruments {
    /// How the courier is; `None` where nothing is published.
    pub courier: Option<watch::Receiver<courier::Status>>,
    /// Age of the oldest event that waits for Kafka, in seconds.
    pub lag_seconds: Box<dyn Fn() -> f64 + Send + Sync>,
    /// How what is counted changes.
    pub trends: Arc<Trends>,
    /// Each dependency by name, as `/readyz` says. Must not block.
    pub checks: Box<dyn Fn() -> BTreeMap<String, CheckStatus> + Send + Sync>,
    /// The certificates of the listeners. Must not block.
    pub certificates: Box<dyn Fn(Timestamp) -> Vec<CertificateStatus> + Send + Sync>,
    /// What is promised of each event.
    pub delivery: Delivery,
    /// How long published events stay.
    pub retention: Retention,
    /// Since when deliveries are taken.
    pub started: Timestamp,
}

impl Instruments {
    /// Of a desk that has a journal and no gateway around it.
    pub fn none(clock: &Clock) -> Self {
        Self {
            courier: None,
            lag_seconds: Box::new(|| 0.0),
            trends: Arc::new(Trends::new(clock.clone())),
            checks: Box::new(BTreeMap::new),
            certificates: Box::new(|_| Vec::new()),
            delivery: Delivery::AtLeastOnce,
            retention: Retention::default(),
            started: clock.now(),
        }
    }

    /// One source as it stands.
    pub(super) fn source(&self, source: &Source, now: Timestamp) -> SourceStatus {
        let meters = &source.meters;
        let settings = source.boundary().settings();
        let total = meters.endings().map(|(_, count)| count).sum();
        SourceStatus {
            name: source.name.to_string(),
            provider: settings.provider.to_string(),
            tenant: settings.tenant.to_string(),
            mode: source.mode.as_str().to_owned(),
            per_second: self.trends.per_second(&source.name, total),
            last_event: moment(meters.last_event.value()),
            outcomes: happened(meters.endings()),
            refused: happened(meters.refusals()),
            secrets: secrets(source, now),
        }
    }

    /// Kafka, with so many events that wait for it.
    pub(super) fn kafka(&self, backlog: u64) -> KafkaStatus {
        let status = self.courier.as_ref().map(|courier| courier.borrow().clone());
        let (state, reason) = match status.as_ref().map(|status| &status.kafka) {
            Some(Kafka::Up) => ("up", None),
            Some(Kafka::Down { reason }) => ("down", Some(reason.clone())),
            Some(Kafka::Waiting { reason }) => ("waiting", Some(reason.clone())),
            None => ("down", Some("this gateway publishes nothing".to_owned())),
        };
        let delivery = match self.delivery {
            Delivery::AtLeastOnce => "at_least_once",
            Delivery::ExactlyOnce => "exactly_once",
        };
        KafkaStatus {
            state: state.to_owned(),
            reason,
            delivery: delivery.to_owned(),
            cursor: status.as_ref().map_or(0, |status| status.cursor),
            backlog,
            in_flight: status.map_or(0, |status| status.in_flight as u64),
            lag_seconds: (self.lag_seconds)(),
        }
    }
}

fn secrets(source: &Source, now: Timestamp) -> Vec<SecretStatus> {
    let scheme = source.scheme();
    let authentic = |(ending, count): (&str, u64)| {
        let is = matches!(ending, "accepted" | "duplicate" | "quarantined" | "ping" | "shadowed");
        is.then_some(count)
    };
    let taken = source.meters.endings().filter_map(authentic).sum();
    let labels = scheme.secret_labels().into_iter().zip(scheme.secret_ends()).enumerate();
    let each = labels.map(|(place, (name, expires))| {
        let last_used = source.meters.secret_last_used(place).and_then(moment);
        SecretStatus {
            name: name.to_owned(),
            last_used,
            expires,
            warning: warning(expires, last_used, taken, now),
        }
    });
    each.collect()
}

/// What should be known of a secret of a source that has had this many authentic deliveries.
fn warning(
    expires: Option<Timestamp>,
    last_used: Option<Timestamp>,
    taken: u64,
    now: Timestamp,
) -> Option<String> {
    match expires {
        Some(end) if end <= now => Some("has expired: take it out".to_owned()),
        Some(end) if end <= now.plus(SECRET_ENDS_SOON) => {
            let hours = end.since(now).as_secs() / 3_600;
            Some(format!("expires in {} d {} h: add its successor", hours / 24, hours % 24))
        }
        Some(_) | None if last_used.is_none() && taken > 0 => {
            Some("not used since the start: is it still needed?".to_owned())
        }
        Some(_) | None => None,
    }
}

fn happened<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> BTreeMap<String, u64> {
    counts.filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)).collect()
}

/// A gauge of seconds since the epoch, 0 where there is none.
fn moment(seconds: f64) -> Option<Timestamp> {
    (seconds > 0.0).then(|| Timestamp::from_millis((seconds * 1_000.0).round() as i64))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_secret_is_warned_about_when_it_ends_or_seems_not_to_be_needed() {
        let now = Timestamp::from_millis(1_795_168_800_000);
        let in_hours = |hours: u64| Some(now.plus(Duration::from_secs(hours * 3_600)));
        let told = |expires, last_used, taken| warning(expires, last_used, taken, now);
        assert_eq!(told(None, Some(now), 9), None);
        assert_eq!(told(None, None, 0), None, "nothing came that could have used it");
        assert!(told(None, None, 9).unwrap().starts_with("not used"));
        assert_eq!(told(in_hours(24 * 15), Some(now), 9), None);
        let soon = told(in_hours(25), Some(now), 9).unwrap();
        assert_eq!(soon, "expires in 1 d 1 h: add its successor");
        assert!(told(Some(now), Some(now), 9).unwrap().starts_with("has expired"));
    }
}
