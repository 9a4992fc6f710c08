//! How a client is, read from what librdkafka says of itself.
//!
//! Brokers come and go with the cluster, so what it says of each is put together: no name of a
//! broker leaves this file.

use std::time::Duration;

use rdkafka::Statistics;
use rdkafka::statistics::{Broker, Window};

use crate::publish::Vitals;

/// What the statistics tell us.
pub(super) fn of(statistics: &Statistics) -> Vitals {
    let brokers = || statistics.brokers.values();
    let all = |of: fn(&Broker) -> u64| brokers().map(of).sum();
    let worst = |of: fn(&Broker) -> Option<&Window>, read: fn(&Window) -> i64| {
        let most = brokers().filter_map(of).filter(|window| window.cnt > 0).map(read).max();
        u64::try_from(most.unwrap_or(0)).unwrap_or(0)
    };
    Vitals {
        queue_records: statistics.msg_cnt,
        queue_bytes: statistics.msg_size,
        requests_in_flight: all(|broker| u64::try_from(broker.waitresp_cnt).unwrap_or(0)),
        request_errors: all(|broker| broker.txerrs),
        request_retries: all(|broker| broker.txretries),
        request_timeouts: all(|broker| broker.req_timeouts),
        connects: all(|broker| count(broker.connects)),
        disconnects: all(|broker| count(broker.disconnects)),
        throttle: Duration::from_millis(worst(|broker| broker.throttle.as_ref(), |of| of.max)),
        round_trip_p99: Duration::from_micros(worst(|broker| broker.rtt.as_ref(), |of| of.p99)),
    }
}

fn count(number: Option<i64>) -> u64 {
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(cnt: i64, max: i64, p99: i64) -> Option<Window> {
        Some(Window { cnt, max, p99, ..Window::default() })
    }

    #[test]
    fn what_brokers_count_is_added_and_the_slowest_is_told() {
        let one = Broker {
            waitresp_cnt: 1,
            txerrs: 2,
            txretries: 3,
            req_timeouts: 4,
            connects: Some(8),
            disconnects: Some(5),
            throttle: window(1, 700, 600),
            rtt: window(9, 9_000, 2_500),
            ..Broker::default()
        };
        // One that was never asked has windows full of zeros, and -1 where nothing is known.
        let other = Broker {
            waitresp_cnt: -1,
            txerrs: 10,
            rtt: window(0, 99, 99_000),
            ..Broker::default()
        };
        let brokers = [("a:9092/1", one), ("b:9092/2", other)];
        let statistics = Statistics {
            msg_cnt: 6,
            msg_size: 7,
            brokers: brokers.map(|(name, broker)| (name.to_owned(), broker)).into(),
            ..Statistics::default()
        };
        let told = Vitals {
            queue_records: 6,
            queue_bytes: 7,
            requests_in_flight: 1,
            request_errors: 12,
            request_retries: 3,
            request_timeouts: 4,
            connects: 8,
            disconnects: 5,
            throttle: Duration::from_millis(700),
            round_trip_p99: Duration::from_micros(2_500),
        };
        assert_eq!(of(&statistics), told);
        assert_eq!(of(&Statistics::default()), Vitals::default());
    }
}
