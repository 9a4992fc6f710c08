//! `[[tenant]]`, checked: what differs from the rest for one tenant's events.

use std::collections::BTreeSet;

use super::read::Section;
use super::{Tenant, server, source};
use crate::bounds;

/// Keys of later versions.
const LATER: [(&str, &str); 7] = [
    ("class", "tenants have no classes"),
    ("recording", "recordings are not judged"),
    ("hipaa_tier", "tenants have no tiers"),
    ("launched", "tenants have no launch"),
    ("pseudonym_key", "a tenant's key is derived from keys.pseudonym"),
    ("policy", "tenants have no policies of their own"),
    ("national_id_patterns", "national ids are not looked for"),
];

/// All of `[[tenant]]`, no two of one name. A tenant that no source names is allowed: its sources
/// may be gone, or not be there yet.
pub(super) fn tenants(root: &mut Section<'_>) -> Vec<Tenant> {
    let report = root.report();
    let sections = root.tables("tenant");
    if sections.len() > bounds::SOURCES_MAX {
        report.mistake("tenant", format!("must not be more than {}", bounds::SOURCES_MAX));
    }
    let mut taken = BTreeSet::new();
    let each = sections.into_iter().take(bounds::SOURCES_MAX);
    let tenants = each.filter_map(|mut section| {
        section.required("name", "the tenant's name, as sources write it");
        let name = source::tenant_name(&mut section, "name");
        let retention = server::age(&mut section);
        for (key, what) in LATER {
            section.later(key, what);
        }
        let name = name.filter(|name| {
            let is_new = taken.insert(name.clone());
            if !is_new {
                let rule = "stands there twice; make one section of them";
                report.wrong(&section.key("name"), name.as_str(), rule);
            }
            is_new
        });
        section.finish();
        name.map(|name| Tenant { name, retention })
    });
    tenants.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::config::tests::*;

    #[test]
    fn a_tenants_retention_is_that_of_its_sources() {
        let tenant = |keys: &str| format!("{}\n[[tenant]]\n{keys}\n", source(""));
        let config = good(&tenant("name = \"other\"\nretention = \"1h\""));
        assert_eq!(config.kept_apart().count(), 0);
        let name = config.sources[0].boundary.tenant.clone();
        let config = good(&tenant(&format!("name = \"{name}\"\nretention = \"90d\"")));
        let kept: Vec<_> = config.kept_apart().map(|(_, age)| age).collect();
        assert_eq!(kept, [Duration::from_secs(90 * 86_400)]);
        assert_eq!(good(&tenant(&format!("name = \"{name}\""))).kept_apart().count(), 0);
        mistake(&tenant("retention = \"1h\""), "tenant[0].name", "is missing");
        mistake(&tenant("name = \"a b\""), "tenant[0].name = \"a b\"", "1 to 64");
        mistake(&tenant("name = \"a\"\nretention = \"1m\""), "tenant[0].retention", "from 1h");
        mistake(&tenant("name = \"a\"\n[[tenant]]\nname = \"a\""), "tenant[1].name", "twice");
        mistake(&tenant("name = \"a\"\nclass = \"patients\""), "tenant[0].class", "not yet");
        mistake(&tenant("name = \"a\"\nclas = \"patients\""), "tenant[0].clas", "is unknown");
    }
}
