//! The paper of a proof, for people: Markdown to be filed, and a summary for the terminal.

use std::fmt::Write as _;

use super::report::{Passed, Report, Searched, Source};
use crate::cli::sheet::{BAD, GOOD, PLAIN, Sheet, number, text};

/// Leaks that the summary shows; the paper has all.
const LEAKS_SHOWN: usize = 20;

/// What is shown on the terminal.
pub(super) fn summary(report: &Report, width: Option<usize>) -> String {
    let mut sheet = Sheet::new(&[
        text("SOURCE", 0),
        text("PROVIDER", 2),
        number("FIXTURES", 3),
        number("STRINGS", 1),
        number("NUMBERS", 1),
        number("KEYS", 1),
        number("OBJECTS", 3),
        number("DELIVERIES", 1),
        number("PASS BY POLICY", 0),
        number("LEAKS", 0),
    ]);
    for source in &report.sources {
        let numbers = [
            source.fixtures,
            source.strings,
            source.numbers,
            source.keys,
            source.objects,
            source.deliveries,
            source.passes.iter().map(|passed| passed.count).sum(),
            source.leaks,
        ];
        let style = if source.leaks > 0 { BAD } else { PLAIN };
        let [a, b, c, d, e, f, g, h] = numbers.map(|number| number.to_string());
        sheet.row(style, [source.source.clone(), source.provider.clone(), a, b, c, d, e, f, g, h]);
    }
    let mut out = sheet.render(width);
    for source in &report.sources {
        let _ = writeln!(out, "\nWhat {} lets out:", source.source);
        out.push_str(&passes(&source.passes, width));
    }
    let _ = writeln!(out, "\n{}", searched(report));
    for leak in report.leaks.iter().take(LEAKS_SHOWN) {
        let (source, place) = (leak.source.as_deref().unwrap_or("-"), &leak.place);
        let (fixture, path) = (&leak.fixture, &leak.path);
        let _ = writeln!(out, "{BAD}LEAK{BAD:#}  {place}: {source} {fixture} {path}");
    }
    for unseen in report.unseen.iter().take(LEAKS_SHOWN) {
        let (source, fixture) = (&unseen.source, &unseen.fixture);
        let _ = writeln!(out, "{BAD}NOT TAKEN{BAD:#}  {source} {fixture}: {}", unseen.answer);
    }
    let style = if report.proven { GOOD } else { BAD };
    let _ = writeln!(out, "{style}{}{style:#}", verdict(report));
    out
}

fn passes(passes: &[Passed], width: Option<usize>) -> String {
    let columns = [text("  FIELD", 0), number("TIMES", 0), text("AS", 1), text("WITH", 2)];
    let mut sheet = Sheet::new(&columns);
    for Passed { field, kinds, shapes, count, .. } in passes {
        let cells = [format!("  {field}"), count.to_string(), shapes.join(", "), families(kinds)];
        sheet.row(PLAIN, cells);
    }
    if sheet.is_empty() { "  nothing\n".to_owned() } else { sheet.render(width) }
}

/// Kinds by their first word, so that they fit into a line.
fn families(kinds: &[String]) -> String {
    let first = |kind: &String| match kind.split_once('.') {
        Some((first, _)) => format!("{first}.*"),
        None => kind.clone(),
    };
    let mut families: Vec<_> = kinds.iter().map(first).collect();
    families.dedup();
    families.join(", ")
}

fn verdict(report: &Report) -> String {
    let (leaks, unseen) = (report.leaks.len(), report.unseen.len());
    match (leaks, unseen) {
        (0, 0) => format!(
            "0 leaks: {} canaries in {} deliveries, {:.0} s",
            report.canaries, report.deliveries, report.seconds
        ),
        (0, unseen) => format!("{unseen} deliveries were not taken: the proof is not whole"),
        (leaks, _) => format!("{leaks} leaks"),
    }
}

