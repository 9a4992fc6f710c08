//! How fast an address may fail, and how fast a source may come.
//!
//! Two rules. An address that sends more failed signatures than its budget is *narrowed*: its
//! bodies share a few places for a while. It is never refused, because a forger and the real sender
//! may share an address, and a good signature costs nothing. A source has a rate of authentic
//! deliveries; what is over it is told when to come again.
//!
//! Everything here is bounded. So many addresses are told apart; all others share one budget and
//! one set of places until the map is swept. Rates are counted by the steady clock, so that a wall
//! clock that is set changes nothing.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as Ticks;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;

use crate::bounds::{
    NARROWED_BODIES, PEER_FAILURES_BURST, PEER_FAILURES_PER_SECOND, PEER_NARROWED_FOR,
    PEERS_SWEEP_WHEN_FULL, PEERS_TRACKED_MAX, SOURCE_RATE_BURST_DEFAULT,
    SOURCE_RATE_PER_SECOND_DEFAULT,
};
use crate::clock::Clock;
use crate::delivery::Peer;

/// An address's budget is whole again this long after its last failure, whatever came before.
const RECOVERY: Duration =
    Duration::from_secs(PEER_FAILURES_BURST.div_ceil(PEER_FAILURES_PER_SECOND) as u64);

/// A source's `rate`, in authentic deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Deliveries a second, on average.
    pub per_second: NonZeroU32,
    /// Deliveries at once.
    pub burst: NonZeroU32,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            per_second: at_least_one(SOURCE_RATE_PER_SECOND_DEFAULT),
            burst: at_least_one(SOURCE_RATE_BURST_DEFAULT),
        }
    }
}

/// The rate of one source.
pub struct SourceRate {
    bucket: Bucket,
}

impl SourceRate {
    /// A rate with its whole burst at hand.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32, clock: Clock) -> Self {
        Self { bucket: Bucket::new(per_second, burst, clock) }
    }

    /// Takes one delivery, or says how long until one would be taken.
    pub fn admit(&self) -> Result<(), Duration> {
        self.bucket.take()
    }
}

/// The addresses that failed of late.
pub struct Peers {
    clock: Clock,
    /// The end of the last narrowing there is, in nanoseconds of the steady clock: while nobody is
    /// narrowed nobody waits for the map.
    narrowed_until: AtomicU64,
    record: Mutex<Record>,
}

struct Record {
    known: HashMap<u128, Failures>,
    overflow: Failures,
    swept: Duration,
}

/// The failures of one address, or of all that are too many to tell apart.
struct Failures {
    budget: Bucket,
    last: Duration,
    narrowed_until: Duration,
    places: Option<Places>,
}

/// The places that the bodies of a narrowed address share. Two sets, so that large bodies that come
/// slowly hold up no small one that is whole.
#[derive(Clone, Debug)]
pub struct Places {
    /// For a large body while it is read.
    pub reading: Arc<Semaphore>,
    /// For a body that is whole, until its signature is judged.
    pub verifying: Arc<Semaphore>,
}

impl Peers {
    /// Nobody has failed yet.
    pub fn new(clock: Clock) -> Self {
        let record = Record {
            known: HashMap::new(),
            overflow: Failures::new(&clock),
            swept: clock.steady(),
        };
        Self { clock, narrowed_until: AtomicU64::new(0), record: Mutex::new(record) }
    }

    /// Counts one failed signature against an address.
    pub fn failed(&self, peer: Peer) {
        let now = self.clock.steady();
        let mut record = self.record();
        record.make_room(peer.unit(), now);
        let failures = record.of_or_new(peer.unit(), &self.clock);
        failures.last = now;
        if failures.budget.take().is_err() {
            let until = now.saturating_add(PEER_NARROWED_FOR);
            failures.narrowed_until = until;
            self.narrowed_until.fetch_max(nanos(until), Ordering::Relaxed);
        }
    }

    /// The places that the bodies of a narrowed address share; `None` while it is not narrowed.
    pub fn narrowed(&self, peer: Peer) -> Option<Places> {
        let now = self.clock.steady();
        if nanos(now) >= self.narrowed_until.load(Ordering::Relaxed) {
            return None;
        }
        let mut record = self.record();
        let failures = record.of(peer.unit());
        (now < failures.narrowed_until).then(|| failures.places())
    }

    /// Forgets the addresses that are as if they had never failed.
    pub fn sweep(&self) {
        self.record().sweep(self.clock.steady());
    }

