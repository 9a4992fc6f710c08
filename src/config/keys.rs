//! `[keys]`, and the keys of tenants: 32 bytes each, no two the same, and what each replaced.
//!
//! A key of pseudonyms has a version, which its pseudonyms show, so that a former one can stand
//! beside it. Keys that are derived cannot be destroyed alone; a tenant's own key can.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::given::{self, Givers};
use super::read::Section;
use super::source::Desk;
use crate::bounds::{FORMER_PSEUDONYMS_ADVISED, PSEUDONYM_VERSION_MAX};
use crate::clock::Timestamp;
use crate::scrub::{FormerKey, Keys, PseudonymKey};
use crate::secret::Secret;

const KEY_BYTES: usize = 32;

/// Every key so far: no two may be the same.
#[derive(Default)]
pub(super) struct Ring(Vec<(String, Secret)>);

/// A tenant's own key, and whether the one before was derived from the root.
pub(super) type Own = (Option<PseudonymKey>, bool);

impl Ring {
    /// A key that must be there.
    fn required(
        &mut self,
        section: &mut Section<'_>,
        name: &'static str,
        givers: &Givers<'_>,
    ) -> Option<Secret> {
        let text = givers.required(section, name)?;
        let (path, report) = (section.key(name), section.report());
        let bytes = STANDARD.decode(text.bytes()).ok().filter(|bytes| bytes.len() == KEY_BYTES);
        let Some(bytes) = bytes else {
            let rule = "must hold exactly 32 bytes in base64 (44 characters); make one with \
                 `hookgate keygen`";
            report.mistake(&path, rule);
            return None;
        };
        let key = Secret::new(bytes);
        if let Some((other, _)) = self.0.iter().find(|(_, known)| *known == key) {
            let rule = format!(
                "must differ from {other}: each has to be replaceable alone; make one with \
                 `hookgate keygen`"
            );
            report.mistake(&path, rule);
        }
        self.0.push((path, key.clone()));
        Some(key)
    }

    /// A key that may be there.
    fn optional(
        &mut self,
        section: &mut Section<'_>,
        name: &'static str,
        givers: &Givers<'_>,
    ) -> Option<Secret> {
        section.value(name).is_some().then(|| self.required(section, name, givers)).flatten()
    }
}

/// `[keys]`. `None` only beside a mistake.
pub(super) fn keys(mut section: Section<'_>, desk: &Desk<'_>, ring: &mut Ring) -> Option<Keys> {
    let identity = ring.required(&mut section, "identity", &desk.givers);
    let pseudonym = ring.required(&mut section, "pseudonym", &desk.givers);
    let mut previous = section.table("previous");
    let replaced = ["identity", "pseudonym"].map(|name| previous.value(name).is_some());
    let former_identity = ring.optional(&mut previous, "identity", &desk.givers);
    let former = ring.optional(&mut previous, "pseudonym", &desk.givers);
    let [_, with_pseudonym] = replaced;
    let until = until(&mut previous, with_pseudonym, desk.now);
    if previous.is_written() && replaced == [false, false] {
        let rule = "names neither identity nor pseudonym: write the key that was replaced, or take \
             it out";
        section.report().mistake(previous.path(), rule);
    }
    previous.finish();
    let version = version(&mut section, "version", with_pseudonym);
    section.finish();
    let former = former.zip(until).map(|(key, until)| former_key(key, version, until));
    let pseudonym = PseudonymKey { key: pseudonym?, version, former };
    Some(Keys { identity: identity?, former_identity, pseudonym })
}

/// A tenant's own key of pseudonyms. `root`: the keys that others are derived from, if they could
/// be read.
pub(super) fn of_tenant(
    section: &mut Section<'_>,
    root: Option<&Keys>,
    desk: &Desk<'_>,
    ring: &mut Ring,
) -> Own {
    let report = section.report();
    let has_own = section.value("pseudonym_key").is_some();
    let key = ring.optional(section, "pseudonym_key", &desk.givers);
    let previous = section.table("previous_pseudonym");
    let (has_former, root_path) = (previous.is_written(), previous.key("from_root"));
    let (former, from_root, until) = former_of_tenant(previous, desk, ring);
    let version_is_written = section.value("pseudonym_version").is_some();
    let version = version(section, "pseudonym_version", has_former);
    if !has_own && (has_former || version_is_written) {
        let rule = "is missing: pseudonym_version and previous_pseudonym belong to a key of the \
             tenant's own, the only kind that can be destroyed to unlink its pseudonyms";
        report.mistake(&section.key("pseudonym_key"), rule);
    }
    let former = match root.filter(|_| from_root) {
        Some(root) => of_root(&root_path, root, version, section),
        None => former,
    };
    let former = former.zip(until).map(|(key, until)| former_key(key, version, until));
    (key.map(|key| PseudonymKey { key, version, former }), from_root)
}

