//! `[[source]]`, checked: names, routes, secrets and what may leave.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Look;
use toml::Value;

use super::face::{self, Entry};
use super::given::Givers;
use super::read::{Report, Section, listed};
use super::{Source, rate};
use crate::bounds;
use crate::clock::Timestamp;
use crate::event::{Mode, SourceName, TenantName};
use crate::providers::{Provider, Providers};
use crate::scrub;
use crate::verify::{ApiKey, Credentials, MaxAge, Scheme};

const NAME: &str = "must be 1 to 64 lower-case letters, digits or hyphens, no hyphen at its ends";
const TENANT: &str = "must be 1 to 64 letters, digits, dots, hyphens or underscores";
const ALIAS: &str = "must be a path such as \"/v1/daily_webhook\": up to 256 letters, digits and \
     - . _ ~ /, no slash at its end, no empty step, no \"..\"";

/// What sources are checked with.
pub(super) struct Desk<'a> {
    pub(super) givers: Givers<'a>,
    pub(super) providers: &'a Providers,
    pub(super) now: Timestamp,
}

/// All of `[[source]]`: at least one, no two with one name or one route.
pub(super) fn sources(root: &mut Section<'_>, desk: &Desk<'_>) -> Vec<Source> {
    let report = root.report();
    let sections = root.tables("source");
    if sections.is_empty() && !report.has_mistake_at("source") {
        let text = "is missing: a gateway without a source has nothing to take; write [[source]] \
             with name, provider and tenant";
        report.mistake("source", text);
    }
    if sections.len() > bounds::SOURCES_MAX {
        let text = format!("must not be more than {}", bounds::SOURCES_MAX);
        report.mistake("source", text);
    }
    let mut taken = BTreeMap::new();
    // What is beyond is refused as a whole: its mistakes would only take time.
    let each = sections.into_iter().take(bounds::SOURCES_MAX);
    each.filter_map(|section| source(section, desk, &mut taken)).collect()
}

fn source(
    mut section: Section<'_>,
    desk: &Desk<'_>,
    taken: &mut BTreeMap<String, String>,
) -> Option<Source> {
    let name = name(&mut section);
    let routes = routes(&mut section, name, taken);
    let provider = provider(&mut section, desk.providers);
    let tenant = tenant(&mut section);
    let signed = scheme(&mut section, provider, desk);
    let mode = mode(&mut section);
    let rate = rate::rate(&mut section);
    later(&mut section);
    let role_labels = role_labels(&mut section);
    let room_name = pattern(&mut section, "room_name", true);
    let artifact_key = pattern(&mut section, "artifact_key", false);
    let capture = section.flag("capture").unwrap_or(false);
    section.finish();
    let provider = *provider?;
    let (scheme, signing) = signed?;
    Some(Source {
        routes,
        provider,
        scheme,
        signing,
        boundary: scrub::Settings {
            role_labels,
            room_name,
            artifact_key,
            ..scrub::Settings::new(SourceName::new(name?), tenant?, provider.name)
        },
        rate: rate?,
        capture,
        mode,
    })
}

fn name<'a>(section: &mut Section<'a>) -> Option<&'a str> {
    section.required("name", "a short name; it becomes the path /v1/webhooks/NAME");
    let rule = format!("{NAME}, and not \"unknown\" (that is what unknown paths are counted as)");
    section.parsed("name", &rule, |text| {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=64).contains(&text.len()) && text.chars().all(fine);
        let ends = text.starts_with('-') || text.ends_with('-');
        (fits && !ends && text != "unknown").then_some(text)
    })
}

