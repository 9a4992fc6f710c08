//! The rules of the house as machines with reasons: taste decays, tests do not.
//!
//! Each rule reads the tree as text. Each failure says which file breaks which rule, and why the
//! rule is there, so that whoever meets it can obey it or argue with it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a rule that cannot be checked fails"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms it may import. Floors from the ground up; a room never sees a later one.
#[rustfmt::skip]
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // 0 ground
    ("bounds", &[]),
    ("secret", &[]),
    ("clock", &[]),
    ("event", &["bounds", "clock"]),
    ("delivery", &["bounds", "clock", "event"]),
    ("outcome", &["event"]),
    ("share", &["event"]),
    ("trace", &["bounds", "clock", "event", "delivery", "share"]),
    // 1 rules
    ("throttle", GROUND),
    ("verify", GROUND),
    ("normalize", &["bounds", "secret", "clock", "event", "delivery", "outcome", "verify"]),
    ("providers", &["event", "verify", "normalize"]),
    ("scrub", &["bounds", "secret", "clock", "event", "delivery", "outcome", "normalize"]),
    // 2 machines
    ("journal", &["bounds", "secret", "clock", "event", "delivery", "outcome", "scrub"]),
    ("publish", &["bounds", "secret", "clock", "event", "delivery", "outcome", "trace", "journal"]),
    ("audit", GROUND),
    ("telemetry", GROUND),
    // 2½ what consumers read, in one document
    ("contract", &["event", "scrub", "publish"]),
    ("otlp", GROUND),
    // 3 flows
    ("intake", FLOORS_0_TO_2),
    ("courier", FLOORS_0_TO_2),
    ("hold", &[
        "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
        "verify", "normalize", "providers", "scrub", "journal", "publish", "telemetry", "courier",
    ]),
    ("replay", &[
        "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
        "verify", "normalize", "providers", "scrub", "journal", "publish", "telemetry", "courier",
    ]),
    // 3½ what operators ask of all of them
    ("desk", FLOORS_0_TO_3),
    // 4 doors
    ("edge", FLOORS_0_TO_3_AND_DESK),
    ("config", &[
        "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
        "verify", "normalize", "providers", "scrub", "journal", "publish", "desk", "edge",
    ]),
    // 5 roof, and the verbs that start from it
    ("app", &[
        "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
        "verify", "normalize", "providers", "scrub", "journal", "publish", "audit", "telemetry",
        "contract", "otlp", "intake", "courier", "hold", "replay", "desk", "edge", "config",
    ]),
    ("cli", &[
        "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
        "verify", "normalize", "providers", "scrub", "journal", "publish", "audit", "telemetry",
        "contract",
        "intake", "courier", "hold", "replay", "desk", "edge", "config", "app",
    ]),
];

const GROUND: &[&str] =
    &["bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace"];
#[rustfmt::skip]
const FLOORS_0_TO_2: &[&str] = &[
    "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
    "verify", "normalize", "providers", "scrub", "journal", "publish", "audit", "telemetry",
];
#[rustfmt::skip]
const FLOORS_0_TO_3: &[&str] = &[
    "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
    "verify", "normalize", "providers", "scrub", "journal", "publish", "audit", "telemetry",
    "contract", "intake", "courier", "hold", "replay",
];
#[rustfmt::skip]
const FLOORS_0_TO_3_AND_DESK: &[&str] = &[
    "bounds", "secret", "clock", "event", "delivery", "outcome", "share", "trace", "throttle",
    "verify", "normalize", "providers", "scrub", "journal", "publish", "audit", "telemetry",
    "contract", "intake", "courier", "hold", "replay", "desk",
];

/// What may be named in one place only: (what, where, why).
const ONE_PLACE: &[(&[&str], &[&str], &str)] = &[
    (
        &["hyper::", "hyper_util::", "http_body_util::"],
        &["src/edge/"],
        "only `edge` knows HTTP: everything else must stay testable without a socket",
    ),
    (
        &["rdkafka::"],
        &["src/publish/kafka.rs", "src/publish/kafka/"],
        "one place knows the Kafka client, so that its traps are handled once",
    ),
    (
        &["reqwest::"],
        &["src/cli/", "src/publish/registry/", "src/otlp/"],
        "who asks others over HTTP is bounded in each place: operators, the registry, the collector",
    ),
    (
        &["rusqlite::"],
        &["src/journal/"],
        "SQLite's words stay in the journal, so that it can one day be another store",
    ),
    (
        &["tokio_rustls::", "rustls::", "x509_cert::"],
        &["src/edge/tls/"],
        "one room decides what is spoken under TLS and how certificates are read",
    ),
    (
        &["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"],
        &["src/clock.rs"],
        "one door to time: ages, rates and tests are driven by our clock",
    ),
    (
        &[".expose()"],
        &["src/scrub/"],
        "personal values are opened at the boundary and nowhere else",
    ),
];

