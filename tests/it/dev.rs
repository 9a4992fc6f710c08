//! `hookgate dev` as its first viewer meets it: what is shown, in which order, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// `dev` with a folder of its own for what is temporary.
fn dev(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command.arg("dev").args(args).env_clear().env("TMPDIR", folder.path());
    command
}

fn left_behind(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

fn reads(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).filter(|line| line.starts_with("READ")).collect()
}

fn one_with(lines: &[String], words: &[&str]) -> bool {
    lines.iter().any(|line| words.iter().all(|word| line.contains(word)))
}

/// The lines up to the first that begins so.
fn until(lines: &mut Lines<BufReader<ChildStdout>>, begin: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for line in lines {
        seen.push(line.unwrap());
        if seen.last().unwrap().starts_with(begin) {
            return seen;
        }
    }
    panic!("it ended without `{begin}`: {seen:#?}");
}

/// A `dev` that serves; gone with the test.
struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Served {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Signals it: the rest of its lines and its exit code.
    fn end(&mut self, signal: &str) -> (Vec<String>, Option<i32>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        (rest, self.child.wait().unwrap().code())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Posts as the pasted line would; a shell takes its quotes apart. The answer's body.
fn paste(line: &str) -> String {
    let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{line}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = words.split_terminator('\0').collect();
    let behind = |option: &str| -> Vec<&str> {
        words.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1]).collect()
    };
    let url = words.iter().find_map(|word| word.strip_prefix("http://")).unwrap();
    let (host, path) = url.split_once('/').unwrap();
    let [body] = behind("--data-raw")[..] else { panic!("{line}") };
    let (headers, length) = (behind("-H").join("\r\n"), body.len());
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn the_whole_road_is_seen_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--seconds", "8", "--port", "0", "--rate", "50"];
    let output = dev(&folder, &args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(one_with(&lines, &["POST", "(forged)", "401 bad_signature"]), "{text}");
    assert!(one_with(&lines, &["POST", "(again)", "200 duplicate"]), "{text}");
    assert!(one_with(&lines, &["READ", "daily", "participant.joined", "Patient p1_"]), "{text}");
    assert!(one_with(&lines, &["READ", "livekit", "participant.joined", "Patient p1_"]), "{text}");
    assert!(text.trim_end().ends_with("the ledger balances."), "{text}");
    assert!(one_with(&lines, &["POST", "Zoë Canary"]), "a person is said: {text}");
    for line in reads(&lines) {
        assert!(!line.contains("Zoë") && !line.contains("Canary"), "{line}");
    }
    assert!(!text.contains('\u{1b}'), "no colours into a pipe");
    for line in &lines {
        assert!(line.chars().count() <= 120, "{line}");
    }
    assert_eq!(left_behind(&folder), 0);
}

#[test]
fn the_story_is_followed_by_totals_and_lines_that_work_until_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = dev(&folder, &["--port", "0", "--rate", "50"]);
    // Colours are asked for and forbidden: forbidden wins.
    command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    let mut served = Served::start(&mut command);
    let told = until(&mut served.lines, "Totals so far");
    assert_eq!(told.iter().filter(|line| line.contains("meeting.started")).count(), 1);
    assert_eq!(reads(&told).len(), 15, "{told:#?}");
    let offered = until(&mut served.lines, "kcat ");
    assert!(one_with(&offered, &["the ledger balances"]), "{offered:#?}");
    assert!(one_with(&offered, &["# livekit", "300 s"]), "{offered:#?}");
    assert!(offered.last().unwrap().contains(" -t video.participant "));
    let curls: Vec<&String> = offered.iter().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(curls.len(), 2);
    for (line, provider) in curls.into_iter().zip(["daily", "livekit"]) {
        assert!(paste(line).contains("\"accepted\""));
        assert!(paste(line).contains("\"duplicate\""));
        let seen = until(&mut served.lines, "READ");
        let read = seen.last().unwrap();
        assert!(read.contains(provider) && read.contains("participant.joined"), "{read}");
    }
    let (rest, code) = served.end("-TERM");
    assert_eq!(code, Some(0), "{rest:#?}");
    assert!(one_with(&rest, &["read", "17 records, 0 of them twice"]), "{rest:#?}");
    assert!(one_with(&rest, &["the ledger balances"]), "{rest:#?}");
    assert!(!format!("{told:?}{offered:?}{rest:?}").contains("\\u{1b}"));
    assert_eq!(left_behind(&folder), 0);
}

#[test]
fn without_traffic_the_lines_come_at_once_and_ctrl_c_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(&mut dev(&folder, &["--port", "0", "--no-traffic"]));
    let offered = until(&mut served.lines, "kcat ");
    assert!(!one_with(&offered, &["Totals"]) && reads(&offered).is_empty(), "{offered:#?}");
    let (rest, code) = served.end("-INT");
    assert_eq!(code, Some(0), "{rest:#?}");
    assert!(one_with(&rest, &["Totals"]), "{rest:#?}");
    assert_eq!(left_behind(&folder), 0);
}

#[test]
fn a_taken_port_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = dev(&folder, &["--port", &port.to_string()]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {port} ")) && said.contains("--port "), "{said}");
    assert_eq!(left_behind(&folder), 0);
}
