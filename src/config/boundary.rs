//! What may leave from a source, checked: labels, patterns, policy, and what stops.
//!
//! What a source does not say goes by its tenant. It may be stricter than that as it likes; where
//! it is looser there is a warning, or a rule that says which risk is accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Look;

use super::given::Givers;
use super::read::{Report, Section, article};
use super::{Class, Tenant, policy};
use crate::bounds;
use crate::event::{ProviderName, SourceName, TenantName};
use crate::scrub::detect::Detectors;
use crate::scrub::policy::Policy;
use crate::scrub::{OnViolation, Settings};

/// What a source's section says of its boundary.
pub(super) struct Said {
    role_labels: Vec<String>,
    role_map: BTreeMap<String, String>,
    room_name: Option<Regex>,
    artifact_key: Option<Regex>,
    on_violation: OnViolation,
    policy: Arc<Policy>,
}

/// Reads it. `tenant`: whose source it is, where that one has a section.
pub(super) fn said(
    section: &mut Section<'_>,
    tenant: Option<&Tenant>,
    givers: &Givers<'_>,
) -> Said {
    let on_violation = on_violation(section, tenant);
    let role_labels = role_labels(section);
    let role_map = role_map(section, &role_labels);
    let room_name = pattern(section, "room_name", true);
    let artifact_key = pattern(section, "artifact_key", false);
    let below = tenant.map_or_else(Policy::standard, |tenant| tenant.policy.clone());
    let policy = policy::laid(section, givers, &below);
    Said { role_labels, role_map, room_name, artifact_key, on_violation, policy }
}

impl Said {
    /// The boundary of a source of this name, with all that its tenant says.
    pub(super) fn settings(
        self,
        source: SourceName,
        name: TenantName,
        provider: ProviderName,
        tenant: Option<&Tenant>,
    ) -> Settings {
        let Self { role_labels, role_map, room_name, artifact_key, on_violation, policy } = self;
        Settings {
            source,
            tenant: name,
            provider,
            role_labels,
            role_map,
            room_name,
            artifact_key,
            on_violation,
            recording: tenant.map(|tenant| tenant.recording).unwrap_or_default(),
            national_ids: tenant.map(|tenant| tenant.national_ids.clone()).unwrap_or_default(),
            policy,
            pseudonym_key: tenant.and_then(|tenant| tenant.pseudonym_key.clone()),
        }
    }
}

fn on_violation(section: &mut Section<'_>, tenant: Option<&Tenant>) -> OnViolation {
    let both = [OnViolation::Mask, OnViolation::Quarantine];
    let written = section.choice("on_violation", &both.map(OnViolation::as_str));
    let written = both.into_iter().find(|one| Some(one.as_str()) == written);
    let class = tenant.map_or(Class::Standard, |tenant| tenant.class);
    let default = class.on_violation();
    if (written, default) == (Some(OnViolation::Mask), OnViolation::Quarantine) {
        let text = format!(
            "is weaker than what the class {:?} of its tenant asks for: what looks personal is \
             masked and the event leaves before anybody has looked at it; take it out, or write \
             \"quarantine\"",
            class.as_str()
        );
        section.report().warning(&section.key("on_violation"), text);
    }
    written.unwrap_or(default)
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
        if !is_label(label) {
            report.wrong(&path, label, label_rule());
        } else if labels.iter().any(|known| known == label) {
            report.wrong(&path, label, "stands there twice; take one out");
        } else if is_plain(label, &path, report) {
            labels.push(label.to_owned());
        }
    }
    labels
}

/// From texts to labels. A label need not be one of `role_labels`; a text that is one of them
/// already stands for itself.
fn role_map(section: &mut Section<'_>, labels: &[String]) -> BTreeMap<String, String> {
    let report = section.report();
    let map = section.table("role_map");
    let (path, entries) = (map.path(), map.entries());
    let most = bounds::ROLE_LABELS_MAX;
    if entries.len() > most {
        report.mistake(path, format!("must not have more than {most} texts"));
    }
    let mut roles = BTreeMap::new();
    for (text, label) in entries.into_iter().take(most) {
        if !is_label(text) {
            report.wrong(path, text, format!("is no text for a role: it {}", label_rule()));
            continue;
        }
        let at = map.key(text);
        let Some(label) = label.as_str() else {
            let rule = format!("must be a label in quotes, not {}", article(label));
            report.mistake(&at, rule);
            continue;
        };
        if !is_label(label) {
            report.wrong(&at, label, label_rule());
        } else if label != text && labels.contains(text) {
            let rule = "is another label than the text, which stands in role_labels and means \
                 itself; take it out of one of both";
            report.wrong(&at, label, rule);
        } else if is_plain(label, &at, report) {
            roles.insert(text.clone(), label.to_owned());
        }
    }
    roles
}

fn is_label(text: &str) -> bool {
    let fits = (1..=bounds::ROLE_LABEL_BYTES_MAX).contains(&text.len());
    fits && !text.chars().any(char::is_control) && text.trim() == text
}

/// A label leaves with the events of whoever has it, so it is looked at like all that leaves.
fn is_plain(label: &str, path: &str, report: &Report) -> bool {
    let plain = !Detectors::new(Vec::new()).finds(label);
    if !plain {
        let text = "looks like an address, a number or a secret of somebody's, and a label leaves \
             with events; name the role";
        report.mistake(path, text);
    }
    plain
}