/// Everything that may stand at the top level, besides dotfiles.
#[rustfmt::skip]
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml", "Cargo.lock", "src", "fixtures", "tests", "benches", "deploy", "README.md",
    "target",
];

const LINES_MAX: usize = 400;
const MAIN_LINES_MAX: usize = 60;
const COLUMNS_MAX: usize = 100;
const ATTIC: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "models", "misc"];

#[test]
fn rooms_import_only_rooms_before_them_on_the_road() {
    let mut broken = Vec::new();
    for file in source_files("src") {
        let Some(room) = room_of(&file.path) else {
            continue;
        };
        let Some(allowed) = MAY_IMPORT.iter().find(|(name, _)| *name == room).map(|(_, to)| to)
        else {
            broken.push(format!("{}: room `{room}` is not in the import table", file.shown()));
            continue;
        };
        for (number, statement) in file.statements() {
            for target in crate_paths(&statement) {
                let known = MAY_IMPORT.iter().any(|(name, _)| *name == target);
                if known && target != room && !allowed.contains(&target) {
                    broken.push(format!("{}:{number}: `{room}` imports `{target}`", file.shown()));
                }
            }
        }
    }
    report(broken, "the import graph is the pipeline: who sees a later room can skip a step");
}

#[test]
fn each_piece_of_the_outside_is_named_in_one_place() {
    for (words, places, why) in ONE_PLACE {
        let mut broken = Vec::new();
        for file in source_files("src") {
            let shown = file.shown();
            if places.iter().any(|place| shown.starts_with(place)) {
                continue;
            }
            for (number, line) in file.code_lines() {
                if let Some(word) = words.iter().find(|word| names(line, word)) {
                    broken.push(format!("{shown}:{number}: names `{word}`"));
                }
            }
        }
        report(broken, why);
    }
}

#[test]
fn files_are_short_before_their_tests() {
    let mut broken = Vec::new();
    for file in source_files("src") {
        let lines = file.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let most = if file.shown() == "src/main.rs" { MAIN_LINES_MAX } else { LINES_MAX };
        if lines > most {
            broken.push(format!("{}: {lines} lines, at most {most}", file.shown()));
        }
    }
    report(broken, "a file that does not fit in a head holds two ideas: part them");
}

#[test]
fn nothing_stands_behind_the_tests() {
    let files = source_files("src");
    let broken = files.iter().filter_map(|file| {
        let lines: Vec<_> = file.text.lines().collect();
        let start = lines.iter().position(|line| *line == "#[cfg(test)]")?;
        (!is_test_module(&lines[start + 1..])).then(|| format!("{}:{}", file.shown(), start + 1))
    });
    report(broken.collect(), "rules and readers stop where the tests begin: they come last");
}

/// Whether lines are one module and nothing else: `mod tests;`, or from `mod … {` to its `}`.
fn is_test_module(lines: &[&str]) -> bool {
    let ends = |line: &&str| !line.is_empty() && !line.starts_with([' ', '#', ')']);
    let Some(at) = lines.iter().position(ends) else {
        return false;
    };
    let (first, behind) = (lines[at].trim_start_matches("pub(super) "), &lines[at + 1..]);
    let rest = match first.starts_with("mod ") && first.ends_with(" {") {
        true => behind.iter().position(|line| *line == "}").map(|end| &behind[end + 1..]),
        false => (first.starts_with("mod ") && first.ends_with(';')).then_some(behind),
    };
    rest.is_some_and(<[_]>::is_empty)
}

#[test]
fn the_rules_see_what_they_should() {
    assert_eq!(crate_paths("use crate::{a::B, c::{D, e}, f};"), ["a", "c", "f"]);
    assert_eq!(crate_paths("crate::a::b(crate::c::D)"), ["a", "c"]);
    let text = "use crate::{\n    // why\n    a::B,\n    c,\n};\nfn f() {}\n".to_owned();
    let file = Source { path: root().join("src/x.rs"), text };
    let statements: Vec<_> = file.statements().collect();
    assert_eq!(crate_paths(&statements[0].1), ["a", "c"]);
    assert_eq!(statements[1], (6, "fn f() {}".to_owned()));
    assert!(is_test_module(&["mod tests;"]));
    assert!(is_test_module(&["pub(super) mod tests {", "}"]));
    assert!(is_test_module(&["#[allow(", "    x", ")]", "mod tests {", "    use x;", "}"]));
    assert!(!is_test_module(&["mod tests;", "", "pub use x;"]));
    assert!(!is_test_module(&["mod tests {", "}", "fn f() {}"]));
    assert!(!is_test_module(&["use x;", "mod tests;"]));
    assert!(unnumbered("let (to, from) = mpsc::unbounded_channel();").is_some());
    assert!(unnumbered("let (to, from) = std::sync::mpsc::channel();").is_some());
    assert!(unnumbered("let (to, from) = mpsc::channel(1_024);").is_some());
    assert!(unnumbered("timeout(Duration::from_secs(5), wait)").is_some());
    assert!(
        unnumbered("let (to, from) = mpsc::channel(1); let (a, b) = oneshot::channel();").is_none()
    );
    assert!(unnumbered("timeout(bounds::DISK_PROBE, wait)").is_none());
}

