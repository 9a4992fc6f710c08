//! What keys promise, through the whole configuration.

use crate::config::tests::*;
use crate::config::{Config, Warning};

use super::*;

const UNTIL: &str = "until = \"2027-01-01T00:00:00Z\"";

/// A good text with these lines in `[keys]`.
fn keyed(lines: &str) -> String {
    format!("{KAFKA}{KEYS}{lines}\n{SOURCE}")
}

/// A good text with a tenant of these lines, whose the source is.
fn owned(keys: &str, lines: &str) -> String {
    format!("{}[[tenant]]\nname = \"t\"\n{lines}\n", keyed(keys))
}

fn key(byte: u8) -> Secret {
    Secret::new(vec![byte; 32])
}

fn told(config: &Config) -> Vec<&str> {
    config.warnings.iter().map(|Warning { key, .. }| key.as_str()).collect()
}

/// The tenant's own key as its source has it.
fn own(config: &Config) -> &PseudonymKey {
    config.sources[0].boundary.pseudonym_key.as_ref().unwrap()
}

#[test]
fn a_former_key_has_the_version_below_and_stands_until_its_moment() {
    let silent = good(&keyed("")).keys;
    assert_eq!(silent.pseudonym, PseudonymKey::first(key(2)));
    assert!(silent.former_identity.is_none());
    let both = format!(
        "version = 7\nprevious = {{ identity = {{ env = \"OLD_I\" }}, \
         pseudonym = {{ env = \"OLD_P\" }}, {UNTIL} }}"
    );
    let config = good(&keyed(&both));
    assert_eq!(config.keys.former_identity, Some(key(3)));
    let until = Timestamp::parse("2027-01-01T00:00:00Z").unwrap();
    let former = Some(FormerKey { key: key(4), version: 6, until });
    assert_eq!(config.keys.pseudonym, PseudonymKey { key: key(2), version: 7, former });
    assert!(told(&config).is_empty());
    let identity = good(&keyed("previous = { identity = { env = \"OLD_I\" } }"));
    assert_eq!(identity.keys.pseudonym.version, 1);
    assert!(identity.keys.former_identity.is_some() && told(&identity).is_empty());
    assert_eq!(good(&keyed("version = 99")).keys.pseudonym.version, 99);
    for wrong in ["0", "100", "-1"] {
        let start = format!("keys.version = {wrong}");
        mistake(&keyed(&format!("version = {wrong}")), &start, "from 1 to 99");
    }
}

#[test]
fn a_version_that_is_not_written_is_warned_about_where_it_has_to_stay() {
    let former = format!("previous = {{ pseudonym = {{ env = \"OLD_P\" }}, {UNTIL} }}");
    let config = good(&keyed(&former));
    assert_eq!(config.keys.pseudonym.version, 2);
    assert_eq!(told(&config), ["keys.version"]);
    assert!(config.warnings[0].text.contains("write version = 2"), "{:?}", config.warnings);
    assert!(told(&good(&keyed(&format!("version = 2\n{former}")))).is_empty());
    mistake(&keyed(&format!("version = 1\n{former}")), "keys.version: ", "must be 2 or more");
    let own = format!(
        "pseudonym_key = {{ env = \"TENANT\" }}\n\
         previous_pseudonym = {{ key = {{ env = \"OLD_TENANT\" }}, {UNTIL} }}"
    );
    let config = good(&owned("", &own));
    assert_eq!(told(&config), ["tenant[0].pseudonym_version"]);
    let wrong = owned("", &format!("pseudonym_version = 1\n{own}"));
    mistake(&wrong, "tenant[0].pseudonym_version: ", "must be 2 or more");
}

#[test]
fn what_was_replaced_is_named_and_has_its_end() {
    let former = |more: &str| {
        keyed(&format!("version = 2\nprevious = {{ pseudonym = {{ env = \"OLD_P\" }}{more} }}"))
    };
    mistake(&former(""), "keys.previous.until: ", "is missing");
    mistake(&former(", until = \"soon\""), "keys.previous.until: ", "RFC 3339");
    mistake(&former(", til = 1, until = 2027-01-01T00:00:00Z"), "keys.previous.til: ", "unknown");
    mistake(&keyed("previous = {}"), "keys.previous: ", "neither identity nor pseudonym");
    mistake(&keyed("previous = \"x\""), "keys.previous: ", "must be a table");
    let inline = keyed("previous = { identity = \"canary\" }");
    mistake(&inline, "keys.previous.identity: ", "must not stand here itself");
    for (until, says) in [
        ("2026-11-20T10:00:00Z", "has passed"),
        ("2027-12-26T10:00:00Z", "more than 400 days away"),
    ] {
        let config = good(&former(&format!(", until = \"{until}\"")));
        assert_eq!(told(&config), ["keys.previous.until"], "{until}");
        assert!(config.warnings[0].text.contains(says), "{:?}", config.warnings);
    }
    for fine in ["2026-11-20T10:00:00.001Z", "2027-12-25T10:00:00Z"] {
        assert!(told(&good(&former(&format!(", until = \"{fine}\"")))).is_empty(), "{fine}");
    }
    let needless = format!("previous = {{ identity = {{ env = \"OLD_I\" }}, {UNTIL} }}");
    assert_eq!(told(&good(&keyed(&needless))), ["keys.previous.until"]);
}