    /// How many addresses are told apart at the moment.
    pub fn tracked(&self) -> usize {
        self.record().known.len()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn full(&self) -> bool {
        self.known.len() >= PEERS_TRACKED_MAX
    }

    /// Sweeps ahead of time when a stranger finds the map full, but not with every stranger.
    fn make_room(&mut self, unit: u128, now: Duration) {
        let due = now.saturating_sub(self.swept) >= PEERS_SWEEP_WHEN_FULL;
        if due && self.full() && !self.known.contains_key(&unit) {
            self.sweep(now);
        }
    }

    fn sweep(&mut self, now: Duration) {
        self.swept = now;
        self.known.retain(|_, failures| !failures.forgotten(now));
        if self.known.len() < self.known.capacity() / 4 {
            self.known.shrink_to(self.known.len() * 2);
        }
    }

    fn of_or_new(&mut self, unit: u128, clock: &Clock) -> &mut Failures {
        if self.full() {
            return self.of(unit);
        }
        self.known.entry(unit).or_insert_with(|| Failures::new(clock))
    }

    fn of(&mut self, unit: u128) -> &mut Failures {
        self.known.get_mut(&unit).unwrap_or(&mut self.overflow)
    }
}

impl Failures {
    fn new(clock: &Clock) -> Self {
        Self {
            budget: Bucket::new(
                at_least_one(PEER_FAILURES_PER_SECOND),
                at_least_one(PEER_FAILURES_BURST),
                clock.clone(),
            ),
            last: Duration::ZERO,
            narrowed_until: Duration::ZERO,
            places: None,
        }
    }

    /// The same places for as long as the address is known, so that a second narrowing does not
    /// add to bodies that still hold places of the first.
    fn places(&mut self) -> Places {
        self.places.get_or_insert_with(Places::new).clone()
    }

    /// Whether a new record would be the same: budget whole, not narrowed, no place held.
    fn forgotten(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) >= RECOVERY
            && now >= self.narrowed_until
            && !self.places.as_ref().is_some_and(Places::held)
    }
}

impl Places {
    fn new() -> Self {
        let places = || Arc::new(Semaphore::new(NARROWED_BODIES));
        Self { reading: places(), verifying: places() }
    }

    fn held(&self) -> bool {
        [&self.reading, &self.verifying].iter().any(|places| Arc::strong_count(places) > 1)
    }
}

/// A token bucket on our clock.
pub struct Bucket(RateLimiter<NotKeyed, InMemoryState, Steady, NoOpMiddleware<Duration>>);

impl Bucket {
    /// One with its whole burst at hand.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32, clock: Clock) -> Self {
        // The bucket counts in nanoseconds: no more than one a nanosecond.
        let per_second = per_second.min(at_least_one(1_000_000_000));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self(RateLimiter::direct_with_clock(quota, Steady(clock)))
    }

    /// Takes one, or says how long until there is one.
    pub fn take(&self) -> Result<(), Duration> {
        self.0.check().map_err(|not_until| not_until.wait_time_from(self.0.clock().now()))
    }
}

/// Our steady clock as governor reads it.
struct Steady(Clock);