/// The key before, where it is given; else whether it was derived from the root; and how long its
/// pseudonyms are published.
fn former_of_tenant(
    mut previous: Section<'_>,
    desk: &Desk<'_>,
    ring: &mut Ring,
) -> (Option<Secret>, bool, Option<Timestamp>) {
    let from_root = previous.flag("from_root").unwrap_or(false);
    let is_given = previous.value("key").is_some();
    let former = ring.optional(&mut previous, "key", &desk.givers);
    let report = previous.report();
    let is_unread = report.has_mistake_at(&previous.key("from_root"));
    if previous.is_written() && is_given == from_root && !is_unread {
        let rule = "must have either key = { env = \"VARIABLE\" } or { file = \"path\" }, or \
             from_root = true where the key before was derived from keys.pseudonym";
        report.mistake(previous.path(), rule);
    }
    let is_written = previous.is_written();
    let until = until(&mut previous, is_written, desk.now);
    previous.finish();
    (former, from_root, until)
}

/// The root that a tenant's key before was derived from: its pseudonyms show that root's version.
fn of_root(path: &str, root: &Keys, version: u8, section: &Section<'_>) -> Option<Secret> {
    let before = version.saturating_sub(1);
    let found = root.root_of(before);
    if found.is_none() {
        let next = root.pseudonym.version.saturating_add(1);
        let rule = format!(
            "the pseudonyms before show the version of keys.pseudonym, and neither it nor its \
             previous one has version {before}; write pseudonym_version = {next}"
        );
        section.report().mistake(path, rule);
    }
    found.cloned()
}

fn former_key(key: Secret, version: u8, until: Timestamp) -> FormerKey {
    FormerKey { key, version: version.saturating_sub(1), until }
}

/// How long former pseudonyms stand beside the new ones. `asked`: there are such.
fn until(section: &mut Section<'_>, asked: bool, now: Timestamp) -> Option<Timestamp> {
    let (path, report) = (section.key("until"), section.report());
    let is_written = section.value("until").is_some();
    let until = given::moment(section, "until").ok().flatten();
    if asked && !is_written {
        let rule = "is missing; write until when events carry the former pseudonyms beside the new \
             ones, such as \"2027-01-01T00:00:00Z\"";
        report.mistake(&path, rule);
    }
    if !asked && is_written {
        let text = "says nothing without a former key of pseudonyms: a former identity key is \
             looked up for as long as it stands here";
        report.warning(&path, text);
    }
    let until = until.filter(|_| asked)?;
    if until <= now {
        let text = "has passed: events carry the former pseudonyms no longer; forget and searches \
             still look them up, so keep the key for as long as events with them are kept anywhere";
        report.warning(&path, text);
    } else if until > now.plus(FORMER_PSEUDONYMS_ADVISED) {
        let days = FORMER_PSEUDONYMS_ADVISED.as_secs() / (24 * 60 * 60);
        let text = format!(
            "is more than {days} days away: until then every event links the new pseudonym to the \
             former one, which a change of keys is to end"
        );
        report.warning(&path, text);
    }
    Some(until)
}

/// The version of a key: 1, or 2 where it has a former one, unless it is written.
fn version(section: &mut Section<'_>, key: &'static str, has_former: bool) -> u8 {
    let (path, report) = (section.key(key), section.report());
    let is_written = section.value(key).is_some();
    let written = section.whole(key, 1..=PSEUDONYM_VERSION_MAX);
    if has_former && written == Some(1) {
        let rule = "must be 2 or more: the former key's pseudonyms show the version below";
        report.mistake(&path, rule);
    }
    if has_former && !is_written {
        let text = format!(
            "is 2 because there is a former key; write {key} = 2, because it must stay when that \
             one goes: pseudonyms change with it"
        );
        report.warning(&path, text);
    }
    let default = if has_former { 2 } else { 1 };
    written.and_then(|version| u8::try_from(version).ok()).unwrap_or(default)
}

#[cfg(test)]
mod tests;