#[test]
fn no_two_keys_are_the_same() {
    let text = |old_p: &str, own: &str, old: &str| {
        let keys = format!(
            "version = 2\nprevious = {{ identity = {{ env = \"OLD_I\" }}, \
             pseudonym = {{ env = \"{old_p}\" }}, {UNTIL} }}"
        );
        let tenant = format!(
            "pseudonym_version = 2\npseudonym_key = {{ env = \"{own}\" }}\n\
             previous_pseudonym = {{ key = {{ env = \"{old}\" }}, {UNTIL} }}"
        );
        owned(&keys, &tenant)
    };
    good(&text("OLD_P", "TENANT", "OLD_TENANT"));
    let at = "keys.previous.pseudonym: must differ from keys.";
    mistake(&text("I", "TENANT", "OLD_TENANT"), &format!("{at}identity"), "replaceable alone");
    mistake(&text("P", "TENANT", "OLD_TENANT"), &format!("{at}pseudonym"), "");
    mistake(&text("OLD_I", "TENANT", "OLD_TENANT"), &format!("{at}previous.identity"), "");
    let at = "tenant[0].pseudonym_key: must differ from keys.";
    mistake(&text("OLD_P", "P", "OLD_TENANT"), &format!("{at}pseudonym"), "");
    mistake(&text("OLD_P", "OLD_P", "OLD_TENANT"), &format!("{at}previous.pseudonym"), "");
    let at = "tenant[0].previous_pseudonym.key: must differ from ";
    mistake(&text("OLD_P", "TENANT", "TENANT"), &format!("{at}tenant[0].pseudonym_key"), "");
    let two = "\n[[tenant]]\nname = \"u\"\npseudonym_key = { env = \"TENANT\" }";
    let at = "tenant[1].pseudonym_key: must differ from tenant[0].pseudonym_key";
    mistake(&(text("OLD_P", "TENANT", "OLD_TENANT") + two), at, "");
}

#[test]
fn a_tenants_own_key_has_versions_and_a_former_key_of_its_own() {
    let config = good(&owned("", "pseudonym_key = { env = \"TENANT\" }"));
    assert_eq!(own(&config), &PseudonymKey::first(key(5)));
    let lines = format!(
        "pseudonym_version = 4\npseudonym_key = {{ env = \"TENANT\" }}\n\
         previous_pseudonym = {{ key = {{ env = \"OLD_TENANT\" }}, {UNTIL} }}"
    );
    let config = good(&owned("", &lines));
    let former = own(&config).former.as_ref().unwrap();
    assert_eq!((own(&config).version, former.version, &former.key), (4, 3, &key(6)));
    assert!(!config.sources[0].former_from_root);
    let says = "only kind that can be destroyed";
    for more in ["".to_owned(), format!("previous_pseudonym = {{ from_root = true, {UNTIL} }}")] {
        let text = owned("", &format!("pseudonym_version = 2\n{more}"));
        mistake(&text, "tenant[0].pseudonym_key: is missing", says);
    }
    let former = |of: &str| {
        let own = "pseudonym_version = 2\npseudonym_key = { env = \"TENANT\" }";
        owned("", &format!("{own}\nprevious_pseudonym = {{ {of}{UNTIL} }}"))
    };
    let start = "tenant[0].previous_pseudonym: must have either key";
    for neither_or_both in
        ["", "from_root = false, ", "key = { env = \"OLD_TENANT\" }, from_root = true, "]
    {
        mistake(&former(neither_or_both), start, "or from_root = true");
    }
    let text = former("from_root = \"yes\", ");
    mistake(&text, "tenant[0].previous_pseudonym.from_root: ", "true or false");
    let text = former("from_root = true, ").replace(&format!(", {UNTIL}"), "");
    mistake(&text, "tenant[0].previous_pseudonym.until: ", "is missing");
}

#[test]
fn a_tenants_key_before_its_own_is_the_root_of_that_version() {
    let of = |keys: &str, version: u8| {
        let lines = format!(
            "pseudonym_version = {version}\npseudonym_key = {{ env = \"TENANT\" }}\n\
             previous_pseudonym = {{ from_root = true, {UNTIL} }}"
        );
        owned(keys, &lines)
    };
    let former = |config: &Config| {
        assert!(config.sources[0].former_from_root);
        let former = own(config).former.clone().unwrap();
        (former.key, former.version)
    };
    assert_eq!(former(&good(&of("", 2))), (key(2), 1));
    assert_eq!(former(&good(&of("version = 3", 4))), (key(2), 3));
    // The root was replaced since: the tenant was derived from the one before.
    let rotated =
        format!("version = 4\nprevious = {{ pseudonym = {{ env = \"OLD_P\" }}, {UNTIL} }}");
    assert_eq!(former(&good(&of(&rotated, 4))), (key(4), 3));
    assert_eq!(former(&good(&of(&rotated, 5))), (key(2), 4));
    let start = "tenant[0].previous_pseudonym.from_root: ";
    mistake(&of(&rotated, 3), start, "write pseudonym_version = 5");
    mistake(&of("", 3), start, "write pseudonym_version = 2");
}
