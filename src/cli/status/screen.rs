//! The screen of `status`: most telling first, readable at 80 columns.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::cli::replay::list::table as replays;
use crate::cli::sheet::{BAD, GOOD, ODD, PLAIN, STRONG, Sheet, number, text};
use crate::cli::words::{ago, bytes, count, counted, lasting, moment, wrapped};
use crate::desk::{JournalStatus, KafkaStatus, SourceStatus, StatusReport};

/// Outcomes that say that a limit was hit.
const LIMITS: [&str; 5] =
    ["rate_limited", "overloaded", "timeout", "too_large", "headers_too_large"];

/// Everything, in lines of this many characters; in full for `None`.
pub(super) fn render(report: &StatusReport, width: Option<usize>) -> String {
    let parts = [
        header(report, width.unwrap_or(usize::MAX)),
        sources(report, width),
        limits(report),
        secrets(report, width),
        certificates(report, width.unwrap_or(usize::MAX)),
        road(report),
        ledger(report, width),
        beside(report, width),
        keys(report, width.unwrap_or(usize::MAX)),
        if report.replays.is_empty() { String::new() } else { replays(&report.replays, width) },
        noted(report, width.unwrap_or(usize::MAX)),
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

fn header(report: &StatusReport, width: usize) -> String {
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
        let reason = wrapped(reason, width, 11);
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
    ]);
    let mut odd = String::new();
    for source in &report.sources {
        for secret in &source.secrets {
            sheet.row(
                if secret.warning.is_some() { ODD } else { PLAIN },
                [
                    secret.name.clone(),
                    source.name.clone(),
                    ago(secret.last_used, report.now),
                    secret.expires.map(moment).unwrap_or_default(),
                ],
            );
            if let Some(warning) = &secret.warning {
                let _ = writeln!(odd, "{ODD}{}{ODD:#} {warning}", secret.name);
            }
        }
    }
    if sheet.is_empty() { String::new() } else { sheet.render(width) + &odd }
}

/// The certificates of the listeners, and when they end.
fn certificates(report: &StatusReport, width: usize) -> String {
    let mut text = String::new();
    for certificate in &report.certificates {
        let ends = format!("certificate to {}", moment(certificate.expires));
        let _ = writeln!(text, "{:<8} {ends}", certificate.listener);
        if let Some(warning) = &certificate.warning {
            let _ = writeln!(text, "{:<8} {ODD}{}{ODD:#}", "", wrapped(warning, width, 9));
        }
    }
    text
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
    let lag = lasting(Duration::try_from_secs_f64(kafka.lag_seconds).unwrap_or_default());
    let waits = match kafka.backlog {
        0 => "nothing waits".to_owned(),
        backlog => format!("{} behind, the oldest {lag} old", counted(backlog, "event")),
    };
    // Why it is not up stands at the top, among the checks.
    format!(
        "{:<8} {style}{}{style:#}, {}, published up to {}\n\
         {:<8} {waits}, {} in flight\n",
        "kafka",
        kafka.state,
        kafka.delivery,
        kafka.cursor,
        "",
        count(kafka.in_flight),
    )
}

fn journal(journal: &JournalStatus, report: &StatusReport) -> String {
    let style = if journal.health == "ok" { GOOD } else { BAD };
    let size = bytes(journal.bytes);
    let kept = lasting(Duration::from_secs(journal.retention_seconds));
    let most = bytes(journal.retention_max_bytes);
    let oldest = match journal.oldest {
        Some(_) => format!("oldest {}", ago(journal.oldest, report.now)),
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
    if journal.erasure_pending {
        let _ = writeln!(text, "{:<8} {ODD}what was forgotten is not yet erased{ODD:#}", "");
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
    ]);
    let mut odd = String::new();
    for row in &report.ledger {
        let taken = row.accepted + row.quarantined;
        let is_even = taken == row.published + row.pending + row.held + row.erased_unpublished;
        if !is_even {
            let _ = writeln!(odd, "{BAD}the ledger of {} does not add up{BAD:#}", row.source);
        }
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
            ],
        );
    }
    if sheet.is_empty() { String::new() } else { sheet.render(width) + &odd }
}

