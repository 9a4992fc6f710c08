//! The runbook, read and played: a page for each alert, and every command of it does what it says.
//!
//! A `console` block is commands behind `$ ` and what they say; `…` stands for any text, a line of
//! it for any lines. Runs of spaces count as one. A `diff` block changes `hookgate.toml`. Pages of
//! alerts share a gateway; what is done by hand has a new one for each page. Words behind `console`
//! say in which state: `stopped`, `kafka-away`, `silenced`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::stage::Stage;

const PLACES: [(&str, &str); 3] =
    [("/var/lib/hookgate", "hookgate"), ("/backup", "backup"), ("/etc/hookgate", "")];

/// A part of the runbook under one heading.
struct Page {
    /// Under `# By hand`.
    by_hand: bool,
    title: String,
    text: String,
    blocks: Vec<Block>,
}

struct Block {
    line: usize,
    language: String,
    state: String,
    lines: Vec<String>,
}

/// A command and what it should say.
struct Step {
    command: String,
    says: Vec<String>,
}

fn pages() -> Vec<Page> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/runbook.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut pages: Vec<Page> = Vec::new();
    let (mut by_hand, mut open) = (false, None::<Block>);
    for (line, shown) in (1..).zip(text.lines()) {
        if let Some(block) = &mut open {
            match shown {
                "```" => pages.last_mut().unwrap().blocks.extend(open.take()),
                _ => block.lines.push(shown.to_owned()),
            }
        } else if let Some(info) = shown.strip_prefix("```") {
            let (language, state) = info.split_once(' ').unwrap_or((info, ""));
            let (language, state) = (language.to_owned(), state.to_owned());
            open = Some(Block { line, language, state, lines: Vec::new() });
        } else if let Some(title) = shown.strip_prefix("# ").or(shown.strip_prefix("## ")) {
            by_hand |= shown == "# By hand";
            let (title, blocks) = (title.to_owned(), Vec::new());
            pages.push(Page { by_hand, title, text: String::new(), blocks });
        } else {
            let page = pages.last_mut().unwrap();
            page.text += shown;
            page.text += "\n";
        }
    }
    assert!(open.is_none(), "a block is not closed");
    pages
}

fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in &block.lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step { command: command.to_owned(), says: Vec::new() });
            }
            (None, Some(step)) => step.says.push(line.clone()),
            (None, None) => panic!("line {}: a block begins with a command", block.line),
        }
    }
    steps
}

fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_alert_has_its_page_and_every_link_leads_somewhere() {
    let pages = pages();
    let anchors: BTreeSet<_> = pages.iter().map(|page| anchor(&page.title)).collect();
    assert_eq!(anchors.len(), pages.len(), "two pages have one name");
    for alert in crate::rules::alerts() {
        let page = pages.iter().find(|page| page.title == alert);
        let page = page.unwrap_or_else(|| panic!("{alert} has no page"));
        for part in ["**It means**", "**Users feel**", "**Look**", "**Do**", "**Escalate**"] {
            assert_eq!(page.text.matches(part).count(), 1, "{alert}: {part}");
        }
        let looks = page.blocks.iter().any(|block| block.language == "console");
        assert!(looks, "{alert}: nothing to look at");
    }
    for page in pages.iter().filter(|page| page.title.starts_with("Hookgate")) {
        assert!(crate::rules::alerts().contains(&page.title), "{}: no such alert", page.title);
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for page in &pages {
        for link in page.text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            match link.strip_prefix('#') {
                Some(to) => assert!(anchors.contains(to), "{}: #{to} is nowhere", page.title),
                None => assert!(here.join(link).exists(), "{}: no {link}", page.title),
            }
        }
    }
}

