//! The example consumers as text: what they name is what the gateway has, the four are one service,
//! and what they are built of is pinned. `tests/consumers` runs them.

use std::collections::BTreeSet;

use hookgate::event::{Family, Kind};
use hookgate::publish::header;
use serde_json::Value;

use crate::tools::text;

const SOURCES: [&str; 4] = [
    "deploy/consumers/python/consumer.py",
    "deploy/consumers/java/src/main/java/Consumer.java",
    "deploy/consumers/typescript/consumer.ts",
    "deploy/consumers/rust/src/main.rs",
];
const README: &str = "deploy/consumers/README.md";

/// The words in capitals that a text asks the environment for, by the table of the README.
fn variables() -> BTreeSet<String> {
    let text = text(README);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let names = rows.map(|(name, _)| name.to_owned());
    names.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect()
}

#[test]
fn consumers_name_the_topics_headers_and_variables_that_there_are() {
    let variables = variables();
    assert_eq!(variables.len(), 6, "{variables:?}");
    for path in SOURCES {
        let source = text(path);
        for family in Family::ALL {
            let is_read = source.contains(family.as_str());
            assert_eq!(is_read, family != Family::Quarantine, "{path}: {}", family.as_str());
        }
        for word in [header::REPLAY_ID, "event_ids", "other_refs", "previous_ref"] {
            assert!(source.contains(word), "{path}: {word}");
        }
        let lower = source.to_ascii_lowercase();
        for word in ["read_committed", "earliest", "45"] {
            assert!(lower.contains(word), "{path}: {word}");
        }
        for name in &variables {
            assert!(source.contains(name.as_str()), "{path}: {name}");
        }
    }
    let readme = text(README);
    for kind in [Kind::ParticipantErased, Kind::RoomErased] {
        assert!(readme.contains(&format!("`video.{}`", kind.as_str())), "{}", kind.as_str());
    }
    for option in ["journal.retention", "kafka.compression", "kafka.topic_prefix"] {
        let (section, key) = option.split_once('.').unwrap();
        let defaults = text("src/config/default.toml");
        let (_, rest) = defaults.split_once(&format!("\n[{section}]\n")).unwrap();
        let within = rest.split("\n[").next().unwrap();
        assert!(readme.contains(option) && within.contains(&format!("\n{key} = ")), "{option}");
    }
}

/// Without blanks, quotes and what joins lines.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !"\"'`\\".contains(*c)).collect()
}

#[test]
fn the_four_keep_the_same_state() {
    let statements = [
        "CREATETABLEIFNOTEXISTSseen(idTEXT,replayTEXT,atINTEGER,PRIMARYKEY(id,replay))WITHOUTROWID",
        "CREATEINDEXIFNOTEXISTSseen_atONseen(at)",
        "CREATETABLEIFNOTEXISTSwork\
         (idTEXT,replayTEXT,typeTEXT,tenantTEXT,timeTEXT,roomTEXT,personTEXT)",
        "DELETEFROMseenWHEREat<unixepoch()-86400*?",
        "INSERTORIGNOREINTOseenSELECTvalue,?,unixepoch()FROMjson_each(?)",
        "INSERTINTOworkVALUES(?,?,?,?,?,?,?)",
        "UPDATEworkSETperson=?WHEREperson=?",
        "DELETEFROMworkWHEREtenant=?AND(idIN(SELECTvalueFROMjson_each(?))ORtime<=?\
         ANDEXISTS(SELECT1FROMjson_each(?)WHEREvalueIN(room,person)))",
    ];
    for path in SOURCES {
        let source = bare(&text(path));
        let missing: Vec<_> = statements.iter().filter(|one| !source.contains(**one)).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}

/// `1.2.3` and nothing that lets a newer one in.
fn is_exact(version: &str) -> bool {
    version.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

#[test]
fn what_consumers_are_built_of_is_pinned() {
    for line in text("deploy/consumers/python/requirements.txt").lines() {
        assert!(line.split_once("==").is_some_and(|(_, version)| is_exact(version)), "{line}");
    }
    let pom = text("deploy/consumers/java/pom.xml");
    let versions = pom.split("<version>").skip(1).map(|rest| rest.split('<').next().unwrap());
    let parts = pom.matches("<artifactId>").count();
    assert_eq!(versions.clone().count(), parts, "each dependency and plugin says its version");
    versions.for_each(|version| assert!(is_exact(version), "{version}"));

    let package: Value =
        serde_json::from_str(&text("deploy/consumers/typescript/package.json")).unwrap();
    let lock: Value =
        serde_json::from_str(&text("deploy/consumers/typescript/package-lock.json")).unwrap();
    for section in ["dependencies", "devDependencies"] {
        for (name, version) in package[section].as_object().unwrap() {
            let locked = &lock["packages"][format!("node_modules/{name}")]["version"];
            assert!(locked == version && is_exact(version.as_str().unwrap()), "{name}: {version}");
        }
    }
    for (place, entry) in lock["packages"].as_object().unwrap() {
        let pinned = entry["integrity"].is_string() && entry.get("resolved").is_none();
        assert!(pinned || place.is_empty(), "{place} has a sum, and is fetched from any registry");
    }

    let version = |path: &str, name: &str| {
        let lock: toml::Table = text(path).parse().unwrap();
        let crates = lock["package"].as_array().unwrap().iter();
        let found: Vec<_> = crates.filter(|one| one["name"].as_str() == Some(name)).collect();
        found[0]["version"].as_str().unwrap().to_owned()
    };
    for name in ["rdkafka", "rusqlite"] {
        let theirs = version("deploy/consumers/rust/Cargo.lock", name);
        assert_eq!(
            theirs,
            version("Cargo.lock", name),
            "{name}: the one that the gateway is tested with"
        );
    }
}