/// What stands beside the ledger: it was counted there when it came, or came from nobody.
fn beside(report: &StatusReport, width: Option<usize>) -> String {
    let mut sheet = Sheet::new(&[
        text("BESIDE IT", 0),
        number("EVENTS", 0),
        number("PUBLISHED", 0),
        number("PENDING", 0),
        number("ERASED", 1),
    ]);
    let released = report.released.iter().map(|row| (format!("released, {}", row.source), row));
    let ours = report.own_events.iter().map(|row| ("erasures told".to_owned(), row));
    for (name, row) in released.chain(ours) {
        let (published, pending) = (count(row.published), count(row.pending));
        let erased = count(row.erased_unpublished);
        sheet.row(PLAIN, [name, count(row.accepted), published, pending, erased]);
    }
    if sheet.is_empty() { String::new() } else { sheet.render(width) }
}

/// Keys that are given beside their successors, and until when.
fn keys(report: &StatusReport, width: usize) -> String {
    let mut text = String::new();
    for key in &report.keys {
        let named = |version: Option<u8>, or: &str| match version {
            Some(version) => format!("version {version}"),
            None => or.to_owned(),
        };
        let names = match key.tenants.as_slice() {
            [] => key.names.clone(),
            tenants => format!("{} of {}", key.names, tenants.join(", ")),
        };
        let now = named(key.version, "the key in force");
        let now = format!("{names}: {now} since {}", moment(key.since));
        let _ = writeln!(text, "{:<8} {}", "keys", wrapped(&now, width, 9));
        let before = named(key.former_version, "the one before");
        let _ = match key.former_needed_until {
            Some(until) => {
                writeln!(text, "{:<8} {before} is needed until {} or later", "", moment(until))
            }
            None => writeln!(text, "{:<8} {ODD}{before} can be taken out{ODD:#}", ""),
        };
    }
    text
}

