//! The screen of `status`: most telling first, readable at 80 columns.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::cli::replay::list::table as replays;
use crate::cli::sheet::{BAD, GOOD, ODD, PLAIN, STRONG, Sheet, number, text};
use crate::cli::words::{ago, bytes, count, counted, lasting};
use crate::desk::{JournalStatus, KafkaStatus, SourceStatus, StatusReport};

/// Outcomes that say that a limit was hit.
const LIMITS: [&str; 5] =
    ["rate_limited", "overloaded", "timeout", "too_large", "headers_too_large"];

/// Everything, in lines of this many characters; in full for `None`.
pub(super) fn render(report: &StatusReport, width: Option<usize>) -> String {
    let parts = [
        header(report),
        sources(report, width),
        limits(report),
        secrets(report, width),
        road(report),
        ledger(report, width),
        if report.replays.is_empty() { String::new() } else { replays(&report.replays, width) },
        warnings(report),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

/// What is not as it should be, in one line.
pub(super) fn reasons(report: &StatusReport) -> String {
    let odd = report.checks.iter().filter(|(_, check)| check.status != "ok");
    let each = odd.map(|(name, check)| {
        let why = check.reason.as_deref().unwrap_or(&check.status);
        format!("{name}: {why}")
    });
    each.collect::<Vec<_>>().join("; ")
}

fn header(report: &StatusReport) -> String {
    let StatusReport { version, instance, fingerprint, started, now, .. } = report;
    let up = lasting(now.since(*started));
    let fingerprint = fingerprint.get(..12).unwrap_or(fingerprint);
    let mut text = format!("{STRONG}hookgate {version}, {instance}{STRONG:#}, up {up}");
    if !fingerprint.is_empty() {
        let _ = write!(text, ", configuration {fingerprint}");
    }
    let (style, word) = match (report.ready, report.status.as_str()) {
        (true, "ok") => (GOOD, "ready"),
        (true, _) => (ODD, "ready, but degraded"),
        (false, _) => (BAD, "NOT READY: deliveries are not accepted"),
    };
    let _ = writeln!(text, "\n{style}{word}{style:#}");
    for (name, check) in &report.checks {
        let Some(reason) = &check.reason else { continue };
        let style = standing(&check.status);
        let _ = writeln!(text, "  {style}{name:<8}{style:#} {reason}");
    }
    text
}

fn standing(status: &str) -> anstyle::Style {
    match status {
        "ok" => PLAIN,
        "degraded" => ODD,
        _ => BAD,
    }
}

fn sources(report: &StatusReport, width: Option<usize>) -> String {
    let mut sheet = Sheet::new(&[
        text("SOURCE", 0),
        text("MODE", 1),
        number("PER S", 0),
        number("LAST", 0),
        number("ACCEPTED", 0),
        number("DUPLICATE", 1),
        number("QUARANTINED", 1),
        number("REFUSED", 1),
        number("LIMITED", 2),
        number("OTHER", 3),
        text("PROVIDER", 4),
        text("TENANT", 5),
    ]);
    for source in &report.sources {
        let of = |outcome: &str| source.outcomes.get(outcome).copied().unwrap_or(0);
        let limited: u64 = LIMITS.into_iter().map(of).sum();
        let named = ["accepted", "duplicate", "quarantined", "bad_signature"];
        let all: u64 = source.outcomes.values().sum();
        let other = all - limited - named.into_iter().map(of).sum::<u64>();
        let last = source.last_event.map(|at| lasting(report.now.since(at)));
        sheet.row(
            if source.mode == "live" { PLAIN } else { ODD },
            [
                source.name.clone(),
                source.mode.clone(),
                format!("{:.1}", source.per_second),
                last.unwrap_or_else(|| "never".to_owned()),
                count(of("accepted")),
                count(of("duplicate")),
                count(of("quarantined")),
                count(of("bad_signature")),
                count(limited),
                count(other),
                source.provider.clone(),
                source.tenant.clone(),
            ],
        );
    }
    if sheet.is_empty() { String::new() } else { sheet.render(width) }
}

/// What the columns of the sources only sum up: why deliveries were refused, and which limits were
/// hit.
fn limits(report: &StatusReport) -> String {
    let mut text = String::new();
    let mut line = |what: &str, source: &SourceStatus, counts: Vec<(&str, u64)>| {
        let each = counts.into_iter().map(|(why, number)| format!("{why} {}", count(number)));
        let each = each.collect::<Vec<_>>().join(", ");
        if !each.is_empty() {
            let _ = writeln!(text, "{what:<8} {}: {each}", source.name);
        }
    };
    for source in &report.sources {
        line("refused", source, listed(&source.refused, |_| true));
        line("limits", source, listed(&source.outcomes, |name| LIMITS.contains(&name)));
    }
    text
}

fn listed(counts: &BTreeMap<String, u64>, which: fn(&str) -> bool) -> Vec<(&str, u64)> {
    let each = counts.iter().filter(|(name, number)| which(name) && **number > 0);
    each.map(|(name, number)| (name.as_str(), *number)).collect()
}

fn secrets(report: &StatusReport, width: Option<usize>) -> String {
    let mut sheet = Sheet::new(&[
        text("SECRET", 0),
        text("SOURCE", 1),
        text("LAST USED", 0),
        text("EXPIRES", 2),
        text("", 0),
    ]);
    for source in &report.sources {
        for secret in &source.secrets {
            sheet.row(
                if secret.warning.is_some() { ODD } else { PLAIN },
                [
                    secret.name.clone(),
                    source.name.clone(),
                    ago(secret.last_used, report.now),
                    secret.expires.map(crate::cli::words::moment).unwrap_or_default(),
                    secret.warning.clone().unwrap_or_default(),
                ],
            );
        }
    }
    if sheet.is_empty() { String::new() } else { sheet.render(width) }
}

/// From the journal to Kafka.
fn road(report: &StatusReport) -> String {
    let mut text = kafka(&report.kafka);
    text += &journal(&report.journal, report);
    let search = &report.search;
    let behind = match search.lag_events {
        0 => String::new(),
        lag => format!(", {} behind", counted(lag, "event")),
    };
    let anew = if search.rebuilding { "; being built anew" } else { "" };
    let _ = writeln!(text, "{:<8} up to {}{behind}{anew}", "search", search.through);
    text
}

fn kafka(kafka: &KafkaStatus) -> String {
    let style = if kafka.state == "up" { GOOD } else { ODD };
    let (backlog, in_flight) = (counted(kafka.backlog, "event"), count(kafka.in_flight));
    let lag = lasting(Duration::try_from_secs_f64(kafka.lag_seconds).unwrap_or_default());
    let mut text = format!(
        "{:<8} {style}{}{style:#}, {}, published up to {}\n\
         {:<8} {backlog} behind, the oldest {lag} old, {in_flight} in flight\n",
        "kafka", kafka.state, kafka.delivery, kafka.cursor, "",
    );
    if let Some(reason) = &kafka.reason {
        let _ = writeln!(text, "{:<8} {reason}", "");
    }
    text
}

fn journal(journal: &JournalStatus, report: &StatusReport) -> String {
    let style = if journal.health == "ok" { GOOD } else { BAD };
    let size = bytes(journal.bytes);
    let kept = lasting(Duration::from_secs(journal.retention_seconds));
    let most = bytes(journal.retention_max_bytes);
    let oldest = match journal.oldest {
        Some(_) => format!("the oldest from {}", ago(journal.oldest, report.now)),
        None => "empty".to_owned(),
    };
    let mut text = format!(
        "{:<8} {style}{}{style:#}, up to {}, {size}, {oldest}; kept {kept} or {most}\n",
        "journal", journal.health, journal.head,
    );
    if journal.damaged_events > 0 {
        let damaged = counted(journal.damaged_events, "event");
        let _ = writeln!(text, "{:<8} {BAD}{damaged} damaged{BAD:#}", "");
    }
    if let Some(free) = journal.disk_free_bytes {
        let lasts = match journal.disk_lasts_seconds {
            Some(seconds) => {
                let left = lasting(Duration::from_secs(seconds));
                format!(", enough for {left} at the growth of the last hour")
            }
            None => String::new(),
        };
        let _ = writeln!(text, "{:<8} {} free{lasts}", "disk", bytes(free));
    }
    text
}

fn ledger(report: &StatusReport, width: Option<usize>) -> String {
    let mut sheet = Sheet::new(&[
        text("LEDGER", 0),
        number("ACCEPTED", 0),
        number("QUARANTINED", 0),
        number("PUBLISHED", 0),
        number("PENDING", 0),
        number("HELD", 1),
        number("ERASED", 1),
        text("", 0),
    ]);
    for row in &report.ledger {
        let taken = row.accepted + row.quarantined;
        let is_even = taken == row.published + row.pending + row.held + row.erased_unpublished;
        sheet.row(
            if is_even { PLAIN } else { BAD },
            [
                row.source.clone(),
                count(row.accepted),
                count(row.quarantined),
                count(row.published),
                count(row.pending),
                count(row.held),
                count(row.erased_unpublished),
                if is_even { String::new() } else { "DOES NOT ADD UP".to_owned() },
            ],
        );
    }
    if sheet.is_empty() { String::new() } else { sheet.render(width) }
}

fn warnings(report: &StatusReport) -> String {
    let lines = report.warnings.iter();
    lines.map(|warning| format!("{ODD}warning{ODD:#}  {warning}\n")).collect()
}