fn routes(
    section: &mut Section<'_>,
    name: Option<&str>,
    taken: &mut BTreeMap<String, String>,
) -> Vec<String> {
    let report = section.report();
    let mut routes = Vec::new();
    let mut claim = |route: String, path: &str, shown: &str| match taken.get(&route) {
        Some(other) => {
            let rule = format!("leads to {route}, which {other} has taken already");
            report.wrong(path, shown, rule);
        }
        None => {
            taken.insert(route.clone(), path.to_owned());
            routes.push(route);
        }
    };
    if let Some(name) = name {
        claim(format!("/v1/webhooks/{name}"), &section.key("name"), name);
    }
    let aliases = section.texts("aliases");
    if aliases.len() > bounds::ALIASES_PER_SOURCE_MAX {
        let text = format!("must not be more than {}", bounds::ALIASES_PER_SOURCE_MAX);
        report.mistake(&section.key("aliases"), text);
    }
    for (path, alias) in aliases {
        if is_route(alias) {
            claim(alias.to_owned(), &path, alias);
        } else {
            report.wrong(&path, alias, ALIAS);
        }
    }
    routes
}

fn is_route(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    let step =
        |step: &str| !step.is_empty() && step != "." && step != ".." && step.chars().all(fine);
    text.len() <= 256 && text.strip_prefix('/').is_some_and(|steps| steps.split('/').all(step))
}

fn provider<'p>(section: &mut Section<'_>, providers: &'p Providers) -> Option<&'p Provider> {
    let names = listed(&providers.names());
    section.required("provider", &names);
    let rule = format!("must be {names}");
    section.parsed("provider", &rule, |text| providers.get(text))
}

fn tenant(section: &mut Section<'_>) -> Option<TenantName> {
    section.required("tenant", "whose events these are, such as \"tenant-school\"");
    tenant_name(section, "tenant")
}

/// A tenant's name under a key.
pub(super) fn tenant_name(section: &mut Section<'_>, key: &'static str) -> Option<TenantName> {
    section.parsed(key, TENANT, |text| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let fits = (1..=64).contains(&text.len()) && text.chars().all(fine);
        fits.then(|| TenantName::new(text))
    })
}

fn scheme(
    section: &mut Section<'_>,
    provider: Option<&Provider>,
    desk: &Desk<'_>,
) -> Option<(Box<dyn Scheme>, Vec<Entry>)> {
    let (credentials, unread) = credentials(section, &desk.givers);
    let signing = face::signing(&credentials);
    let ready = (provider?.build)(credentials, desk.now);
    let report = section.report();
    match ready {
        Ok(ready) => {
            for warning in ready.warnings {
                report.warning(&section.below(&warning.key), warning.rule);
            }
            Some((ready.scheme, signing))
        }
        Err(mistakes) => {
            // That something lacks is no news where it could not be read.
            for mistake in mistakes.iter().filter(|m| !unread.contains(&m.key.as_str())) {
                report.mistake(&section.below(&mistake.key), &*mistake.rule);
            }
            None
        }
    }
}

/// What could be read, so that the scheme judges the rest even beside a mistake; and the lists that
/// are empty only because nothing in them could be.
fn credentials(section: &mut Section<'_>, givers: &Givers<'_>) -> (Credentials, Vec<&'static str>) {
    let report = section.report();
    let most = bounds::SECRETS_PER_SOURCE_MAX;
    let mut credentials = Credentials {
        scheme: section.text("scheme").map(str::to_owned),
        awaiting_secret: section.flag("awaiting_secret").unwrap_or(false),
        max_age: max_age(section),
        ..Credentials::default()
    };
    // The flag excuses a source without secrets; so does one that cannot be read.
    let excused = report.has_mistake_at(&section.key("awaiting_secret"));
    let before = report.count();
    let secrets = section.items("secrets");
    for (path, value) in secrets.iter().take(most) {
        let secret = givers.secret(path, value, section, true);
        credentials.secrets.extend(secret);
    }
    let lost_secrets = excused || report.count() > before;
    let before = report.count();
    let keys = section.tables("keys");
    let too_many = secrets.len() > most || keys.len() > most;
    for pair in keys.into_iter().take(most) {
        credentials.keys.extend(key_pair(pair, givers));
    }
    let lost_keys = report.count() > before;
    if too_many {
        let rule = format!("has more than {most} secrets or keys");
        report.mistake(section.path(), rule);
    }
    let unread = [
        ("secrets", lost_secrets && credentials.secrets.is_empty()),
        ("keys", lost_keys && credentials.keys.is_empty()),
    ];
    (credentials, unread.into_iter().filter_map(|(key, lost)| lost.then_some(key)).collect())
}

