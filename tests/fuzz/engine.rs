//! Looks for an input that breaks a judge's promise, as long as it is told to.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Once};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use hookgate::clock::Clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bytes;

/// How long the search takes where nobody says.
const SECONDS_DEFAULT: u64 = 2;
/// One input that takes longer has hung.
const HANG: Duration = Duration::from_secs(20);
/// Resident bytes of the whole process at which an input is at fault, before the machine is.
const RESIDENT_MAX: u64 = 3 << 30;
/// Inputs that are changed on.
const POOL_MAX: usize = 4_096;
/// Bytes of one input.
const INPUT_MAX: usize = 1 << 20;
/// Tries to make a found input smaller.
const SHRINKS: usize = 2_000;

/// A parser under test.
pub(crate) struct Entry<'e> {
    /// The name of its folder below `found/`.
    pub(crate) name: &'static str,
    /// What the search begins with.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Words that mean something to the parser.
    pub(crate) words: &'static [&'static str],
    /// A change that knows the form of the input; `None` where it finds nothing to change.
    pub(crate) reshape: fn(&[u8], &mut StdRng) -> Option<Vec<u8>>,
    /// Bytes that may be allocated at one time for an input.
    pub(crate) memory: fn(&[u8]) -> u64,
    /// Panics where a promise is broken. What it gives back tells one way to answer from another.
    pub(crate) judge: &'e dyn Fn(&[u8]) -> u64,
}

/// Runs a search to its end.
pub(crate) fn search(entry: Entry<'_>) {
    let (seconds, seed) = (setting("SECONDS", SECONDS_DEFAULT), setting("SEED", 1));
    let mut search = Search {
        rng: StdRng::seed_from_u64(seed ^ fingerprint(&entry.name)),
        watch: Watch::over(entry.name),
        entry,
        pool: Vec::new(),
        seen: HashSet::new(),
        peak: (0, 0),
        slowest: (Duration::ZERO, 0),
        clock: Clock::system(),
    };
    let kept = read_folder(&found(search.entry.name));
    let seeds = std::mem::take(&mut search.entry.seeds);
    assert!(!seeds.is_empty(), "{} has nothing to begin with", search.entry.name);
    for input in kept.into_iter().chain(seeds) {
        search.look(&input);
        search.pool.push(input);
    }
    let begun = search.pool.len();
    let mut looks = begun;
    while search.clock.steady() < Duration::from_secs(seconds) {
        let input = search.next();
        if search.look(&input) && search.pool.len() < begun + POOL_MAX {
            search.pool.push(input);
        }
        looks += 1;
    }
    let Search { entry, pool, seen, peak, slowest, watch, .. } = search;
    watch.end();
    eprintln!(
        "{}: {looks} inputs in {seconds} s with seed {seed}, {begun} to begin with, {} kept for \
         new answers, {} answers; most memory: {} bytes for {}, longest: {:?} for {}",
        entry.name,
        pool.len() - begun,
        seen.len(),
        peak.0,
        peak.1,
        slowest.0,
        slowest.1,
    );
}

/// What tells one value from another, the same in every run.
pub(crate) fn fingerprint(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

struct Search<'e> {
    entry: Entry<'e>,
    rng: StdRng,
    watch: Watch,
    pool: Vec<Vec<u8>>,
    seen: HashSet<u64>,
    /// Most bytes allocated at one time, and the length of the input that did it.
    peak: (u64, usize),
    /// The longest look, and the length of its input.
    slowest: (Duration, usize),
    clock: Clock,
}

impl Search<'_> {
    /// A changed input.
    fn next(&mut self) -> Vec<u8> {
        let Self { rng, pool, entry, .. } = self;
        let mut input = pool[rng.random_range(0..pool.len())].clone();
        for _ in 0..1 << rng.random_range(0..4) {
            let reshaped = rng.random_bool(0.6).then(|| (entry.reshape)(&input, rng)).flatten();
            match reshaped {
                Some(reshaped) => input = reshaped,
                None => {
                    let other = &pool[rng.random_range(0..pool.len())];
                    bytes::change(&mut input, other, entry.words, rng);
                }
            }
            input.truncate(INPUT_MAX);
        }
        input
    }

    /// Whether the parser answers as it never did before.
    fn look(&mut self, input: &[u8]) -> bool {
        self.watch.show(input);
        let began = self.clock.steady();
        let judged = judged(&self.entry, input);
        let took = self.clock.steady().saturating_sub(began);
        if took > self.slowest.0 {
            self.slowest = (took, input.len());
        }
        match judged {
            Ok((answer, peak)) => {
                if peak > self.peak.0 {
                    self.peak = (peak, input.len());
                }
                self.seen.insert(answer)
            }
            Err(why) => self.report(input, &why),
        }
    }

    fn report(&self, input: &[u8], why: &str) -> ! {
        let smaller = shrunk(input, |part| {
            self.watch.show(part);
            judged(&self.entry, part).is_err()
        });
        let why = judged(&self.entry, &smaller).err().unwrap_or_else(|| why.to_owned());
        let path = keep(self.entry.name, &smaller);
        let shown = String::from_utf8_lossy(&smaller);
        panic!("{}: {why}\nkept as {}:\n{shown:.2000}", self.entry.name, path.display());
    }
}

