//! The published schemas against the last version that is kept: consumers were written for it.
//!
//! `fixtures/schemas/<family>-<version>.json` is what `hookgate schema <family>` printed last.
//! `HOOKGATE_REWRITE=1` writes what was added; it does not write over a promise. Who must break one
//! raises the version in the schema's id, and the old file stays for whoever reads old records.

use std::path::PathBuf;

use hookgate::event::Family;
use hookgate::scrub::schema;
use serde_json::Value;

use super::fixtures::fixtures;

mod promise;

/// Where a family's schema is kept, by the version in its id.
fn kept(family: Family, schema: &Value) -> PathBuf {
    let version = schema["$id"].as_str().unwrap().rsplit(':').next().unwrap();
    fixtures("schemas").join(format!("{}-{version}.json", family.as_str()))
}

#[test]
fn what_consumers_were_promised_still_holds_and_what_is_new_is_kept() {
    let rewrite = std::env::var_os("HOOKGATE_REWRITE").is_some_and(|value| value == "1");
    let mut mistakes = Vec::new();
    for family in Family::ALL {
        let now = schema(family);
        let path = kept(family, &now);
        let text = format!("{now:#}\n");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let broken = match before.is_empty() {
            true => Vec::new(),
            false => promise::broken(&serde_json::from_str(&before).unwrap(), &now),
        };
        let shown = path.display();
        if rewrite && broken.is_empty() {
            std::fs::write(&path, &text).unwrap();
        } else if broken.is_empty() && before != text {
            mistakes.push(format!("{shown} lacks what was added: HOOKGATE_REWRITE=1"));
        }
        mistakes.extend(broken.iter().map(|broken| format!("{shown}: {broken}")));
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn every_version_that_was_published_is_kept() {
    for family in Family::ALL {
        let path = kept(family, &schema(family));
        assert!(path.exists(), "{}", path.display());
        let version = path.file_stem().unwrap().to_str().unwrap().rsplit('-').next().unwrap();
        for earlier in 1..version.parse().unwrap() {
            let earlier = format!("{}-{earlier}.json", family.as_str());
            assert!(fixtures("schemas").join(&earlier).exists(), "{earlier}");
        }
    }
}