fn key_pair(mut pair: Section<'_>, givers: &Givers<'_>) -> Option<ApiKey> {
    const RULE: &str = "must be 1 to 128 printable characters without spaces";
    pair.required("api_key", "the api key as the provider shows it");
    let api_key = pair.parsed("api_key", RULE, |text| {
        let fits = (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        fits.then(|| text.to_owned())
    });
    pair.required("secret", "{ env = \"VARIABLE\" } or { file = \"path\" }");
    let path = pair.key("secret");
    let secret = pair.value("secret");
    let secret = secret.and_then(|value: &Value| givers.secret(&path, value, &pair, true));
    pair.finish();
    let (api_key, mut signing) = (api_key?, secret?);
    signing.label.clone_from(&api_key);
    Some(ApiKey { api_key, signing })
}

fn max_age(section: &mut Section<'_>) -> MaxAge {
    let rule = format!("{}, or \"off\"", super::unit::DURATION);
    let age = section.parsed("signature_max_age", &rule, |text| match text {
        "off" => Some(MaxAge::Off),
        _ => super::unit::duration(text).filter(|age| !age.is_zero()).map(MaxAge::Within),
    });
    // One that cannot be read is one all the same, where none may stand.
    let written = section.value("signature_max_age").is_some();
    age.unwrap_or(if written { MaxAge::Off } else { MaxAge::Default })
}

fn mode(section: &mut Section<'_>) -> Mode {
    let written = section.choice("mode", &Mode::ALL.map(Mode::as_str));
    written.and_then(Mode::parse).unwrap_or_default()
}

fn later(section: &mut Section<'_>) {
    if section.choice("on_violation", &["mask", "quarantine"]) == Some("quarantine") {
        section.not_yet("on_violation", "only \"mask\" is built");
    }
    section.later("role_map", "roles are taken from role_labels only");
}

fn role_labels(section: &mut Section<'_>) -> Vec<String> {
    let report = section.report();
    let most = bounds::ROLE_LABELS_MAX;
    let written = section.texts("role_labels");
    if written.len() > most {
        let text = format!("must not be more than {most}");
        report.mistake(&section.key("role_labels"), text);
    }
    let mut labels: Vec<String> = Vec::new();
    for (path, label) in written.into_iter().take(most) {
        let bound = bounds::ROLE_LABEL_BYTES_MAX;
        let fits = (1..=bound).contains(&label.len()) && !label.chars().any(char::is_control);
        if !fits || label.trim() != label {
            let rule = format!("must be 1 to {bound} bytes, no space at its ends, no line breaks");
            report.wrong(&path, label, rule);
        } else if labels.iter().any(|known| known == label) {
            report.wrong(&path, label, "stands there twice; take one out");
        } else {
            labels.push(label.to_owned());
        }
    }
    labels
}

/// A pattern of what may leave. `whole`: it should say how the text ends, too.
fn pattern(section: &mut Section<'_>, key: &'static str, whole: bool) -> Option<Regex> {
    let text = section.text(key)?;
    let path = section.key(key);
    let report = section.report();
    let most = bounds::PATTERN_BYTES_MAX;
    if text.len() > most {
        report.mistake(&path, format!("must not be longer than {most} bytes"));
        return None;
    }
    let built = RegexBuilder::new(text).size_limit(bounds::PATTERN_COMPILED_BYTES_MAX).build();
    match built {
        Ok(regex) => {
            anchored(text, &path, whole, report);
            Some(regex)
        }
        Err(error) => {
            // The library's text has many lines; its last one says what is wrong.
            let text_of = error.to_string();
            let last = text_of.lines().last().unwrap_or_default();
            let last = last.trim_start_matches("error: ");
            let rule = format!("must be a regular expression: {last}");
            report.wrong(&path, text, rule);
            None
        }
    }
}

fn anchored(text: &str, path: &str, whole: bool, report: &Report) {
    let Ok(parsed) = regex_syntax::parse(text) else {
        return;
    };
    let properties = parsed.properties();
    if !properties.look_set_prefix().contains(Look::Start) {
        let text = "matches anywhere in a text, so that what stands before the match leaves too; \
             begin it with ^ (before each choice of a |)";
        report.warning(path, text);
    }
    if whole && !properties.look_set_suffix().contains(Look::End) {
        let text = "does not say how a text ends, so that what stands behind the match leaves too; \
             end it with $ (after each choice of a |)";
        report.warning(path, text);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::*;

    #[test]
    fn no_two_sources_share_a_route() {
        let second = "aliases = [\"/v1/webhooks/b\", \"/old\", \"/old\"]\n\
             [[source]]\nname = \"b\"\nprovider = \"daily\"\ntenant = \"t\"\n\
             [[source]]\nname = \"a\"\nprovider = \"daily\"\ntenant = \"t\"\n";
        let lines = mistakes(&source(second));
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines[0].starts_with("source[0].aliases[2] = \"/old\": leads to /old, which"));
        assert!(lines[1].contains("which source[0].aliases[0] has taken already"), "{lines:#?}");
        assert!(lines[2].contains("which source[0].name has taken already"), "{lines:#?}");
    }

    #[test]
    fn an_alias_is_a_plain_path_without_a_slash_at_its_end() {
        for wrong in ["old", "/", "/a/", "/a//b", "/a/../b", "/a?b", "/a b", "/ä", "/a%20"] {
            let start = "source[0].aliases[0] = ";
            mistake(&source(&format!("aliases = [\"{wrong}\"]")), start, "must be a path");
        }
        let config = good(&source("aliases = [\"/v1/daily_webhook\"]"));
        assert_eq!(config.sources[0].routes, ["/v1/webhooks/a", "/v1/daily_webhook"]);
    }

    #[test]
    fn a_source_is_not_called_as_unknown_paths_are_counted() {
        for wrong in ["unknown", "", "-a", "a-", "A", "a_b", &"a".repeat(65)] {
            let text = format!("{KAFKA}{KEYS}{}", SOURCE.replace("\"a\"", &format!("{wrong:?}")));
            mistake(&text, "source[0].name = ", "lower-case letters");
        }
    }

    #[test]
    fn an_open_pattern_is_a_warning_and_a_broken_one_a_mistake() {
        let warned = |extra: &str| good(&source(extra)).warnings.len();
        assert_eq!(warned("room_name = '^consult-[0-9a-f]{8}$'"), 0);
        assert_eq!(warned("room_name = '^(demo-room|consult-[0-9a-f]{8})$'"), 0);
        assert_eq!(warned("room_name = 'consult'"), 2);
        // The trap: each end belongs to one choice only.
        assert_eq!(warned("room_name = '^demo-room|consult-[0-9a-f]{8}$'"), 2);
        assert_eq!(warned("artifact_key = '^recordings/[0-9a-f-]{36}/'"), 0);
        assert_eq!(warned("artifact_key = 'recordings/'"), 1);
        mistake(&source("room_name = '^(a'"), "source[0].room_name = \"^(a\"", "unclosed group");
        let huge = "room_name = '^(((a{100}){100}){100}){100}$'";
        mistake(&source(huge), "source[0].room_name = ", "size limit");
        let long = format!("room_name = '^{}$'", "a".repeat(1_100));
        mistake(&source(&long), "source[0].room_name: ", "longer than 1024 bytes");
    }

    #[test]
    fn a_value_that_cannot_be_read_hides_no_mistake_of_the_scheme() {
        let age = "signature_max_age = \"banana\"\nscheme = \"wrong\"";
        let lines = mistakes(&source(age));
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[0].starts_with("source[0].signature_max_age = \"banana\": must be"));
        assert_eq!(lines[1], "source[0].scheme: is wrong");
    }

    #[test]
    fn a_scheme_s_own_mistakes_and_warnings_stand_below_their_source() {
        mistake(&source("scheme = \"wrong\""), "source[0].scheme: is wrong", "");
        let mut env = env();
        env.insert("S".to_owned(), "abc".to_owned());
        let config = with(true, &source(""), &env).unwrap();
        assert_eq!(config.warnings[0].to_string(), "source[0].secrets[0]: is short");
    }
}