impl Ticks for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.steady()
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// 584 years of nanoseconds, then it stands.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;
    use crate::clock::Timestamp;

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_millis(1_795_168_800_000))
    }

    fn peer(number: u32) -> Peer {
        Peer::new(IpAddr::from(number.to_be_bytes()))
    }

    fn fail(peers: &Peers, peer: Peer, times: u32) {
        for _ in 0..times {
            peers.failed(peer);
        }
    }

    #[test]
    fn an_address_over_its_budget_is_narrowed_and_others_are_not() {
        let peers = Peers::new(clock());
        fail(&peers, peer(1), PEER_FAILURES_BURST);
        assert!(peers.narrowed(peer(1)).is_none());
        fail(&peers, peer(1), 1);
        let places = peers.narrowed(peer(1)).unwrap();
        assert_eq!(places.reading.available_permits(), NARROWED_BODIES);
        assert_eq!(places.verifying.available_permits(), NARROWED_BODIES);
        assert!(peers.narrowed(peer(2)).is_none());
    }

    #[test]
    fn failures_at_the_budgets_rate_narrow_nobody() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        for _ in 0..1_000 {
            clock.advance(Duration::from_secs(1) / PEER_FAILURES_PER_SECOND);
            peers.failed(peer(1));
        }
        assert!(peers.narrowed(peer(1)).is_none());
    }

    #[test]
    fn narrowing_ends_a_while_after_the_last_failure_over_the_budget() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        fail(&peers, peer(1), PEER_FAILURES_BURST + 1);
        clock.advance(PEER_NARROWED_FOR / 2);
        fail(&peers, peer(1), PEER_FAILURES_BURST + 1);
        clock.advance(PEER_NARROWED_FOR - Duration::from_nanos(1));
        assert!(peers.narrowed(peer(1)).is_some());
        clock.advance(Duration::from_nanos(1));
        assert!(peers.narrowed(peer(1)).is_none());
    }

    #[test]
    fn a_failure_within_the_budget_does_not_prolong_the_narrowing() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        fail(&peers, peer(1), PEER_FAILURES_BURST + 1);
        clock.advance(PEER_NARROWED_FOR / 2);
        fail(&peers, peer(1), 1);
        clock.advance(PEER_NARROWED_FOR / 2);
        assert!(peers.narrowed(peer(1)).is_none());
    }

    #[test]
    fn the_bodies_of_an_address_share_its_places_over_sweeps_and_narrowings() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        fail(&peers, peer(1), PEER_FAILURES_BURST + 1);
        let places = peers.narrowed(peer(1)).unwrap();
        let held = Arc::clone(&places.verifying).try_acquire_many_owned(3).unwrap();
        drop(places);
        clock.advance(PEER_NARROWED_FOR);
        peers.sweep();
        fail(&peers, peer(1), PEER_FAILURES_BURST + 1);
        let places = peers.narrowed(peer(1)).unwrap();
        assert_eq!(places.verifying.available_permits(), NARROWED_BODIES - 3);
        assert_eq!(places.reading.available_permits(), NARROWED_BODIES);
        drop((held, places));
        clock.advance(PEER_NARROWED_FOR);
        peers.sweep();
        assert_eq!(peers.tracked(), 0);
    }

    #[test]
    fn an_ipv6_network_of_64_bits_counts_as_one_address() {
        let peers = Peers::new(clock());
        let of = |network: u16, host: u16| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host);
            Peer::new(IpAddr::V6(address))
        };
        for host in 0..=u16::try_from(PEER_FAILURES_BURST).unwrap() {
            peers.failed(of(1, host));
        }
        assert_eq!(peers.tracked(), 1);
        assert!(peers.narrowed(of(1, 9_999)).is_some());
        assert!(peers.narrowed(of(2, 0)).is_none());
    }

    #[test]
    fn a_sweep_forgets_who_recovered_and_keeps_who_did_not() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        fail(&peers, peer(1), 1);
        fail(&peers, peer(2), PEER_FAILURES_BURST + 1);
        peers.sweep();
        assert_eq!(peers.tracked(), 2);
        clock.advance(RECOVERY);
        peers.sweep();
        assert_eq!(peers.tracked(), 1);
        assert!(peers.narrowed(peer(2)).is_some());
        clock.advance(PEER_NARROWED_FOR);
        peers.sweep();
        assert_eq!(peers.tracked(), 0);
    }

    #[test]
    fn a_flood_of_200_000_addresses_stays_bounded_and_shares_one_budget_beyond() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        fail(&peers, peer(0), PEER_FAILURES_BURST + 1);
        for number in 1..200_000 {
            peers.failed(peer(number));
        }
        assert_eq!(peers.tracked(), PEERS_TRACKED_MAX);
        // Told apart: one failure narrows nobody, and who was narrowed stays alone.
        assert!(peers.narrowed(peer(1)).is_none());
        let alone = peers.narrowed(peer(0)).unwrap();
        // Beyond: one set of places for all.
        let one = peers.narrowed(peer(199_998)).unwrap();
        let other = peers.narrowed(peer(199_999)).unwrap();
        assert!(Arc::ptr_eq(&one.reading, &other.reading));
        assert!(!Arc::ptr_eq(&one.reading, &alone.reading));

        clock.advance(PEER_NARROWED_FOR);
        peers.sweep();
        assert_eq!(peers.tracked(), 1, "the one whose places are held");
        drop(alone);
        peers.sweep();
        assert_eq!(peers.tracked(), 0);
        assert!(peers.narrowed(peer(199_999)).is_none());
    }

    #[test]
    fn a_full_map_makes_room_for_a_stranger_when_others_have_recovered() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        for number in 0..=u32::try_from(PEERS_TRACKED_MAX).unwrap() {
            peers.failed(peer(number));
        }
        assert_eq!(peers.tracked(), PEERS_TRACKED_MAX);
        clock.advance(RECOVERY);
        peers.failed(peer(u32::MAX));
        assert_eq!(peers.tracked(), 1);
    }

    #[test]
    fn a_wall_clock_set_back_changes_no_rate() {
        let clock = clock();
        let peers = Peers::new(clock.clone());
        fail(&peers, peer(1), PEER_FAILURES_BURST + 1);
        clock.set(Timestamp::from_millis(0));
        assert!(peers.narrowed(peer(1)).is_some());
        clock.advance(PEER_NARROWED_FOR);
        assert!(peers.narrowed(peer(1)).is_none());
    }

    #[test]
    fn a_source_has_its_burst_and_then_its_rate() {
        let clock = clock();
        let (per_second, burst) = (at_least_one(10), at_least_one(3));
        let source = SourceRate::new(per_second, burst, clock.clone());
        for _ in 0..3 {
            assert_eq!(source.admit(), Ok(()));
        }
        assert_eq!(source.admit(), Err(Duration::from_millis(100)));
        clock.advance(Duration::from_millis(40));
        assert_eq!(source.admit(), Err(Duration::from_millis(60)));
        clock.advance(Duration::from_millis(60));
        assert_eq!(source.admit(), Ok(()));
        assert_eq!(source.admit(), Err(Duration::from_millis(100)));
        clock.advance(Duration::from_secs(3_600));
        for _ in 0..3 {
            assert_eq!(source.admit(), Ok(()));
        }
        assert!(source.admit().is_err());
    }

    #[test]
    fn the_largest_rate_that_can_be_written_admits() {
        let source = SourceRate::new(NonZeroU32::MAX, NonZeroU32::MAX, clock());
        for _ in 0..10_000 {
            assert_eq!(source.admit(), Ok(()));
        }
    }

    #[test]
    fn a_source_that_names_no_rate_has_the_default() {
        let rate = Rate::default();
        assert_eq!((rate.per_second.get(), rate.burst.get()), (2_000, 4_000));
    }
}
