//! `[server]` and `[journal]`, checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::read::Section;
use super::source::Desk;
use super::tls::tls;
use super::{JournalSettings, Server, unit};
use crate::bounds;
use crate::event::InstanceName;
use crate::journal::Retention;

const ADDRESS: &str = "must be an address and a port, such as \"0.0.0.0:8080\" or \"[::]:8080\"";
const INSTANCE: &str = "must be 1 to 64 letters, digits, dots, hyphens or underscores";

/// `[server]`. `None` only beside a mistake.
pub(super) fn server(mut section: Section<'_>, desk: &Desk<'_>) -> Option<Server> {
    let instance = instance(&mut section);
    let listen = address(&mut section, SocketAddr::from(([0, 0, 0, 0], 8080)));
    let body_max = body_max(&mut section);
    let trusted_proxies = trusted_proxies(&mut section);
    let drain = [
        ("drain_grace", bounds::DRAIN_GRACE_DEFAULT),
        ("drain_deadline", bounds::DRAIN_DEADLINE_DEFAULT),
    ];
    let [drain_grace, drain_deadline] =
        drain.map(|(key, default)| section.duration(key).unwrap_or(default));
    let report = section.report();
    let unread = drain.iter().any(|(key, _)| report.has_mistake_at(&section.key(key)));
    // A default is not held against what could not be read.
    if !unread && drain_grace >= drain_deadline {
        section.report().wrong(
            &section.key("drain_grace"),
            &unit::shown(drain_grace),
            format!(
                "must be shorter than drain_deadline ({}): both count from the signal",
                unit::shown(drain_deadline)
            ),
        );
    }
    if drain_deadline > bounds::DRAIN_DEADLINE_LIMIT {
        let limit = unit::shown(bounds::DRAIN_DEADLINE_LIMIT);
        let rule = format!("must not be longer than {limit}");
        let shown = unit::shown(drain_deadline);
        section.report().wrong(&section.key("drain_deadline"), &shown, rule);
    }
    let tls = tls(&mut section, false, &desk.givers, desk.now);
    section.finish();
    Some(Server {
        instance: instance?,
        listen,
        tls,
        body_max,
        trusted_proxies,
        drain_grace,
        drain_deadline,
    })
}

/// `[journal]`.
pub(super) fn journal(mut section: Section<'_>, folder: &Path) -> JournalSettings {
    let rule = "must be the path of a folder";
    let dir = section.parsed("dir", rule, |text| {
        (!text.is_empty() && !text.contains('\0')).then(|| folder.join(text))
    });
    let retention = retention(&mut section);
    section.finish();
    let dir = dir.unwrap_or_else(|| PathBuf::from("/var/lib/hookgate"));
    JournalSettings { dir, retention, ages: Vec::new() }
}

/// How long published events stay.
pub(super) fn age(section: &mut Section<'_>) -> Option<Duration> {
    let (min, max) = (bounds::RETENTION_MIN, bounds::RETENTION_LIMIT);
    let day = 24 * 60 * 60;
    let rule = format!("{}, from {} to {}d", unit::DURATION, unit::shown(min), max.as_secs() / day);
    section.parsed("retention", &rule, |text| {
        unit::duration(text).filter(|age| (min..=max).contains(age))
    })
}

fn retention(section: &mut Section<'_>) -> Retention {
    let default = Retention::default();
    let age = age(section);
    let min = bounds::RETENTION_BYTES_MIN;
    let rule = format!("{}, at least {}GiB", unit::SIZE, min >> 30);
    let bytes = section.parsed("retention_max", &rule, |text| {
        unit::size(text).map(|bytes| bytes as u64).filter(|bytes| *bytes >= min)
    });
    Retention { age: age.unwrap_or(default.age), bytes_max: bytes.unwrap_or(default.bytes_max) }
}

fn instance(section: &mut Section<'_>) -> Option<InstanceName> {
    let fits = |text: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (1..=64).contains(&text.len()) && text.chars().all(fine)
    };
    if section.value("instance").is_some() {
        return section
            .parsed("instance", INSTANCE, |text| fits(text).then(|| InstanceName::new(text)));
    }
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    if !fits(&host) {
        let rule = format!("is missing, and the host name cannot stand for it: {INSTANCE}");
        section.report().mistake(&section.key("instance"), rule);
        return None;
    }
    Some(InstanceName::new(&host))
}

