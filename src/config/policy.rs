//! `policy = "file"`: rules of a tenant or source, laid over those below.
//!
//! A flaw is told with the file's name and the place in it, as the configuration's own mistakes
//! are. Why a risk is accepted goes to the log and the audit log for good, so it must be a text
//! that may stand there.

use std::sync::{Arc, LazyLock};

use super::given::Givers;
use super::read::Section;
use crate::bounds::MISTAKES_MAX;
use crate::desk::Reason;
use crate::scrub::policy::Policy;

/// Characters of a policy's hash that tell policies apart for people.
const SHORT_CHARS: usize = 12;

/// The policy that holds by a section's `policy`: the one below where there is none, or a mistake.
pub(super) fn laid(
    section: &mut Section<'_>,
    givers: &Givers<'_>,
    below: &Arc<Policy>,
) -> Arc<Policy> {
    let Some(name) = section.text("policy") else {
        return below.clone();
    };
    let (path, report) = (section.key("policy"), section.report());
    let text = match givers.policy_file(name) {
        Ok(text) => text,
        Err(rule) => {
            report.mistake(&path, rule);
            return below.clone();
        }
    };
    let policy = match below.with(&text) {
        Ok(policy) => policy,
        Err(flaws) => {
            for flaw in flaws.iter().take(MISTAKES_MAX) {
                report.mistake(&path, format!("{name}: {flaw}"));
            }
            if flaws.len() > MISTAKES_MAX {
                let more = flaws.len() - MISTAKES_MAX;
                report.mistake(&path, format!("{name}: has {more} more flaws"));
            }
            return below.clone();
        }
    };
    for risk in policy.accepted().iter().filter(|risk| !below.accepted().contains(risk)) {
        if let Err(rule) = Reason::try_from(risk.why.clone()) {
            report.mistake(&path, format!("{name}: accept_risk of {}: {rule}", risk.field));
        }
    }
    for caution in policy.cautions().iter().filter(|caution| !below.cautions().contains(caution)) {
        report.warning(&path, format!("{name}: {caution}"));
    }
    Arc::new(policy)
}

/// The beginning of a policy's hash: enough to see whether two are one.
pub fn short_hash(policy: &Policy) -> String {
    // Of the one that most sources have it is made once: a hash goes over every field and kind.
    static STANDARD: LazyLock<String> = LazyLock::new(|| short(&Policy::standard()));
    match std::ptr::eq(policy, &*Policy::standard()) {
        true => STANDARD.clone(),
        false => short(policy),
    }
}

fn short(policy: &Policy) -> String {
    policy.hash().chars().take(SHORT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::POLICY_FILE_BYTES_MAX;
    use crate::config::tests::*;
    use crate::config::{Config, Mistakes};
    use crate::event::Kind;
    use crate::scrub::policy::{Action, REFUSED, RISK_REQUIRED};

    /// A source `a` and its tenant, each with a policy of these rules.
    fn with(tenant: &str, source_rules: &str) -> Result<Config, Mistakes> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tenant.toml"), tenant).unwrap();
        std::fs::write(folder.path().join("source.toml"), source_rules).unwrap();
        let text = source("policy = \"source.toml\"");
        let text = format!("{text}[[tenant]]\nname = \"t\"\npolicy = \"tenant.toml\"\n");
        below(folder.path(), true, &text, &env().into())
    }

    fn lines(parsed: Result<Config, Mistakes>) -> Vec<String> {
        let mistakes = parsed.map(|_| "it was taken").unwrap_err();
        mistakes.each().iter().map(ToString::to_string).collect()
    }

    fn rule(action: &str, more: &str) -> String {
        format!(
            "[[rule]]\nfields = [\"participant.region\"]\nkinds = [\"participant.left\"]\n\
             action = \"{action}\"\nreason = \"a test\"\n{more}\n"
        )
    }

    #[test]
    fn a_sources_rules_lie_over_its_tenants_and_those_over_the_standard_ones() {
        let region = |config: &Config| {
            let policy = &config.sources[0].boundary.policy;
            policy.action_of(Kind::ParticipantLeft, "participant.region").unwrap()
        };
        assert_eq!(region(&with("", "").unwrap()), Action::Pass);
        assert_eq!(region(&with(&rule("drop", ""), "").unwrap()), Action::Drop);
        assert_eq!(region(&with("", &rule("drop", "")).unwrap()), Action::Drop);
        let back = rule("pass", "accept_risk = \"ticket 7\"");
        let config = with(&rule("drop", ""), &back).unwrap();
        assert_eq!(region(&config), Action::Pass);
        assert_eq!(config.sources[0].boundary.policy.accepted().len(), 1);
        assert_eq!(config.tenants[0].policy.accepted(), []);
        assert_ne!(short_hash(&config.tenants[0].policy), short_hash(&Policy::standard()));
    }

    #[test]
    fn a_flaw_is_a_mistake_with_its_file_place_and_code() {
        let risky = rule("pass", "").replace("participant.left", "recording.ready");
        let told = lines(with(&format!("{}{risky}", rule("drop", "")), ""));
        let start =
            format!("tenant[0].policy: tenant.toml: rule[1].fields[0]: {RISK_REQUIRED}: lets ");
        assert!(told.len() == 1 && told[0].starts_with(&start), "{told:#?}");
        let person = rule("pass", "").replace("participant.region", "participant.ref");
        let told = lines(with("", &person));
        let start = format!("source[0].policy: source.toml: rule[0].fields[0]: {REFUSED}: ");
        assert!(told.len() == 1 && told[0].starts_with(&start), "{told:#?}");
        let told = lines(with("[[rule]]\nfield = 1", ""));
        assert!(told[0].starts_with("tenant[0].policy: tenant.toml: line "), "{told:#?}");
        // Of both files at once, and of one as far as anybody reads them.
        assert_eq!(lines(with("x", "y")).len(), 2);
        let without = rule("drop", "").replace("a test", "");
        let told = lines(with("", &without.repeat(MISTAKES_MAX + 7)));
        assert_eq!(told.len(), MISTAKES_MAX + 1);
        assert!(told[MISTAKES_MAX].ends_with("has 7 more flaws"), "{told:#?}");
    }

    #[test]
    fn a_file_that_is_not_there_or_too_long_is_a_mistake() {
        let gone = "source[0].policy: the file /nowhere/gone.toml cannot be read: no such file";
        mistake(&source("policy = \"gone.toml\""), gone, "");
        mistake(&source("policy = 7"), "source[0].policy = 7", "must be text");
        let long = " ".repeat(POLICY_FILE_BYTES_MAX + 1);
        let told = lines(with("", &long));
        assert!(told[0].contains("source.toml is longer than 262144 bytes"), "{told:#?}");
        assert!(with("", &long[1..]).is_ok());
    }

    #[test]
    fn why_a_risk_is_accepted_names_nobody() {
        for why in ["asked by zoe@example.invalid", "call +1 555 010 0199", "two\\nlines"] {
            let risky = rule("pass", &format!("accept_risk = \"{why}\""));
            let told = lines(with(&rule("drop", ""), &risky));
            let start = "source[0].policy: source.toml: accept_risk of participant.region: must ";
            assert!(told.len() == 1 && told[0].starts_with(start), "{told:#?}");
            assert!(!told[0].contains("zoe") && !told[0].contains("555"), "{told:#?}");
        }
    }
}