fn searched(report: &Report) -> String {
    let total: u64 = report.searched.iter().map(|searched| searched.bytes).sum();
    let places = report.searched.iter().map(|searched| searched.place.as_str());
    let places = places.collect::<Vec<_>>().join("; ");
    format!("Searched {}: {places}", megabytes(total))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// What is filed.
pub(super) fn paper(report: &Report) -> String {
    let mut out = String::from("# Proof of a privacy boundary\n\n");
    let program = &report.program;
    let _ = writeln!(
        out,
        "**{}**\n\nhookgate {} proved the boundary of `{}` on {} in {:.0} s, by the program with \
         the SHA-256\n`{}`.\n",
        verdict(report),
        program.version,
        report.configuration,
        report.began,
        report.seconds,
        program.sha256
    );
    let _ = writeln!(
        out,
        "A private gateway ran by this configuration, with its own journal, an embedded broker \
         and made-up secrets. Every\nstored request of each source's provider was sent again and \
         again: each text, each number and each key that a user\nchose was replaced by a canary \
         (a made-up value of the same shape, unlike any other) and by a made-up name, alone\nand \
         all at once; members that nobody knows were added; bodies that cannot be read, forged \
         deliveries and questions of\noperators carried canaries too. {} canaries in {} \
         deliveries made {} records, {} of them released from quarantine.\nThen all that came \
         out was searched.\n",
        report.canaries, report.deliveries, report.records, report.released
    );
    report.sources.iter().for_each(|source| of_source(source, &mut out));
    leaks(report, &mut out);
    out.push_str("## Searched\n\n| what | parts | bytes | by policy |\n|---|---:|---:|---:|\n");
    for Searched { place, parts, bytes, by_policy } in &report.searched {
        let _ = writeln!(out, "| {place} | {parts} | {bytes} | {by_policy} |");
    }
    out.push_str("\n## What this does not show\n\n");
    report.not_shown.iter().for_each(|limit| out.push_str(&format!("- {limit}\n")));
    out
}

fn of_source(source: &Source, out: &mut String) {
    let boundary = &source.boundary;
    let said = |pattern: &Option<String>| match pattern {
        Some(pattern) => format!("`{}`", pattern.replace('|', "\\|")),
        None => "none".to_owned(),
    };
    let _ = writeln!(out, "## Source `{}`\n\n| | |\n|---|---|", source.source);
    let labels = boundary.role_labels.join(", ");
    for (what, value) in [
        ("provider, tenant", format!("{}, {}", source.provider, source.tenant)),
        ("policy (SHA-256)", format!("`{}`", boundary.policy_sha256)),
        ("room names that pass", said(&boundary.room_name)),
        ("storage keys that pass", said(&boundary.artifact_key)),
        ("role labels", if labels.is_empty() { "none".to_owned() } else { labels }),
        ("on a violation", boundary.on_violation.to_owned()),
        ("recording", boundary.recording.to_owned()),
        ("stored requests", source.fixtures.to_string()),
        ("strings tried", source.strings.to_string()),
        ("numbers tried", source.numbers.to_string()),
        ("keys tried", source.keys.to_string()),
        ("objects given a key", source.objects.to_string()),
        ("deliveries", source.deliveries.to_string()),
        ("leaks", source.leaks.to_string()),
    ] {
        let _ = writeln!(out, "| {what} | {value} |");
    }
    for risk in &boundary.accepted_risks {
        let (field, why) = (&risk.field, &risk.why);
        let _ =
            writeln!(out, "\n**Accepted risk**: `{field}` {} → {}: {why}", risk.before, risk.now);
    }
    for what in &source.not_tried {
        let _ = writeln!(out, "\nNot tried: {what}");
    }
    let records = source.records.iter().map(|(kind, count)| format!("{kind} {count}"));
    let _ = writeln!(out, "\nRecords by kind: {}", records.collect::<Vec<_>>().join(", "));
    out.push_str("\nWhat passed by policy:\n\n");
    out.push_str("| field | times | as | from | with |\n|---|---:|---|---|---|\n");
    for Passed { field, kinds, shapes, from, count } in &source.passes {
        let from = from.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" ");
        let (shapes, kinds) = (shapes.join(", "), kinds.join(", "));
        let _ = writeln!(out, "| `{field}` | {count} | {shapes} | {from} | {kinds} |");
    }
    out.push('\n');
}

fn leaks(report: &Report, out: &mut String) {
    let _ = writeln!(out, "## Leaks: {}\n", report.leaks.len());
    if !report.leaks.is_empty() {
        out.push_str("| where | source | stored request | place in it | shape | times |\n");
        out.push_str("|---|---|---|---|---|---:|\n");
    }
    for leak in &report.leaks {
        let source = leak.source.as_deref().unwrap_or("-");
        let at = leak.first_at.map(|at| format!(" (byte {at})")).unwrap_or_default();
        let _ = writeln!(
            out,
            "| {}{at} | {source} | {} | `{}` | {} | {} |",
            leak.place, leak.fixture, leak.path, leak.shape, leak.count
        );
    }
    for unseen in &report.unseen {
        let (source, fixture) = (&unseen.source, &unseen.fixture);
        let _ = writeln!(out, "- not taken: `{source}` {fixture}: {}", unseen.answer);
    }
    out.push('\n');
}
