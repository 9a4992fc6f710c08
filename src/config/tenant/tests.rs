//! What `[[tenant]]` promises, through the whole configuration.

use std::time::Duration;

use crate::config::Config;
use crate::config::tests::*;

use super::*;

/// A good text with a tenant that its source names.
fn text(keys: &str) -> String {
    format!("{}\n[[tenant]]\nname = \"t\"\n{keys}\n", source(""))
}

fn tenant(keys: &str) -> (Tenant, Config) {
    let mut config = good(&text(keys));
    (config.tenants.remove(0), config)
}

#[test]
fn a_tenants_retention_is_that_of_its_sources() {
    let tenant = |keys: &str| format!("{}\n[[tenant]]\n{keys}\n", source(""));
    let config = good(&tenant("name = \"other\"\nretention = \"1h\""));
    assert_eq!(config.journal.ages.len(), 0);
    let config = good(&text("retention = \"90d\""));
    let kept: Vec<_> = config.journal.ages.iter().map(|(_, age)| *age).collect();
    assert_eq!(kept, [Duration::from_secs(90 * 86_400)]);
    assert_eq!(good(&text("")).journal.ages.len(), 0);
    mistake(&tenant("retention = \"1h\""), "tenant[0].name", "is missing");
    mistake(&tenant("name = \"a b\""), "tenant[0].name = \"a b\"", "1 to 64");
    mistake(&tenant("name = \"a\"\nretention = \"1m\""), "tenant[0].retention", "from 1h");
    mistake(&tenant("name = \"a\"\n[[tenant]]\nname = \"a\""), "tenant[1].name", "twice");
    mistake(&tenant("name = \"a\"\nclas = \"patients\""), "tenant[0].clas", "is unknown");
}

#[test]
fn a_class_sets_what_holds_where_nothing_is_written() {
    for (class, recording) in [
        ("standard", Recording::Allowed),
        ("pupils", Recording::Allowed),
        ("patients", Recording::Forbidden),
    ] {
        let class = format!("class = \"{class}\"\nhipaa_tier = true\n");
        let (silent, config) = tenant(&class);
        assert_eq!(silent.recording, recording, "{class}");
        assert_eq!(config.sources[0].boundary.recording, recording, "{class}");
        for (word, recording) in
            [("allowed", Recording::Allowed), ("forbidden", Recording::Forbidden)]
        {
            let (written, config) = tenant(&format!("{class}recording = \"{word}\""));
            assert_eq!(written.recording, recording, "{class}");
            assert_eq!(config.sources[0].boundary.recording, recording, "{class}");
        }
    }
    let (silent, _) = tenant("");
    assert_eq!((silent.class, silent.hipaa_tier, silent.launched), (Class::Standard, false, false));
    let says = "must be one of \"patients\", \"pupils\" or \"standard\"";
    mistake(&text("class = \"Patients\""), "tenant[0].class = \"Patients\"", says);
    let says = "must be one of \"allowed\" or \"forbidden\"";
    mistake(&text("recording = \"no\""), "tenant[0].recording = \"no\"", says);
}

#[test]
fn what_a_tenant_says_holds_for_its_sources_and_no_other() {
    let other = SOURCE.replace("\"a\"", "\"b\"").replace("\"t\"", "\"u\"");
    let said = "recording = \"forbidden\"\nnational_id_patterns = [\"[0-9]{11}\"]\n\
         pseudonym_key = { env = \"TENANT\" }";
    let config = good(&format!("{}{other}", text(said)));
    let [theirs, others] = &config.sources[..] else { panic!() };
    let of = |source: &Source| {
        let boundary = &source.boundary;
        let own = boundary.pseudonym_key.is_some();
        (boundary.recording, boundary.national_ids.len(), own)
    };
    assert_eq!(of(theirs), (Recording::Forbidden, 1, true));
    assert_eq!(of(others), (Recording::Allowed, 0, false));
}

#[test]
fn patients_without_their_tier_are_warned_about_before_the_launch_and_refused_after_it() {
    let patients = |more: &str| text(&format!("class = \"patients\"\n{more}"));
    for before in ["", "launched = false", "hipaa_tier = false"] {
        let warnings = good(&patients(before)).warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(warnings[0].key, "tenant[0].hipaa_tier");
        assert!(warnings[0].text.starts_with("VIDEO_HIPAA_TIER_REQUIRED_001: "), "{warnings:?}");
        assert!(warnings[0].text.contains("hipaa_tier = true"), "{warnings:?}");
    }
    let start = "tenant[0].hipaa_tier: VIDEO_HIPAA_TIER_REQUIRED_001: ";
    mistake(&patients("launched = true"), start, "then write hipaa_tier = true");
    let stated = patients("launched = true\nhipaa_tier = true");
    assert_eq!(good(&stated).warnings, []);
    let (tenant, _) = tenant("class = \"patients\"\nlaunched = true\nhipaa_tier = true");
    assert!(tenant.hipaa_tier && tenant.launched);
    for others in ["standard", "pupils"] {
        let launched = format!("class = \"{others}\"\nlaunched = true");
        assert_eq!(good(&text(&launched)).warnings, []);
    }
    let unread = patients("launched = true\nhipaa_tier = \"yes\"");
    mistake(&unread, "tenant[0].hipaa_tier: must be true or false", "without quotes");
}

#[test]
fn a_pattern_of_national_ids_may_stand_anywhere_and_matches_something() {
    let of = |patterns: &str| text(&format!("national_id_patterns = [{patterns}]"));
    let (tenant, _) = tenant("national_id_patterns = ['[0-9]{3}-[0-9]{2}', '(?i)^[A-Z][0-9]{8}$']");
    assert_eq!(tenant.national_ids.len(), 2);
    assert!(tenant.national_ids[1].is_match("a12345678"), "whatever the case");
    let nothing = "matches nothing at all";
    for pattern in ["", "[0-9]*", "(a|)", "^$", "\\b"] {
        let start = "tenant[0].national_id_patterns[1] = ";
        mistake(&of(&format!("'a', '{pattern}'")), start, nothing);
    }
    let start = "tenant[0].national_id_patterns[0] = \"(a\"";
    mistake(&of("'(a'"), start, "unclosed group");
    mistake(&of("'(a)\\1'"), "tenant[0].national_id_patterns[0] = ", "backreferences");
    let long = format!("'{}'", "a".repeat(1_025));
    mistake(&of(&long), "tenant[0].national_id_patterns[0]: ", "longer than 1024 bytes");
    let many = vec!["'a'"; 33].join(", ");
    mistake(&of(&many), "tenant[0].national_id_patterns: ", "more than 32");
}
