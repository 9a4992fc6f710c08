//! What hookgate is made of: the bill of materials, and that it is the same for the same commit.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::tools::{file, good, text};

fn bill() -> String {
    good(Command::new(file("deploy/sbom")).env("SOURCE_DATE_EPOCH", "1795168800"))
}

#[test]
fn the_bill_of_materials_names_every_crate_and_what_is_compiled_as_c() {
    let printed = bill();
    let bill: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(bill["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let components = bill["components"].as_array().unwrap();
    let names: BTreeSet<&str> = components.iter().map(|c| c["name"].as_str().unwrap()).collect();
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let direct = manifest["dependencies"].as_table().unwrap();
    let missing: Vec<_> = direct.keys().filter(|name| !names.contains(name.as_str())).collect();
    assert!(direct.len() > 40 && missing.is_empty(), "{missing:?}");
    for name in ["openssl", "librdkafka", "sqlite", "zstd", "zlib"] {
        let component = components.iter().find(|c| c["name"] == name && c["cpe"].is_string());
        let component = component.unwrap_or_else(|| panic!("{name}"));
        let version = component["version"].as_str().unwrap();
        assert!(
            component["cpe"].as_str().unwrap().contains(&format!(":{version}:")),
            "{component}"
        );
    }
    // Nothing of this machine, and nothing of this moment.
    let here = file("").display().to_string();
    assert!(!printed.contains(here.trim_end_matches('/')), "{here}");
    assert_eq!(printed, self::bill());
}