#[test]
fn every_command_of_the_runbook_does_what_it_says() {
    let mut calm = None;
    let (mut commands, mut outside, mut wrong) = (0, Vec::new(), Vec::new());
    for page in pages() {
        let mut own = None;
        for block in &page.blocks {
            let stage = match (page.by_hand, block.state.as_str()) {
                (false, "") => calm.get_or_insert_with(|| staged("")),
                (_, state) => own.get_or_insert_with(|| staged(state)),
            };
            match block.language.as_str() {
                "console" => {
                    for step in steps(block) {
                        let said = play(stage, &step);
                        let place = |said| format!("{} (line {})\n{said}", page.title, block.line);
                        wrong.extend(said.err().map(place));
                        commands += 1;
                        if step.command.contains("api.daily.co") {
                            outside.push(step.command);
                        }
                    }
                }
                "diff" => change(stage, block),
                other => panic!("line {}: nobody plays {other}", block.line),
            }
        }
    }
    println!("{commands} commands; {} of them to Daily, for their form only:", outside.len());
    for command in outside {
        println!("  {command}");
    }
    assert!(wrong.is_empty(), "{} of {commands} do not:\n{}", wrong.len(), wrong.join("\n"));
}

fn staged(state: &str) -> Stage {
    let stage = Stage::played();
    match state {
        "" => {}
        "stopped" => drop(stage.good("systemctl stop hookgate")),
        "silenced" => stage.write("run/daily-state", "FAILED 3 circuit-breaker\n"),
        "kafka-away" => {
            stage.without_kafka();
            stage.traffic();
            stage.until(r#".kafka.state == "down" and .kafka.backlog > 0"#);
        }
        other => panic!("nobody knows the state {other}"),
    }
    stage
}

fn placed(stage: &Stage, text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, (from, to)| {
        text.replace(from, stage.path(to).to_str().unwrap().trim_end_matches('/'))
    })
}

/// Runs a command; what is wrong with what it says.
fn play(stage: &Stage, step: &Step) -> Result<(), String> {
    let said = stage.says(&placed(stage, &step.command));
    let single_lines = |text: &str| text.lines().map(single).collect::<Vec<_>>();
    let (wanted, lines) =
        (single_lines(&placed(stage, &step.says.join("\n"))), single_lines(&said.text));
    if said.code == Some(0) && all_fit(&wanted, &lines) {
        return Ok(());
    }
    let (command, wanted, code) = (&step.command, step.says.join("\n"), said.code);
    Err(format!("$ {command}\nshould say:\n{wanted}\nand says ({code:?}):\n{}", said.text))
}

/// Runs of spaces as one.
fn single(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn all_fit(wanted: &[String], lines: &[String]) -> bool {
    match wanted.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=lines.len()).any(|skip| all_fit(rest, &lines[skip..]))
        }
        Some((first, rest)) => {
            lines.first().is_some_and(|line| fits(first, line)) && all_fit(rest, &lines[1..])
        }
    }
}

fn fits(wanted: &str, line: &str) -> bool {
    match wanted.split_once('…') {
        None => wanted == line,
        Some((before, rest)) => line.strip_prefix(before).is_some_and(|line| {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| fits(rest.trim_start(), line[at..].trim_start()))
        }),
    }
}

#[test]
fn expectations_can_fail() {
    let fit = |wanted: &[&str], lines: &[&str]| {
        let owned = |lines: &[&str]| lines.iter().map(|line| single(line)).collect::<Vec<_>>();
        all_fit(&owned(wanted), &owned(lines))
    };
    assert!(fit(&["a … c", "…", "d"], &["a  b c", "x", "y", "d"]) && fit(&["…", "a"], &["a"]));
    assert!(!fit(&["a"], &["a", "b"]) && !fit(&["a", "b"], &["a"]) && !fit(&["…", "a"], &["b"]));
    assert!(fits("{…\"b\":1…}", "{\"a\":0,\"b\":1,\"c\":2}"));
    assert!(!fits("a … c", "a b d") && !fits("a", "a b") && !fits("… c", "a b"));
}

/// Lines that begin with `-` stand in the configuration once and become those that begin with `+`;
/// without any the others go to its end.
fn change(stage: &Stage, block: &Block) {
    let of = |sign: char| -> String {
        let lines = block.lines.iter().filter_map(|line| line.strip_prefix(sign));
        lines.map(|line| placed(stage, line) + "\n").collect()
    };
    let (before, after) = (of('-'), of('+'));
    let text = std::fs::read_to_string(stage.path("hookgate.toml")).unwrap();
    let changed = match before.is_empty() {
        true => text + &after,
        false => {
            let count = text.matches(&before).count();
            assert_eq!(count, 1, "line {}: stands there {count} times:\n{before}", block.line);
            text.replace(&before, &after)
        }
    };
    stage.write("hookgate.toml", &changed);
}