#[test]
fn lines_fit_the_page() {
    let mut broken = Vec::new();
    for file in source_files("src") {
        for (number, line) in (1..).zip(file.text.lines()) {
            if line.chars().count() > COLUMNS_MAX {
                broken.push(format!("{}:{number}", file.shown()));
            }
        }
    }
    report(broken, "lines of at most 100 columns can be read side by side");
}

#[test]
fn every_file_opens_with_what_it_promises() {
    let files = ["src", "tests", "benches"].into_iter().flat_map(source_files);
    let broken = files.filter(|file| !file.text.starts_with("//!")).map(|file| file.shown());
    report(broken.collect(), "the header is the specification: `//!` comes first");
}

#[test]
fn every_test_that_an_invariant_names_is_there() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("the map can be read");
    let (_, invariants) = map.split_once("# Invariants").expect("the map has invariants");
    let lines = invariants.lines().skip(1);
    let header: String = lines.take_while(|line| line.starts_with("//!")).collect();
    let is_test = |word: &&str| word.split('_').count() > 3;
    let named: Vec<_> = header.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 20, "only {} are named: has the header changed its form?", named.len());
    let files: Vec<_> = ["src", "tests"].into_iter().flat_map(source_files).collect();
    let is_missing = |name: &&str| {
        let line = format!("fn {name}(");
        !files.iter().any(|file| file.text.contains(&line))
    };
    let broken = named.into_iter().filter(is_missing).map(str::to_owned);
    report(broken.collect(), "an invariant without its test is a wish");
}

#[test]
fn no_room_is_an_attic() {
    let files = source_files("src");
    let broken = files.iter().filter(|file| {
        let mut parts = file.path.iter().filter_map(|part| Path::new(part).file_stem()?.to_str());
        parts.any(|part| ATTIC.contains(&part))
    });
    report(broken.map(Source::shown).collect(), "a name that fits everything holds everything");
}

#[test]
fn nothing_else_stands_at_the_top_level() {
    let entries = fs::read_dir(root()).expect("the project's folder can be read");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let broken = names.filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&&**name));
    report(broken.collect(), "the top level is a table of contents; the rest has a room below it");
}

#[test]
fn tests_neither_sleep_nor_hide() {
    let mut broken = Vec::new();
    // Built from parts, so that this file does not find itself.
    let words = [["thread::", "sleep"], ["time::", "sleep"], [" sle", "ep("], ["#[ig", "nore"]];
    let words = words.map(|parts| parts.concat());
    for file in ["src", "tests"].into_iter().flat_map(source_files) {
        let tests_only = file.shown().starts_with("tests/");
        let in_tests = |number: usize| tests_only || number > file.tests_start();
        for (number, line) in (1..).zip(file.text.lines()) {
            if in_tests(number) && words.iter().any(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{number}", file.shown()));
            }
        }
    }
    report(broken, "wait for a fact, not for time; a test that is hidden guards nothing");
}

#[test]
fn every_wait_and_queue_has_its_number_in_bounds() {
    let mut broken = Vec::new();
    for file in source_files("src") {
        if file.shown().starts_with("src/bounds") || file.shown().contains("/tests/") {
            continue;
        }
        for (number, line) in file.code_lines() {
            if let Some(what) = unnumbered(line) {
                broken.push(format!("{}:{number}: {what}", file.shown()));
            }
        }
    }
    report(broken, "a limit that is not in bounds/ is in nobody's reckoning: name it there");
}

/// A queue without a bound, or a wait, crowd or queue whose number stands in the line itself. A
/// rendezvous, of no place or one, needs no name.
fn unnumbered(line: &str) -> Option<&'static str> {
    let begins = |word: &str, number: fn(&str) -> bool| {
        line.match_indices(word).any(|(at, _)| number(&line[at + word.len()..]))
    };
    let literal: fn(&str) -> bool = |rest| rest.starts_with(|c: char| c.is_ascii_digit());
    let many: fn(&str) -> bool = |rest| {
        let rendezvous = rest.starts_with("0)") || rest.starts_with("1)");
        rest.starts_with(|c: char| c.is_ascii_digit()) && !rendezvous
    };
    let closed: fn(&str) -> bool = |rest| rest.starts_with(')');
    let units = ["secs", "millis", "micros", "nanos", "mins", "hours"];
    if line.contains("unbounded") || begins("mpsc::channel(", closed) {
        return Some("a queue without a bound");
    }
    if units.iter().any(|unit| begins(&format!("Duration::from_{unit}("), literal)) {
        return Some("a wait with a number of its own");
    }
    let crowds = ["channel(", "Semaphore::new("];
    crowds.iter().any(|word| begins(word, many)).then_some("a queue with a number of its own")
}

