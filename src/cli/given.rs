//! Names that may not stand on a command line: read from a prompt, standard input or a file.
//!
//! Arguments are seen by every user of a machine and stay in a shell's history, so a provider's id
//! and a room's own name never stand there. What is read here goes into a request's body only.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Failure;
use crate::bounds;

/// Where a name comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// Asked for on the terminal.
    Prompt,
    /// Standard input.
    Stdin,
    /// A file that holds nothing else.
    File(PathBuf),
}

impl FromStr for From {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "prompt" => Self::Prompt,
            "-" => Self::Stdin,
            path => Self::File(path.into()),
        })
    }
}

impl From {
    /// Reads the one line that it is. `what` is asked for at a prompt, `option` named in errors.
    ///
    /// # Errors
    /// 2 for what is no line of text. Never quotes it.
    pub(super) fn read(&self, what: &str, option: &str) -> Result<String, Failure> {
        let wrong = |why: String| Failure::Usage(format!("{option}: {why}"));
        let most = bounds::ASK_NAME_BYTES_MAX;
        let bytes = match self {
            Self::Prompt => return prompt(what, option),
            Self::Stdin => limited(io::stdin().lock(), most),
            Self::File(path) => small_file(path, most),
        };
        let bytes = bytes.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).ok();
        let text = text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        let line = text.filter(|text| !text.is_empty() && !text.contains(char::is_control));
        line.ok_or_else(|| wrong("must be one line of text and nothing else".to_owned()))
    }
}

/// Asks for a line on the terminal.
fn prompt(what: &str, option: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        let text = format!("{option} prompt: there is no terminal; use - for standard input");
        return Err(Failure::Usage(text));
    }
    let line = asked(&format!("{what}: "))?;
    if line.is_empty() {
        return Err(Failure::Usage(format!("{option}: nothing was given")));
    }
    Ok(line)
}

/// Asks whether to go on. Without a terminal only `--yes` does.
///
/// # Errors
/// 2 where nobody can be asked.
pub(super) fn confirmed(yes: bool, question: &str) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        let text = "there is no terminal to ask on: add --yes to go on without a question";
        return Err(Failure::Usage(text.to_owned()));
    }
    let answer = asked(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What is typed in answer to a question on standard error.
fn asked(question: &str) -> Result<String, Failure> {
    let mut err = anstream::stderr().lock();
    let mut line = String::new();
    write!(err, "{question}")
        .and_then(|()| err.flush())
        .and_then(|()| io::stdin().read_line(&mut line))
        .map_err(|error| Failure::Other(error.into()))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A file that must be small.
pub(super) fn small_file(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    limited(File::open(path)?, bytes_max)
}

fn limited(reader: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        let text = format!("it has more than {bytes_max} bytes");
        return Err(io::Error::other(text));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_a_file_and_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("name");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            From::File(path.clone()).read("room", "--room-from")
        };
        assert_eq!(read("zoe's room\r\n").unwrap(), "zoe's room");
        for text in ["", "\n", "canary\ntwo\n", "canary\0"] {
            let Err(Failure::Usage(said)) = read(text) else { panic!("{text:?} is taken") };
            assert!(said.starts_with("--room-from: must be one line"), "{said}");
        }
        let Err(Failure::Usage(said)) = read(&"canary".repeat(1_000)) else { panic!("taken") };
        assert!(said.contains("more than") && !said.contains("canary"), "{said}");
    }
}