pub(super) fn address(section: &mut Section<'_>, default: SocketAddr) -> SocketAddr {
    section.parsed("listen", ADDRESS, |text| text.parse().ok()).unwrap_or(default)
}

fn body_max(section: &mut Section<'_>) -> usize {
    let limit = bounds::BODY_BYTES_MAX_LIMIT;
    let rule = format!("{}, from 1KiB to {}MiB", unit::SIZE, limit >> 20);
    section
        .parsed("body_max", &rule, |text| {
            unit::size(text).filter(|bytes| (1 << 10..=limit).contains(bytes))
        })
        .unwrap_or(bounds::BODY_BYTES_MAX_DEFAULT)
}

fn trusted_proxies(section: &mut Section<'_>) -> Vec<ipnet::IpNet> {
    const RULE: &str = "must be a network or an address, such as \"10.0.0.0/8\", with no bits \
         set behind the prefix";
    let report = section.report();
    let written = section.texts("trusted_proxies");
    if written.len() > bounds::TRUSTED_PROXIES_MAX {
        let rule = format!("must not be more than {}", bounds::TRUSTED_PROXIES_MAX);
        report.mistake(&section.key("trusted_proxies"), rule);
    }
    let mut networks = Vec::new();
    for (path, text) in written {
        match unit::network(text) {
            Some(network) => {
                if network.prefix_len() == 0 {
                    report.warning(&path, "everybody may say whom they speak for");
                }
                networks.push(network);
            }
            None => report.wrong(&path, text, RULE),
        }
    }
    networks
}

#[cfg(test)]
mod tests {
    use crate::config::tests::*;

    #[test]
    fn retention_is_from_an_hour_to_a_century_and_at_least_a_gibibyte() {
        use std::time::Duration;

        let journal = |keys: &str| format!("[journal]\n{keys}\n{}", source(""));
        let retention = |keys: &str| good(&journal(keys)).journal.retention;
        let default = retention("");
        assert_eq!(default.age, Duration::from_secs(30 * 86_400));
        assert_eq!(default.bytes_max, 50 << 30);
        let set = retention("retention = \"36500d\"\nretention_max = \"1GiB\"");
        assert_eq!((set.age, set.bytes_max), (Duration::from_secs(36_500 * 86_400), 1 << 30));
        for wrong in ["59m", "36501d", "30", "off"] {
            let key = format!("journal.retention = \"{wrong}\"");
            let text = journal(&format!("retention = \"{wrong}\""));
            mistake(&text, &key, "from 1h to 36500d");
        }
        for wrong in ["1023MiB", "50GB", "17179869184GiB"] {
            let key = format!("journal.retention_max = \"{wrong}\"");
            let text = journal(&format!("retention_max = \"{wrong}\""));
            mistake(&text, &key, "at least 1GiB");
        }
    }

    #[test]
    fn the_drain_s_grace_ends_before_its_deadline_and_listeners_do_not_meet() {
        let text = |server: &str| format!("{server}\n{}", source(""));
        let grace = "[server]\ndrain_grace = \"30s\"";
        mistake(&text(grace), "server.drain_grace = \"30s\"", "shorter than drain_deadline (20s)");
        for unread in [
            "[server]\ndrain_grace = \"banana\"\ndrain_deadline = \"5s\"",
            "[server]\ndrain_grace = \"1h\"\ndrain_deadline = \"banana\"",
        ] {
            mistake(&text(unread), "server.drain_", " = \"banana\": must be a duration");
        }
        let unread = "[server]\nlisten = \"banana\"\n[admin]\nlisten = \"127.0.0.1:8080\"";
        mistake(&text(unread), "server.listen = \"banana\"", "must be an address");
        let meet = "[server]\nlisten = \"0.0.0.0:9080\"";
        mistake(&text(meet), "admin.listen = \"127.0.0.1:9080\"", "is taken by server.listen");
        let free = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"";
        assert_eq!(good(&text(free)).server.listen.port(), 0);
        let proxies = "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::/0\"]";
        let config = good(&text(proxies));
        assert_eq!(config.server.trusted_proxies.len(), 2);
        assert_eq!(config.warnings[0].key, "server.trusted_proxies[1]");
    }
}