thread_local! {
    /// Whether this thread is within a judge, whose panics are told once, at the end.
    static JUDGING: Cell<bool> = const { Cell::new(false) };
}

fn quiet_judges() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !JUDGING.get() {
                loud(panic);
            }
        }));
    });
}

/// What a judge makes of an input, and the most bytes it had allocated at one time.
fn judged(entry: &Entry<'_>, input: &[u8]) -> Result<(u64, u64), String> {
    let mut judged = None;
    quiet_judges();
    JUDGING.set(true);
    let measured = allocation_counter::measure(|| {
        judged = Some(catch_unwind(AssertUnwindSafe(|| (entry.judge)(input))));
    });
    JUDGING.set(false);
    match judged.unwrap() {
        Ok(answer) => {
            let most = (entry.memory)(input);
            if measured.bytes_max > most {
                let len = input.len();
                return Err(format!("{} bytes for {len}, at most {most}", measured.bytes_max));
            }
            Ok((answer, measured.bytes_max))
        }
        Err(panic) => Err(match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (None, Some(text)) => (*text).to_owned(),
            (None, None) => "a panic".to_owned(),
        }),
    }
}

/// The smallest part of an input that still fails, as far as leaving out stretches finds it.
fn shrunk(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (mut best, mut length, mut tries) = (input.to_vec(), input.len() / 2, 0);
    while length > 0 && tries < SHRINKS {
        let (mut from, mut smaller) = (0, false);
        while from < best.len() && tries < SHRINKS {
            let until = (from + length).min(best.len());
            let part = [&best[..from], &best[until..]].concat();
            tries += 1;
            if fails(&part) {
                (best, smaller) = (part, true);
            } else {
                from = until;
            }
        }
        length = if smaller { length.min(best.len()) } else { length / 2 };
    }
    best
}

/// Tells an input that never ends from a slow machine, and one that eats the memory.
struct Watch {
    input: Arc<Mutex<(u64, Vec<u8>)>>,
    over: Sender<()>,
    watching: JoinHandle<()>,
}

impl Watch {
    fn over(name: &'static str) -> Self {
        let input = Arc::new(Mutex::new((0, Vec::new())));
        let (over, ended) = channel();
        let shown = Arc::clone(&input);
        let watching = spawn(move || {
            let (mut last, mut waited) = (0, Duration::ZERO);
            let tick = Duration::from_millis(250);
            while ended.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                let number = shown.lock().unwrap().0;
                waited = if number == last { waited + tick } else { Duration::ZERO };
                last = number;
                let why = match () {
                    () if waited >= HANG => "takes longer than any input may",
                    () if resident() > RESIDENT_MAX => "was at hand when the memory went",
                    () => continue,
                };
                let path = keep(name, &shown.lock().unwrap().1);
                eprintln!("{name}: an input {why}; kept as {}", path.display());
                std::process::abort();
            }
        });
        Self { input, over, watching }
    }

    fn show(&self, input: &[u8]) {
        let mut shown = self.input.lock().unwrap();
        shown.0 += 1;
        shown.1.clear();
        shown.1.extend_from_slice(input);
    }

    fn end(self) {
        drop(self.over);
        self.watching.join().unwrap();
    }
}

/// Resident bytes of this process, as Linux tells them; 0 elsewhere.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

fn setting(name: &str, default: u64) -> u64 {
    let name = format!("HOOKGATE_FUZZ_{name}");
    match std::env::var(&name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no whole number: {text}")),
        Err(_) => default,
    }
}

fn found(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(name)
}

fn keep(name: &str, input: &[u8]) -> PathBuf {
    let folder = found(name);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{:016x}", fingerprint(&input)));
    fs::write(&path, input).unwrap();
    path
}

/// Every file of a folder, in the order of their names; none where there is no folder.
fn read_folder(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn what_breaks_a_promise_is_made_small() {
    let input = [vec![b'a'; 1_000], b"BAD".to_vec(), vec![b'b'; 777]].concat();
    let fails = |part: &[u8]| part.windows(3).any(|three| three == b"BAD");
    assert_eq!(shrunk(&input, fails), b"BAD");
}

#[test]
fn a_judge_that_panics_or_allocates_too_much_is_told_apart_from_one_that_does_not() {
    let entry = |judge| Entry {
        name: "engine",
        seeds: Vec::new(),
        words: &[],
        reshape: |_, _| None,
        memory: |input| input.len() as u64 * 10,
        judge,
    };
    let judge = |input: &[u8]| match input {
        b"panic" => panic!("a reason"),
        b"eater" => fingerprint(&vec![1_u8; 1_000]),
        _ => 7,
    };
    let judge = entry(&judge);
    assert_eq!(judged(&judge, b"quiet").unwrap().0, 7);
    assert_eq!(judged(&judge, b"panic"), Err("a reason".to_owned()));
    assert_eq!(judged(&judge, b"eater"), Err("1000 bytes for 5, at most 50".to_owned()));
}