fn label_rule() -> String {
    let most = bounds::ROLE_LABEL_BYTES_MAX;
    format!("must be 1 to {most} bytes, no space at its ends, no line breaks")
}

/// A pattern of what may leave. `whole`: it should say how the text ends, too.
fn pattern(section: &mut Section<'_>, key: &'static str, whole: bool) -> Option<Regex> {
    let text = section.text(key)?;
    let path = section.key(key);
    let regex = compiled(text, &path, section.report())?;
    anchored(text, &path, whole, section.report());
    Some(regex)
}

/// A pattern that is looked for in time that is linear in the text. `None` beside a mistake.
pub(super) fn compiled(text: &str, path: &str, report: &Report) -> Option<Regex> {
    let most = bounds::PATTERN_BYTES_MAX;
    if text.len() > most {
        report.mistake(path, format!("must not be longer than {most} bytes"));
        return None;
    }
    let built = RegexBuilder::new(text).size_limit(bounds::PATTERN_COMPILED_BYTES_MAX).build();
    match built {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The library's text has many lines; its last one says what is wrong.
            let text_of = error.to_string();
            let last = text_of.lines().last().unwrap_or_default();
            let last = last.trim_start_matches("error: ");
            let rule = format!("must be a regular expression: {last}");
            report.wrong(path, text, rule);
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
    use super::*;
    use crate::config::tests::*;

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
    fn a_text_stands_for_a_label_and_a_label_for_itself() {
        let of = |lines: &str| good(&source(lines)).sources.remove(0).boundary;
        let mapped = of("role_labels = [\"Doctor\"]\n\
             role_map = { host = \"Doctor\", \"Frau Doktor\" = \"Doctor\", guest = \"Visitor\" }");
        let roles: Vec<_> = mapped.role_map.iter().map(|(t, l)| (t.as_str(), l.as_str())).collect();
        assert_eq!(roles, [("Frau Doktor", "Doctor"), ("guest", "Visitor"), ("host", "Doctor")]);
        assert_eq!(of("").role_map.len(), 0);
        // It says the same twice, and nothing against it.
        assert_eq!(of("role_labels = [\"A\"]\nrole_map = { A = \"A\" }").role_map.len(), 1);
        let other = "role_labels = [\"Doctor\"]\nrole_map = { Doctor = \"Patient\" }";
        let start = "source[0].role_map.Doctor = \"Patient\": is another label than the text";
        mistake(&source(other), start, "take it out of one of both");
        let start = "source[0].role_map = ";
        for text in ["\"\"", "\" a\"", "\"a\\nb\"", &format!("{:?}", "a".repeat(65))] {
            let map = format!("role_map = {{ {text} = \"A\" }}");
            mistake(&source(&map), start, "is no text for a role: it must be 1 to 64 bytes");
        }
        mistake(&source("role_map = { a = \" \" }"), "source[0].role_map.a = \" \"", "1 to 64");
        let personal = "role_map = { a = \"zoe@example.invalid\" }";
        mistake(&source(personal), "source[0].role_map.a: ", "looks like an address");
        mistake(&source("role_labels = [\"+1 555 0100 000\"]"), "source[0].role_labels", "number");
        mistake(&source("role_map = { a = 7 }"), "source[0].role_map.a: ", "label in quotes");
        mistake(&source("role_map = [\"a\"]"), "source[0].role_map: ", "must be a table");
        let texts: Vec<_> = (0..65).map(|number| format!("a{number} = \"A\"")).collect();
        let many = format!("role_map = {{ {} }}", texts.join(", "));
        mistake(&source(&many), "source[0].role_map: ", "more than 64 texts");
    }

    #[test]
    fn what_looks_personal_stops_where_the_class_of_the_tenant_asks_for_it() {
        let of = |class: &str, line: &str| {
            let tenant = format!("[[tenant]]\nname = \"t\"\nclass = \"{class}\"\n");
            let config = good(&source(&format!("{line}\n{tenant}hipaa_tier = true")));
            (config.sources[0].boundary.on_violation, config.warnings)
        };
        assert_eq!(good(&source("")).sources[0].boundary.on_violation, OnViolation::Mask);
        for (class, default) in [
            ("standard", OnViolation::Mask),
            ("pupils", OnViolation::Quarantine),
            ("patients", OnViolation::Quarantine),
        ] {
            assert_eq!(of(class, ""), (default, vec![]), "{class}");
            let stops = of(class, "on_violation = \"quarantine\"");
            assert_eq!(stops, (OnViolation::Quarantine, vec![]), "{class}");
            let (masks, warnings) = of(class, "on_violation = \"mask\"");
            assert_eq!(masks, OnViolation::Mask);
            assert_eq!(warnings.len(), usize::from(class != "standard"), "{warnings:?}");
            for warning in warnings {
                assert_eq!(warning.key, "source[0].on_violation");
                assert!(warning.text.contains(&format!("the class \"{class}\"")), "{warning}");
            }
        }
        let wrong = "source[0].on_violation = \"drop\": must be one of \"mask\" or \"quarantine\"";
        mistake(&source("on_violation = \"drop\""), wrong, "");
    }
}