/// What is allowed: more leaves than without a rule, or something else should be known.
fn noted(report: &StatusReport, width: usize) -> String {
    let risks = report.accepted_risks.iter().map(|risk| ("risk", risk.to_string()));
    let warnings = report.warnings.iter().map(|warning| ("warning", warning.clone()));
    let line = |(what, text): (&str, String)| {
        format!("{ODD}{what:<7}{ODD:#}  {}\n", wrapped(&text, width, 9))
    };
    risks.chain(warnings).map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> StatusReport {
        let text = json!({
            "version": "0.1.0", "instance": "gate-1", "fingerprint": "5c1d09a7e2f4b86600",
            "started": "2026-11-20T07:00:00Z", "now": "2026-11-20T10:00:00Z",
            "ready": true, "status": "degraded",
            "checks": {
                "journal": {"status": "ok"},
                "kafka": {"status": "degraded", "reason": "no broker answers"},
            },
            "sources": [
                {"name": "consultations", "provider": "daily", "tenant": "clinic", "mode": "live",
                 "per_second": 2.14, "last_event": "2026-11-20T09:59:57Z",
                 "outcomes": {"accepted": 18204, "duplicate": 31, "bad_signature": 3, "ping": 1},
                 "refused": {"wrong_signature": 2, "expired": 1},
                 "secrets": [
                    {"name": "DAILY_WEBHOOK_SECRET", "last_used": "2026-11-20T09:59:57Z"},
                    {"name": "old-secret", "expires": "2026-12-01T00:00:00Z",
                     "warning": "expires in 10 d 14 h: add its successor"}]},
                {"name": "classes", "provider": "livekit", "tenant": "school", "mode": "hold",
                 "per_second": 0.0, "outcomes": {"rate_limited": 12}, "refused": {},
                 "secrets": []},
            ],
            "kafka": {"state": "down", "reason": "no broker answers", "delivery": "exactly_once",
                "cursor": 18100, "backlog": 104, "in_flight": 0, "lag_seconds": 72.5},
            "journal": {"health": "ok", "head": 18204, "bytes": 19333120,
                "oldest": "2026-10-22T10:00:00Z", "retention_seconds": 2592000,
                "retention_max_bytes": 53687091200u64, "disk_free_bytes": 214748364800u64,
                "disk_lasts_seconds": 8640000, "damaged_events": 0, "erasure_pending": true},
            "search": {"through": 18203, "lag_events": 1, "rebuilding": false},
            "ledger": [
                {"source": "classes", "accepted": 0, "quarantined": 0, "published": 0,
                 "pending": 0, "held": 0, "erased_unpublished": 1},
                {"source": "consultations", "accepted": 18200, "quarantined": 4,
                 "published": 18100, "pending": 104, "held": 0, "erased_unpublished": 0}],
            "released": [
                {"source": "consultations", "accepted": 3, "quarantined": 0, "published": 2,
                 "pending": 1, "held": 0, "erased_unpublished": 0}],
            "own_events": {"source": "/hookgate", "accepted": 1, "quarantined": 0,
                "published": 1, "pending": 0, "held": 0, "erased_unpublished": 0},
            "keys": [
                {"names": "ids", "since": "2026-11-20T09:00:00Z",
                 "former_needed_until": "2026-12-20T09:00:00Z"},
                {"names": "pseudonyms", "tenants": ["clinic", "school"], "version": 2,
                 "since": "2026-10-01T09:00:00Z", "former_version": 1}],
            "replays": [],
            "warnings": ["source[0].secrets[1]: ends 2026-12-01",
                "tenant[0].hipaa_tier: VIDEO_HIPAA_TIER_REQUIRED_001: patients need an account"],
            "accepted_risks": [
                {"source": "consultations", "field": "participant.region", "why": "billing",
                 "kinds": ["recording.ready"], "before": "unlisted", "now": "pass"}],
        });
        serde_json::from_value(text).unwrap()
    }

    const AT_80_COLUMNS: &str = "\
hookgate 0.1.0, gate-1, up 3 h, configuration 5c1d09a7e2f4
ready, but degraded
  kafka    no broker answers

SOURCE         MODE  PER S   LAST  ACCEPTED  DUPLICATE  QUARANTINED  REFUSED
consultations  live    2.1    3 s    18,204         31            0        3
classes        hold    0.0  never         0          0            0        0

refused  consultations: expired 1, wrong_signature 2
limits   classes: rate_limited 12

SECRET                SOURCE         LAST USED  EXPIRES
DAILY_WEBHOOK_SECRET  consultations  3 s ago
old-secret            consultations  never      2026-12-01 00:00:00
old-secret expires in 10 d 14 h: add its successor

kafka    down, exactly_once, published up to 18100
         104 events behind, the oldest 72 s old, 0 in flight
journal  ok, up to 18204, 18.4 MiB, oldest 29 d ago; kept 30 d or 50.0 GiB
         what was forgotten is not yet erased
disk     200.0 GiB free, enough for 100 d at the growth of the last hour
search   up to 18203, 1 event behind

LEDGER         ACCEPTED  QUARANTINED  PUBLISHED  PENDING  HELD  ERASED
classes               0            0          0        0     0       1
consultations    18,200            4     18,100      104     0       0
the ledger of classes does not add up

BESIDE IT                EVENTS  PUBLISHED  PENDING  ERASED
released, consultations       3          2        1       0
erasures told                 1          1        0       0

keys     ids: the key in force since 2026-11-20 09:00:00
         the one before is needed until 2026-12-20 09:00:00 or later
keys     pseudonyms of clinic, school: version 2 since 2026-10-01 09:00:00
         version 1 can be taken out

risk     consultations/participant.region: unlisted → pass with recording.ready:
         billing
warning  source[0].secrets[1]: ends 2026-12-01
warning  tenant[0].hipaa_tier: VIDEO_HIPAA_TIER_REQUIRED_001: patients need an
         account
";

    #[test]
    fn one_screen_tells_all_at_80_columns() {
        let text = anstream::adapter::strip_str(&render(&report(), Some(80))).to_string();
        assert_eq!(text, AT_80_COLUMNS);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn into_a_pipe_every_column_goes() {
        let text = render(&report(), None);
        assert!(text.contains("PROVIDER") && text.contains("TENANT"), "{text}");
    }

    #[test]
    fn a_gateway_that_takes_nothing_says_why_first() {
        let mut report = report();
        report.ready = false;
        let text = anstream::adapter::strip_str(&render(&report, Some(80))).to_string();
        let line = text.lines().nth(1).unwrap();
        assert_eq!(line, "NOT READY: deliveries are not accepted");
        assert_eq!(reasons(&report), "kafka: no broker answers");
    }
}
