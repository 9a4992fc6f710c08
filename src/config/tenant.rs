//! `[[tenant]]`, checked: what differs from the rest for one tenant's events.
//!
//! A class sets strict defaults, and a tenant of patients must say that its provider's account may
//! carry them: before its launch that is warned about, after it nothing is served.

use std::collections::BTreeSet;
use std::time::Duration;

use regex::Regex;

use super::keys::{self, Ring};
use super::read::Section;
use super::source::Desk;
use super::{Source, Tenant, boundary, policy, server, source};
use crate::bounds;
use crate::event::SourceName;
use crate::scrub::policy::Policy;
use crate::scrub::{Keys, OnViolation, Recording};

/// The code of a tenant of patients whose provider account is not said to be fit for them.
pub const HIPAA_TIER_REQUIRED: &str = "VIDEO_HIPAA_TIER_REQUIRED_001";

/// Whom a tenant's events are about: what is asked for where nothing is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Anybody.
    #[default]
    Standard,
    /// Patients: what looks personal stops, recordings are forbidden, and the provider's account
    /// must be said to be fit for health data.
    Patients,
    /// Pupils: what looks personal stops.
    Pupils,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Patients, Self::Pupils, Self::Standard];

    /// As the configuration writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Patients => "patients",
            Self::Pupils => "pupils",
        }
    }

    /// What becomes of an event in which something looks personal, unless its source says more.
    pub const fn on_violation(self) -> OnViolation {
        match self {
            Self::Standard => OnViolation::Mask,
            Self::Patients | Self::Pupils => OnViolation::Quarantine,
        }
    }

    /// Whether rooms may be recorded, unless the tenant says so.
    pub const fn recording(self) -> Recording {
        match self {
            Self::Standard | Self::Pupils => Recording::Allowed,
            Self::Patients => Recording::Forbidden,
        }
    }
}

/// All of `[[tenant]]`, no two of one name. A tenant that no source names is allowed: its sources
/// may be gone, or not be there yet. `root`: `[keys]`, if they could be read.
pub(super) fn tenants(
    root: &mut Section<'_>,
    keys: Option<&Keys>,
    desk: &Desk<'_>,
    ring: &mut Ring,
) -> Vec<Tenant> {
    let report = root.report();
    let sections = root.tables("tenant");
    if sections.len() > bounds::SOURCES_MAX {
        report.mistake("tenant", format!("must not be more than {}", bounds::SOURCES_MAX));
    }
    let mut taken = BTreeSet::new();
    let each = sections.into_iter().take(bounds::SOURCES_MAX);
    let each = each.filter_map(|section| {
        let path = section.key("name");
        let tenant = tenant(section, keys, desk, ring)?;
        if !taken.insert(tenant.name.clone()) {
            let rule = "stands there twice; make one section of them";
            report.wrong(&path, tenant.name.as_str(), rule);
            return None;
        }
        Some(tenant)
    });
    each.collect()
}

fn tenant(
    mut section: Section<'_>,
    keys: Option<&Keys>,
    desk: &Desk<'_>,
    ring: &mut Ring,
) -> Option<Tenant> {
    section.required("name", "the tenant's name, as sources write it");
    let name = source::tenant_name(&mut section, "name");
    let retention = server::age(&mut section);
    let class = class(&mut section);
    let recording = recording(&mut section, class);
    let hipaa_tier = section.flag("hipaa_tier").unwrap_or(false);
    let launched = section.flag("launched").unwrap_or(false);
    if class == Class::Patients && !hipaa_tier {
        refuse(&section, launched);
    }
    let policy = policy::laid(&mut section, &desk.givers, &Policy::standard());
    let national_ids = national_ids(&mut section);
    let (pseudonym_key, former_from_root) = keys::of_tenant(&mut section, keys, desk, ring);
    section.finish();
    Some(Tenant {
        name: name?,
        retention,
        class,
        recording,
        hipaa_tier,
        launched,
        policy,
        national_ids,
        pseudonym_key,
        former_from_root,
    })
}

fn class(section: &mut Section<'_>) -> Class {
    let written = section.choice("class", &Class::ALL.map(Class::as_str));
    let class = Class::ALL.into_iter().find(|class| Some(class.as_str()) == written);
    class.unwrap_or_default()
}

fn recording(section: &mut Section<'_>, class: Class) -> Recording {
    let both = [Recording::Allowed, Recording::Forbidden];
    let written = section.choice("recording", &both.map(Recording::as_str));
    let written = both.into_iter().find(|one| Some(one.as_str()) == written);
    written.unwrap_or(class.recording())
}

/// Patients on an account that is not said to be fit for them.
fn refuse(section: &Section<'_>, launched: bool) {
    let (path, report) = (section.key("hipaa_tier"), section.report());
    if report.has_mistake_at(&path) {
        return;
    }
    let text = format!(
        "{HIPAA_TIER_REQUIRED}: patients need an account at the provider that may carry health \
         data: take its plan for that (with Daily the domain is switched to HIPAA), have its \
         business associate agreement (BAA) signed, then write hipaa_tier = true"
    );
    match launched {
        true => report.mistake(&path, format!("{text}; until then launched = false")),
        false => report.warning(&path, format!("{text}; with launched = true nothing is served")),
    }
}

/// What national ids look like. A pattern may stand anywhere in a text, so one that matches nothing
/// would match everywhere.
fn national_ids(section: &mut Section<'_>) -> Vec<Regex> {
    let report = section.report();
    let most = bounds::NATIONAL_ID_PATTERNS_MAX;
    let written = section.texts("national_id_patterns");
    if written.len() > most {
        let text = format!("must not be more than {most}");
        report.mistake(&section.key("national_id_patterns"), text);
    }
    let mut patterns = Vec::new();
    for (path, text) in written.into_iter().take(most) {
        let Some(pattern) = boundary::compiled(text, &path, report) else { continue };
        let shortest =
            regex_syntax::parse(text).ok().and_then(|hir| hir.properties().minimum_len());
        match shortest {
            Some(0) => report.wrong(&path, text, "matches nothing at all, which is everywhere"),
            Some(_) | None => patterns.push(pattern),
        }
    }
    patterns
}

/// The sources whose events are kept for another time than `journal.retention`.
pub(super) fn ages(tenants: &[Tenant], sources: &[Source]) -> Vec<(SourceName, Duration)> {
    let own = |source: &Source| {
        let theirs = |tenant: &&Tenant| tenant.name == source.boundary.tenant;
        let age = tenants.iter().find(theirs)?.retention?;
        Some((source.boundary.source.clone(), age))
    };
    sources.iter().filter_map(own).collect()
}

#[cfg(test)]
mod tests;