#[test]
fn nothing_is_left_half_done_by_its_own_words() {
    let mut broken = Vec::new();
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["todo", "!("], ["unimplemented", "!("]];
    let words = words.map(|word| word.concat());
    for file in ["src", "tests", "benches"].into_iter().flat_map(source_files) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if words.iter().any(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{number}", file.shown()));
            }
        }
    }
    report(broken, "what is not done is said in an issue, not left in the tree");
}

#[test]
fn the_import_table_has_no_loops_and_no_dead_rooms() {
    let floors: BTreeMap<_, _> =
        MAY_IMPORT.iter().zip(0..).map(|((room, _), at)| (*room, at)).collect();
    let mut broken = Vec::new();
    for (room, allowed) in MAY_IMPORT {
        for target in *allowed {
            if floors.get(target).is_none_or(|at| *at >= floors[room]) {
                broken.push(format!("`{room}` may import `{target}`, which is not before it"));
            }
        }
        let here = root().join("src").join(room);
        if !here.is_dir() && !here.with_extension("rs").is_file() {
            broken.push(format!("`{room}` is in the table, but not in src/"));
        }
    }
    report(broken, "the table is the map: it must match the ground");
}

/// One source file.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn shown(&self) -> String {
        self.path.strip_prefix(root()).unwrap_or(&self.path).display().to_string()
    }

    /// The line of `#[cfg(test)]` that ends the product's code.
    fn tests_start(&self) -> usize {
        if self.path.file_stem().is_some_and(|name| name == "tests") {
            return 0;
        }
        let start = self.text.lines().position(|line| line == "#[cfg(test)]");
        start.map_or(usize::MAX, |at| at + 1)
    }

    /// Numbered lines of code: no comments, nothing after the tests begin.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.tests_start();
        let lines = (1..).zip(self.text.lines()).take_while(move |(number, _)| *number < end);
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Lines of code, where a list of imports that is broken over several is one.
    fn statements(&self) -> impl Iterator<Item = (usize, String)> {
        let mut lines = self.code_lines();
        std::iter::from_fn(move || {
            let (number, line) = lines.next()?;
            let mut statement = line.to_owned();
            while line.contains("crate::{") && !statement.contains(';') {
                let Some((_, more)) = lines.next() else { break };
                statement += more;
            }
            Some((number, statement))
        })
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn source_files(below: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is text");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The room a file belongs to: the first part of its path below `src`.
fn room_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(root().join("src")).ok()?;
    let first = Path::new(below.iter().next()?).file_stem()?.to_str()?;
    (!matches!(first, "lib" | "main")).then(|| first.to_owned())
}

/// Every `room` of `crate::room` in a statement, and of `crate::{room::…, room}`.
fn crate_paths(statement: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in statement.match_indices("crate::") {
        let rest = &statement[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(items(list).map(identifier)),
            None => found.push(identifier(rest)),
        }
    }
    found
}

/// The items of a list up to its closing brace; lists within it belong to their items.
fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1;
    let end = list.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    let mut within = 0;
    list[..end.unwrap_or(list.len())]
        .split(move |c| {
            within += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && within == 0
        })
        .map(str::trim_start)
        .filter(|item| !item.is_empty())
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Whether a line names a path, not as the tail of a longer word.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        word.starts_with('.') || !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn report(broken: Vec<String>, why: &str) {
    assert!(broken.is_empty(), "{why}.\n  {}", broken.join("\n  "));
}

#[test]
fn every_change_that_breaks_a_rule_on_purpose_finds_its_place() {
    let read = |path: &Path| fs::read_to_string(path).expect("a file of the tree");
    let text = read(&root().join("tests/breaking/changes.txt"));
    let mut broken = Vec::new();
    for block in text.split("\nchange: ").skip(1) {
        let (name, rest) = block.split_once("\nfile: ").expect("a change names its file");
        let (file, rest) = rest.split_once("\nfrom: ").expect("and what it replaces");
        let (from, _) = rest.split_once("\nto: ").expect("and by what");
        let found = read(&root().join(file)).matches(from).count();
        if found != 1 {
            broken.push(format!("{name}: `from` stands {found} times in {file}"));
        }
    }
    report(broken, "a rule is broken on purpose by tests/breaking/run, at exactly one place");
}
